import {
  allGather,
  allGatherObject,
  allReduce,
  type Backend,
  broadcast,
  broadcastObjectList,
  destroyProcessGroup,
  initProcessGroup,
  isLaunched,
  isNcclAvailable,
  launchFromEnvironment,
  type ProcessGroup,
} from '../distributed/index.js';
import { native } from '../native/load.js';
import type { Module } from '../nn/index.js';
import { IoError, type IoErrorCode } from '../io/index.js';
import { cuda, noGrad, scopeAsync, type Tensor, tensor, zeros } from '../tensor/index.js';
import type { RunConfig } from './config-schema.js';
import { RankZeroFailed, UsageError } from './errors.js';
import { CUDA_GPUS, type Gpus } from './gpus.js';
import type { BatchResult } from './pass.js';
import { gpuOf, sharedGpu } from './rank-device.js';

/** What the first process tells the others before a run begins. */
export interface Told {
  readonly config: RunConfig;
  /** Whether the run goes on from the checkpoint in its folder. */
  readonly resumed: boolean;
}

/** What a process has to say before an iteration. */
interface Word {
  readonly notes: readonly string[];
  readonly failure: { readonly code: IoErrorCode; readonly message: string; readonly path: string } | null;
}

/** What a process tells the others of a failure. */
interface Failure {
  readonly message: string;
  /** Whether it is of the command line. */
  readonly usage: boolean;
}

/**
 * What the processes of a run are connected by: Gloo on the CPU, and NCCL between GPUs where that is built in. NCCL connects when it is
 * first used: a run on the CPU does without.
 */
const runBackend = (): Backend => (cuda.isAvailable() && isNcclAvailable() ? 'cpu:gloo,cuda:nccl' : 'gloo');

/**
 * The processes of a run. All take the same number of iterations, each on its own part of the pictures; the first one, rank 0,
 * writes the files.
 */
export class Ranks {
  readonly #group: ProcessGroup;
  readonly #localRank: number;
  /** What tells the GPU that this one has taken from others. */
  #gpu: string | null = null;
  #onGpu = false;
  #notes: string[] = [];

  private constructor(group: ProcessGroup, localRank: number) {
    this.#group = group;
    this.#localRank = localRank;
  }

  /**
   * Connects this process with the others, where a launcher has started several.
   * @param timeout milliseconds that they wait for each other, here and later; default half an hour.
   * @returns null for a process that was started alone.
   * @throws TorchError in one line for a launch that cannot be, and for processes that do not come.
   */
  static async join(timeout?: number): Promise<Ranks | null> {
    if (!isLaunched()) return null;
    const { worldSize, localRank } = launchFromEnvironment();
    if (worldSize === 1) return null;
    const options = { backend: runBackend(), ...(timeout !== undefined && { timeout }) };
    return new Ranks(await initProcessGroup(options), localRank);
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

  /** What rank 0 gives, for all. */
  async fromFirst<T>(value: T): Promise<T> {
    const [first = value] = await broadcastObjectList<T>([value]);
    return first;
  }

  /**
   * Makes `cuda` the GPU of this process, before anything is made there.
   * @param device that of the run.
   * @throws UsageError in one line where there is none for it.
   */
  takeGpu(device: string, gpus: Gpus = CUDA_GPUS): void {
    const onGpu = device.startsWith('cuda');
    const index = gpuOf(device, { localRank: this.#localRank, gpus: onGpu ? gpus.count() : 0 });
    if (index === null) return;
    gpus.use(index);
    this.#onGpu = true;
    this.#gpu = gpus.idOf(index);
  }

  /**
   * Compares the GPUs that all have taken.
   * @throws UsageError on rank 0 where two are one, RankZeroFailed on the others.
   */
  async compareGpus(): Promise<void> {
    const wrong = sharedGpu(await this.gathered(this.#gpu));
    if (wrong !== null) throw this.isFirst ? new UsageError(wrong) : new RankZeroFailed();
  }

  /** Whether tensors on GPUs go through Gloo, by way of the CPU. */
  get isWithoutNccl(): boolean {
    return !this.#group.backend.includes('nccl');
  }

  /**
   * Does the same on all, first on rank 0: what it fetches or unpacks the others find.
   * @throws as {@link together}.
   */
  async inTurn<T>(prepare: () => Promise<T>): Promise<T> {
    const outcome = this.isFirst ? await outcomeOf(prepare) : null;
    const fails = await this.fromFirst(outcome !== null && 'error' in outcome);
    if (!fails) return this.together(outcome === null ? prepare : () => settled(outcome));
    throw outcome !== null && 'error' in outcome ? outcome.error : new RankZeroFailed();
  }

  /**
   * Does the same on all at once, without words between them.
   * @throws on rank 0 what it failed with, or which other rank failed and why; RankZeroFailed on the others.
   */
  async together<T>(prepare: () => T | Promise<T>): Promise<T> {
    const outcome = await outcomeOf(prepare);
    const own: Failure | null =
      'error' in outcome ? { message: outcome.error.message, usage: outcome.error instanceof UsageError } : null;
    const failures = await allGatherObject(own);
    const failed = failures.findIndex((each) => each !== null);
    const failure = failures[failed] ?? null;
    if (failure === null) return settled(outcome);
    if (!this.isFirst) throw new RankZeroFailed();
    if ('error' in outcome) throw outcome.error;
    const line = `rank ${failed}: ${failure.message}`;
    throw failure.usage ? new UsageError(line) : new Error(line);
  }

  /** Has rank 0 say a line before the next iteration. */
  note(line: string): void {
    this.#notes.push(line);
  }

  /**
   * Before an iteration on pictures in files: whether all have them.
   * @param failure what is wrong with this process's own.
   * @returns what is wrong with the first rank's, and the lines that others wanted to be said.
   */
  async ready(failure: IoError | null): Promise<{ failure: IoError | null; notes: readonly string[] }> {
    const silent = tensor([failure === null && this.#notes.length === 0 ? 0 : 1]);
    try {
      await allReduce(silent);
      if (silent.item() === 0) return { failure: null, notes: [] };
    } finally {
      silent.dispose();
    }
    const own = failure === null ? null : { code: failure.code, message: failure.message, path: failure.path ?? '' };
    const words = await allGatherObject<Word>({ notes: this.#notes, failure: own });
    this.#notes = [];
    const first = words.find((word) => word.failure !== null)?.failure ?? null;
    return {
      failure: first === null ? null : new IoError(first.code, first.message, first.path),
      notes: words.flatMap(({ notes }) => notes),
    };
  }

  /**
   * After a round of a pass whose batches are dealt out.
   * @param numbers what came out here, always as many; null for a process that had no batch.
   * @returns what came out everywhere, in the order of the batches, and whether one of them is to stop.
   */
  async share(
    numbers: readonly number[] | null,
    width: number,
    stop: boolean,
  ): Promise<{ results: number[][]; stop: boolean }> {
    return scopeAsync(async () => {
      const own = [stop ? 1 : 0, numbers === null ? 0 : 1, ...(numbers ?? Array<number>(width).fill(0))];
      const outputs = Array.from({ length: this.size }, () => zeros([own.length], { dtype: 'float64' }));
      await allGather(outputs, tensor(own, { dtype: 'float64' }));
      const all = outputs.map((each) => [...(each.toTypedArray() as Float64Array)]);
      return {
        results: all.filter(([, has]) => has === 1).map((each) => each.slice(2)),
        stop: all.some(([stops]) => stops === 1),
      };
    });
  }

  /** The plain data of all processes, in their order. */
  gathered<T>(value: T): Promise<T[]> {
    return allGatherObject(value);
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

  /**
   * A tensor of every process, in their order, as states of random numbers are.
   * @param own uint8 on the CPU, of one shape everywhere; it is disposed of.
   * @returns new tensors, which the caller disposes of.
   */
  async gatheredStates(own: Tensor): Promise<Tensor[]> {
    const states = Array.from({ length: this.size }, () => zeros(own.shape, { dtype: 'uint8' }));
    await allGather(states, own);
    own.dispose();
    return states;
  }

  /** Has what to do be said also where a thread of NCCL ends the process, which no error of this one comes from. */
  tellAtEnd(way: string): void {
    native.setWayOn(way);
  }

  /**
   * Before the end of processes on GPUs: NCCL's connections on a machine are given up by all together, and rank 0 has had a test to do.
   * @returns whether all have come; one that has failed does not.
   */
  async meetAtEnd(): Promise<boolean> {
    if (!this.#onGpu) return true;
    try {
      await this.gathered(null);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Ends the connection.
   * @param failed then NCCL is not waited for: what it is at may never end. The end of the process aborts it.
   */
  leave({ failed = false } = {}): void {
    if (!failed || this.isWithoutNccl) destroyProcessGroup();
  }
}

type Outcome<T> = { readonly made: T } | { readonly error: Error };

async function outcomeOf<T>(prepare: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { made: await prepare() };
  } catch (error) {
    return { error: error as Error };
  }
}

function settled<T>(outcome: Outcome<T>): T {
  if ('error' in outcome) throw outcome.error;
  return outcome.made;
}
