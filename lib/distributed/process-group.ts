import { native } from '../native/load.js';
import { TorchError } from '../tensor/index.js';
import { type Backend, type BackendDevice, parseBackend, backendPairs } from './backend.js';
import type { Store } from './store.js';

/** What a group is connected with. @internal */
export interface ConnectOptions {
  readonly backend: Backend;
  /** Milliseconds. */
  readonly timeout: number;
  /** Address of this machine; '' for PyTorch's choice. */
  readonly host: string;
  /** The device that it is bound to; '' for none. */
  readonly deviceId: string;
}

const forgotten = new FinalizationRegistry<number>((number) => {
  native.destroyProcessGroup(number);
});

/**
 * Processes that work together. Made by `initProcessGroup` and `newGroup`.
 * @see torch.distributed.ProcessGroup
 */
export class ProcessGroup {
  readonly #number: number;
  #destroyed = false;

  /**
   * @internal Connects the processes `ranks`, each of which calls this; `place.rank` is this one's number among them. The name keeps
   * groups of one store apart.
   */
  static async connect(
    store: Store,
    place: { readonly name: string; readonly ranks: readonly number[]; readonly rank: number },
    { backend, timeout, host, deviceId }: ConnectOptions,
  ): Promise<ProcessGroup> {
    const { name, ranks, rank } = place;
    const pairs = backendPairs(backend);
    const number = await native.newProcessGroup(pairs, store.number, name, rank, ranks, host, timeout, deviceId);
    return new ProcessGroup(number, backend, name, store, ranks, rank, timeout);
  }

  private constructor(
    number: number,
    readonly backend: Backend,
    readonly name: string,
    /** Where its processes met. */
    readonly store: Store,
    /** The ranks of the whole job that belong to it; their place here is their rank in the group. */
    readonly ranks: readonly number[],
    /** Number of this process in the group. */
    readonly rank: number,
    /** How long its collectives wait, in milliseconds. */
    readonly timeout: number,
  ) {
    this.#number = number;
    forgotten.register(this, number, this);
  }

  /** Kinds of devices whose tensors its collectives take. */
  get deviceTypes(): readonly BackendDevice[] {
    return [...parseBackend(this.backend).keys()];
  }

  /** How many processes it has. */
  get size(): number {
    return this.ranks.length;
  }

  /** @internal its number in the addon */
  get number(): number {
    if (this.#destroyed) throw new TorchError('disposed', 'this process group was destroyed: it can be used no longer');
    return this.#number;
  }

  get isDestroyed(): boolean {
    return this.#destroyed;
  }

  /** The rank in the group of a rank of the whole job. @throws TorchError `value` */
  groupRank(globalRank: number): number {
    const rank = this.ranks.indexOf(globalRank);
    if (rank < 0) {
      throw new TorchError(
        'value',
        `Global rank ${globalRank} is not part of group ${this.name}, whose ranks are ${this.ranks.join(', ')}`,
      );
    }
    return rank;
  }

  /** @internal */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    forgotten.unregister(this);
    native.destroyProcessGroup(this.#number);
  }
}

/** @internal Where tensors are made that only carry words between processes: the CPU where the group has it, else its current GPU. */
export const controlDevice = (group: ProcessGroup): BackendDevice =>
  group.deviceTypes.includes('cpu') ? 'cpu' : 'cuda';
