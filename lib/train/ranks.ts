import {
  allGather,
  allReduce,
  broadcast,
  broadcastObjectList,
  destroyProcessGroup,
  initProcessGroup,
  isLaunched,
  launchFromEnvironment,
  type ProcessGroup,
} from '../distributed/index.js';
import type { Module } from '../nn/index.js';
import { getRngState, noGrad, type Tensor, tensor, zeros } from '../tensor/index.js';
import type { RunConfig } from './config-schema.js';
import { RankZeroFailed } from './errors.js';
import type { BatchResult } from './pass.js';

/** What the first process tells the others before a run begins. */
export interface Told {
  readonly config: RunConfig;
  /** Whether the run goes on from the checkpoint in its folder. */
  readonly resumed: boolean;
}

/**
 * The processes of a run. All take the same number of iterations, each on its own part of the pictures; the first one, rank 0,
 * writes the files.
 */
export class Ranks {
  readonly #group: ProcessGroup;

  private constructor(group: ProcessGroup) {
    this.#group = group;
  }

  /**
   * Connects this process with the others, where a launcher has started several.
   * @param timeout milliseconds that they wait for each other, here and later; default half an hour.
   * @returns null for a process that was started alone.
   * @throws TorchError in one line for a launch that cannot be, and for processes that do not come.
   */
  static async join(timeout?: number): Promise<Ranks | null> {
    if (!isLaunched() || launchFromEnvironment().worldSize === 1) return null;
    return new Ranks(await initProcessGroup(timeout === undefined ? {} : { timeout }));
  }

  /** Number of this process. */
  get rank(): number {
    return this.#group.rank;
  }

  /** How many there are. */
  get size(): number {
    return this.#group.size;
  }

  /** Whether this process writes. */
  get isFirst(): boolean {
    return this.rank === 0;
  }

  /** Rank 0 tells what all are to do; null says that it cannot. */
  async tell(told: Told | null): Promise<void> {
    await broadcastObjectList([told]);
  }

  /** @throws RankZeroFailed where rank 0 has none. */
  async hear(): Promise<Told> {
    const [told = null] = await broadcastObjectList<Told | null>([null]);
    if (told === null) throw new RankZeroFailed();
    return told;
  }

  /**
   * After an iteration: the mean of what all processes got, and whether one of them is to stop.
   * @param result null where there is only the stop to agree on.
   */
  async agree(result: BatchResult | null, stop: boolean): Promise<{ result: BatchResult | null; stop: boolean }> {
    const sums = tensor([stop ? 1 : 0, result?.loss ?? 0, result?.error ?? 0], { dtype: 'float64' });
    try {
      await allReduce(sums);
      const [stops = 0, loss = 0, error = 0] = sums.toTypedArray() as Float64Array;
      return {
        result: result === null ? null : { loss: Math.fround(loss / this.size), error: error / this.size },
        stop: stops > 0,
      };
    } finally {
      sums.dispose();
    }
  }

  /** Gives all processes the buffers of rank 0. */
  async syncBuffers(model: Module): Promise<void> {
    for (const buffer of model.buffers()) {
      const plain = noGrad(() => buffer.detach());
      await broadcast(plain);
      plain.dispose();
    }
  }

  /** The states of the random numbers of all processes, in their order; the caller disposes of them. */
  async rngStates(): Promise<Tensor[]> {
    const own = getRngState();
    const states = Array.from({ length: this.size }, () => zeros(own.shape, { dtype: 'uint8' }));
    await allGather(states, own);
    own.dispose();
    return states;
  }

  /** Ends the connection. */
  leave(): void {
    destroyProcessGroup();
  }
}
