import { native } from '../native/load.js';
import { Module } from '../nn/index.js';
import { isGradEnabled, noGrad, scope, Tensor, TorchError } from '../tensor/index.js';
import { writeTape } from '../tensor/tape.js';
import { groupOf } from './groups.js';
import type { ProcessGroup } from './process-group.js';

/** c10d's size of what is broadcast at once: 250 MB. */
const BROADCAST_BYTES = 250 * 1024 * 1024;
const MEGABYTE = 1024 * 1024;

/** Options of {@link DistributedDataParallel}. */
export interface DistributedDataParallelOptions {
  /** Default the whole job. */
  readonly group?: ProcessGroup;
  /** Whether buffers (batch norm's running statistics) are those of rank 0 at every forward while gradients are synchronised. Default true. */
  readonly broadcastBuffers?: boolean;
  /** Whether parameters and buffers begin as those of rank 0, and their shapes are compared. Default true. */
  readonly initSync?: boolean;
  /** Megabytes of gradients that are reduced at once. Default 25, of which the first ones to be ready are 1. */
  readonly bucketCapMb?: number;
  /** Whether a forward may leave parameters out; then each forward's graph is searched for them. Default false. */
  readonly findUnusedParameters?: boolean;
  /** Whether gradients are views of what is reduced: saves a copy of them. Default false. */
  readonly gradientAsBucketView?: boolean;
}

const forgotten = new FinalizationRegistry<number>((number) => {
  native.releaseReducer(number);
});

/**
 * A module whose gradients are averaged over the processes of a group, while backward still computes others: c10d's
 * Reducer, with the buckets, their order and the bits of PyTorch's DistributedDataParallel. Each process works on its own part of
 * the data; parameters stay equal everywhere if they are stepped by the same rule. Forward and backward wait for the other
 * processes on JavaScript's thread, `backwardAsync` off it, at most as long as the group's timeout.
 *
 * All processes make it at the same time. `dispose()` of it when it is no longer wanted: the module goes on by itself.
 * @see torch.nn.parallel.DistributedDataParallel
 */
export class DistributedDataParallel<M extends Module = Module> extends Module {
  readonly module: M;
  readonly #group: ProcessGroup;
  readonly #reducer: number;
  readonly #findUnused: boolean;
  readonly #broadcastBuffers: boolean;
  #synchronise = true;
  #forwardSync = true;
  #disposed = false;

  /**
   * @throws TorchError `value` for a module without parameters that require gradients; in c10d's words where another process has
   * other parameters.
   */
  constructor(module: M, options: DistributedDataParallelOptions = {}) {
    super();
    const { broadcastBuffers = true, initSync = true, bucketCapMb, findUnusedParameters = false } = options;
    this.module = module;
    this.#group = groupOf(options.group);
    this.#broadcastBuffers = broadcastBuffers;
    this.#findUnused = findUnusedParameters;
    if (bucketCapMb !== undefined && !(bucketCapMb > 0)) {
      throw new TorchError('value', `Expected a number above 0 for bucketCapMb but received ${bucketCapMb}`);
    }
    const named = module.namedParameters().filter(([, parameter]) => parameter.requiresGrad);
    if (named.length === 0) {
      throw new TorchError(
        'runtime',
        "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a gradient.",
      );
    }
    const parameters = named.map(([, parameter]) => parameter);
    if (initSync) {
      writeTape(parameters);
      native.verifyParameters(this.#group.number);
      this.#broadcast([...module.parameters(), ...(broadcastBuffers ? module.buffers() : [])]);
    }
    const cap = Math.trunc((bucketCapMb ?? 25) * MEGABYTE);
    writeTape(parameters);
    this.#reducer = native.newReducer(
      this.#group.number,
      cap,
      bucketCapMb === undefined ? MEGABYTE : cap,
      findUnusedParameters,
      options.gradientAsBucketView ?? false,
      named.map(([name]) => name),
    );
    forgotten.register(this, this.#reducer, this);
  }

  /** What the module returns. */
  override forward(...input: Parameters<M['forward']>): ReturnType<M['forward']> {
    const reducer = this.#alive();
    const recording = isGradEnabled();
    if (recording && this.#synchronise) native.prepareForForward(reducer);
    if (recording) native.rebuildBuckets(reducer);
    if (this.#broadcastBuffers && this.#forwardSync) this.#broadcast(this.module.buffers());
    const output = (this.module as Module).call(...(input as unknown[]));
    this.#forwardSync = recording && this.#synchronise;
    if (this.#forwardSync) {
      writeTape(this.#findUnused ? tensorsIn(output) : []);
      native.prepareForBackward(reducer);
    }
    return output as ReturnType<M['forward']>;
  }

  /**
   * Within `fn`, backward only adds to the gradients of this process; the first backward after it, of a forward after it,
   * averages the sum. The forward too must be inside.
   * @see torch.nn.parallel.DistributedDataParallel.no_sync
   */
  noSync<T>(fn: () => T): T {
    const before = this.#synchronise;
    this.#synchronise = false;
    try {
      return fn();
    } finally {
      this.#synchronise = before;
    }
  }

  /** Elements of the parameters of each bucket, in the order in which buckets are reduced. */
  buckets(): number[][] {
    const buckets: number[][] = [[]];
    for (const elements of native.reducerBuckets(this.#alive())) {
      if (elements < 0) buckets.push([]);
      else buckets.at(-1)!.push(elements);
    }
    return buckets.slice(0, -1);
  }

  /** Takes the averaging off the parameters and frees the buckets. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    forgotten.unregister(this);
    native.releaseReducer(this.#reducer);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #alive(): number {
    if (this.#disposed) throw new TorchError('disposed', 'this DistributedDataParallel was disposed of');
    return this.#reducer;
  }

  #broadcast(tensors: readonly Tensor[]): void {
    if (tensors.length === 0) return;
    scope(() =>
      noGrad(() => {
        writeTape(tensors.map((each) => each.detach()));
        native.broadcastCoalesced(this.#group.number, BROADCAST_BYTES, 0);
      }),
    );
  }
}

/** The tensors in what a module returns. */
function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (typeof value !== 'object' || value === null) return [];
  const values = value instanceof Map ? [...value.values()] : Object.values(value);
  return values.flatMap(tensorsIn);
}
