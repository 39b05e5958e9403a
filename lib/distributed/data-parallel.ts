import { native } from '../native/load.js';
import { Embedding, Module } from '../nn/index.js';
import { type Device, isGradEnabled, noGrad, scope, tensor, type Tensor, TorchError } from '../tensor/index.js';
import { refusePromise } from '../tensor/scope.js';
import { wrap, writeTape } from '../tensor/tape.js';
import { allReduce } from './collectives.js';
import {
  checkHook,
  checkOptions,
  type CommHook,
  type DistributedDataParallelOptions,
} from './data-parallel-options.js';
import { groupOf } from './groups.js';
import * as joining from './join.js';
import type { Joinable, JoinHook, JoinOptions } from './join.js';
import { tensorsIn, tiedOutputs } from './module-outputs.js';
import type { ProcessGroup } from './process-group.js';

/** c10d's size of what is broadcast at once: 250 MB. */
const BROADCAST_BYTES = 250 * 1024 * 1024;
const MEGABYTE = 1024 * 1024;

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
export class DistributedDataParallel<M extends Module = Module> extends Module implements Joinable {
  readonly module: M;
  readonly #group: ProcessGroup;
  readonly #reducer: number;
  /** Where the first parameter is. */
  readonly #device: Device;
  readonly #findUnused: boolean;
  readonly #staticGraph: boolean;
  readonly #broadcastBuffers: boolean;
  #synchronise = true;
  #forwardSync = true;
  #divideByAll = true;
  #disposed = false;

  /**
   * @throws TorchError `type` for an option that there is not; `runtime` for a module without parameters that require gradients; `value` for
   * parameters on devices of several types; `device` where the group does not serve their device; in c10d's words where another process has
   * other parameters.
   */
  constructor(module: M, options: DistributedDataParallelOptions = {}) {
    super();
    checkOptions(options);
    const {
      broadcastBuffers = true,
      initSync = true,
      bucketCapMb,
      findUnusedParameters = false,
      staticGraph = false,
    } = options;
    this.module = module;
    this.#group = groupOf(options.group);
    this.#broadcastBuffers = broadcastBuffers;
    this.#staticGraph = staticGraph;
    this.#findUnused = findUnusedParameters && !staticGraph;
    const named = module.namedParameters().filter(([, parameter]) => parameter.requiresGrad);
    if (named.length === 0) {
      throw new TorchError(
        'runtime',
        "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a gradient.",
      );
    }
    this.#device = deviceOf(module.parameters());
    const parameters = named.map(([, parameter]) => parameter);
    if (initSync) {
      writeTape(parameters);
      native.verifyParameters(this.#group.number);
      this.#broadcast(this.#states(), 0);
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
      sparseNames(module, named),
      staticGraph,
    );
    forgotten.register(this, this.#reducer, this);
  }

  /** What the module returns. */
  override forward(...input: Parameters<M['forward']>): ReturnType<M['forward']> {
    const reducer = this.#alive();
    const recording = isGradEnabled();
    if (recording && this.#synchronise) native.prepareForForward(reducer);
    const notice = joining.notifyJoinContext(this);
    if (notice !== null) {
      native.setForwardWork(reducer, notice.number, this.#divideByAll);
      notice.forget();
    }
    if (recording) native.rebuildBuckets(reducer);
    if (this.#sendsBuffers()) {
      this.#broadcast(this.module.buffers(), joining.isJoining(this) ? this.#commonRank(true) : 0);
    }
    if (joining.isJoining(this)) {
      scope(() => {
        allReduce(joining.vote(this.#synchronise ? 1 : 0, this.#device), { group: this.#group }).forget();
      });
    }
    const output = (this.module as Module).call(...(input as unknown[]));
    this.#forwardSync = recording && this.#synchronise;
    if (this.#forwardSync) {
      writeTape(this.#findUnused ? tensorsIn(output) : []);
      native.prepareForBackward(reducer);
    }
    return this.#tied(output, reducer) as ReturnType<M['forward']>;
  }

  /** The output such that backward from any part of it tells the reducer what it must know. */
  #tied(output: unknown, reducer: number): unknown {
    if (this.#staticGraph) {
      if (!native.delaysReduction(reducer)) return output;
      return tiedOutputs(output, (tensors) => {
        writeTape(tensors);
        return native.delayReduction(reducer).map((slot) => wrap(slot) as Tensor);
      });
    }
    return this.#findUnused && isGradEnabled() ? tiedOutputs(output) : output;
  }

  /**
   * Says how gradients are averaged; once, before the first backward, on all processes alike.
   * @throws TorchError `value` for a hook that there is not; in c10d's words for a second one.
   * @see torch.nn.parallel.DistributedDataParallel._register_builtin_comm_hook
   */
  registerCommHook(hook: CommHook): void {
    const reducer = this.#alive();
    checkHook(hook);
    native.registerCommHook(reducer, hook);
  }

  /**
   * Within `fn`, backward only adds to the gradients of this process; the first backward after it, of a forward after it,
   * averages the sum. The forward too must be inside.
   * @param fn a synchronous function.
   * @throws TorchError `type` for a function that returns a Promise.
   * @see torch.nn.parallel.DistributedDataParallel.no_sync
   */
  noSync<T>(fn: () => T): T {
    const before = this.#synchronise;
    this.#synchronise = false;
    try {
      const result = fn();
      refusePromise(result, 'noSync');
      return result;
    } finally {
      this.#synchronise = before;
    }
  }

  /**
   * Runs a training loop whose number of batches may differ between the processes: {@link join} of this module alone.
   * Afterwards all have the parameters and buffers of the process that had batches longest.
   * @see torch.nn.parallel.DistributedDataParallel.join
   */
  join<T>(fn: () => T | Promise<T>, options: JoinOptions = {}): Promise<T> {
    return joining.join([this], fn, options);
  }

  get joinProcessGroup(): ProcessGroup {
    return this.#group;
  }

  get joinDevice(): Device {
    return this.#device;
  }

  /** What a process without batches does for the forward and backward of the others. */
  joinHook({ divideByInitialWorldSize = true }: JoinOptions = {}): JoinHook {
    this.#divideByAll = divideByInitialWorldSize;
    return {
      mainHook: async () => {
        const reducer = this.#alive();
        native.rebuildBuckets(reducer);
        if (this.#sendsBuffers()) this.#broadcast(this.module.buffers(), this.#commonRank(false));
        this.#forwardSync = (await joining.sumOver(this.#group, 0, this.#device)) !== 0;
        if (this.#forwardSync) await native.shadowBackward(reducer);
      },
      postHook: (isLastJoiner) => {
        this.#broadcast(this.#states(), this.#commonRank(isLastJoiner));
      },
    };
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

  /** What is equal on all processes. */
  #states(): Tensor[] {
    return [...this.module.parameters(), ...(this.#broadcastBuffers ? this.module.buffers() : [])];
  }

  #sendsBuffers(): boolean {
    return this.#broadcastBuffers && this.#forwardSync && this.module.buffers().length > 0;
  }

  /** The highest rank of those that stand for it. */
  #commonRank(standing: boolean): number {
    return scope(() => {
      const own = tensor([standing ? this.#group.rank : -1], { dtype: 'int64', device: this.#device });
      return allReduce(own, { group: this.#group, op: 'max' }).wait().item();
    });
  }

  #broadcast(tensors: readonly Tensor[], root: number): void {
    if (tensors.length === 0) return;
    scope(() =>
      noGrad(() => {
        writeTape(tensors.map((each) => each.detach()));
        native.broadcastCoalesced(this.#group.number, BROADCAST_BYTES, root);
      }),
    );
  }
}

/** The device of the first one. @throws TorchError `value` in PyTorch's words for devices of several types. */
function deviceOf(parameters: readonly Tensor[]): Device {
  const types = new Set(parameters.map(({ device }) => device.replace(/:.*/, '')));
  if (types.size > 1) {
    const names = [...types].map((type) => `'${type}'`).join(', ');
    throw new TorchError(
      'value',
      `DistributedDataParallel's input module must be on the same type of devices, but input module parameters locate in {${names}}.`,
    );
  }
  return parameters[0]!.device;
}

/** Names of parameters whose gradients are sparse: those of tables of words that say so. */
function sparseNames(module: Module, named: readonly [string, Tensor][]): string[] {
  const tables = module.modules().filter((each) => each instanceof Embedding && each.sparse) as Embedding[];
  const weights = new Set<Tensor>(tables.map(({ weight }) => weight));
  return named.filter(([, parameter]) => weights.has(parameter)).map(([name]) => name);
}
