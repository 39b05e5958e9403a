import { native } from '../native/load.js';
import { TorchError } from '../tensor/index.js';
import type { Store } from './store.js';

/** Where collectives run. NCCL, for GPUs, is not built in. */
export type Backend = 'gloo';

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
    { backend = 'gloo', timeout, host = '' }: { backend?: Backend; timeout: number; host?: string },
  ): Promise<ProcessGroup> {
    const { name, ranks, rank } = place;
    const number = await native.newProcessGroup(backend, store.number, name, rank, ranks.length, host, timeout);
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
