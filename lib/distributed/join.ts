import { type Device, ones, scope, type Tensor, TorchError, zeros } from '../tensor/index.js';
import { warnOnce } from '../tensor/warn-once.js';
import { allReduce } from './collectives.js';
import { controlDevice, type ProcessGroup } from './process-group.js';
import type { Work } from './work.js';

/** Options of {@link join}. */
export interface JoinOptions {
  /**
   * Whether gradients are divided by the size of the group to the end, so that every sample weighs as much; else by the number of
   * processes that still have batches. Default true. Read by {@link DistributedDataParallel}.
   */
  readonly divideByInitialWorldSize?: boolean;
  /** False switches all of it off, where the batches are known to be even. Default true. */
  readonly enable?: boolean;
  /** Whether every process throws as soon as one has no batches left. Default false. */
  readonly throwOnEarlyTermination?: boolean;
}

/** What a process that has no batches left does for the others. @see torch.distributed.algorithms.JoinHook */
export interface JoinHook {
  /** Takes part in the collectives of one iteration of the others; called as long as somebody has batches. */
  mainHook?(): void | Promise<void>;
  /** Called once when nobody has any. @param isLastJoiner whether this process was one of the last. */
  postHook?(isLastJoiner: boolean): void | Promise<void>;
}

/**
 * What can be trained with uneven numbers of batches. It calls {@link notifyJoinContext} before the collectives of an iteration.
 * @see torch.distributed.algorithms.Joinable
 */
export interface Joinable {
  /** The processes of its collectives. */
  readonly joinProcessGroup: ProcessGroup;
  /** Where the tensors are that tell who has batches; of several joinables the first one's counts. Default a device that the group serves. */
  readonly joinDevice?: Device;
  joinHook(options: JoinOptions): JoinHook;
}

interface Context {
  readonly enable: boolean;
  readonly throwOnEarlyTermination: boolean;
  /** The first one speaks for all. */
  readonly isFirst: boolean;
}

const contexts = new WeakMap<Joinable, Context>();
const MANY = 1000;

/** Whether it is inside of a {@link join} that is not switched off. @internal */
export const isJoining = (joinable: Joinable): boolean => contexts.get(joinable)?.enable === true;

/**
 * Runs a training loop whose number of batches may differ between the processes: one that has finished goes on taking part in the
 * collectives of the others until all have finished. Every process calls it with the same joinables, in the same order
 * (a {@link DistributedDataParallel} before a {@link ZeroRedundancyOptimizer}). Other collectives in the loop (those of
 * {@link SyncBatchNorm} too) are not taken part in: with them only `throwOnEarlyTermination` ends well.
 * @param fn the loop. What it throws is thrown at once, and the others end with an error or their timeout.
 * @throws TorchError (as a rejection) `value` without joinables or with several groups; `runtime` in PyTorch's words with
 * `throwOnEarlyTermination`; what the collectives throw.
 * @see torch.distributed.algorithms.Join
 */
export async function join<T>(
  joinables: readonly Joinable[],
  fn: () => T | Promise<T>,
  options: JoinOptions = {},
): Promise<T> {
  const [first] = joinables;
  if (first === undefined) {
    throw new TorchError('value', 'The join context manager requires at least one joinable');
  }
  const group = first.joinProcessGroup;
  if (joinables.some((each) => each.joinProcessGroup !== group)) {
    throw new TorchError('value', 'Using join context manager with multiple process groups');
  }
  if (new Set(joinables).size < joinables.length || joinables.some((each) => contexts.has(each))) {
    throw new TorchError('value', 'Expected joinables that are not joined already, each once');
  }
  const { enable = true, throwOnEarlyTermination = false } = options;
  const hooks = joinables.map((each) => each.joinHook(options));
  for (const each of joinables) contexts.set(each, { enable, throwOnEarlyTermination, isFirst: each === first });
  try {
    const result = await fn();
    if (enable) await shadow(hooks, group, deviceOf(first), throwOnEarlyTermination);
    return result;
  } finally {
    for (const each of joinables) contexts.delete(each);
  }
}

const deviceOf = ({ joinDevice, joinProcessGroup }: Joinable): Device => joinDevice ?? controlDevice(joinProcessGroup);

/** Takes part in what the others do until they have finished. */
async function shadow(hooks: readonly JoinHook[], group: ProcessGroup, device: Device, throws: boolean): Promise<void> {
  let isLastJoiner = true;
  for (let iteration = 0; (await sumOver(group, 0, device)) > 0; iteration++) {
    if (throws) {
      await sumOver(group, 1, device);
      throw new TorchError('runtime', `Rank ${group.rank} exhausted all inputs.`);
    }
    if (iteration > MANY) {
      warnOnce(
        `Detected uneven input skew of greater than ${MANY}. This means that rank ${group.rank} has at least ${MANY} fewer inputs than other currently-active ranks. This level of skew could lead to performance degradation during training.`,
      );
    }
    for (const hook of hooks) await hook.mainHook?.();
    isLastJoiner = false;
  }
  for (const hook of hooks) await hook.postHook?.(isLastJoiner);
}

/** @internal What a process gives to the sum. */
export const vote = (own: 0 | 1, device: Device): Tensor =>
  own === 0 ? zeros([1], { device }) : ones([1], { device });

/** @internal The sum of what the processes of a group give. */
export async function sumOver(group: ProcessGroup, own: 0 | 1, device: Device): Promise<number> {
  const sum = vote(own, device);
  try {
    await allReduce(sum, { group });
    return sum.item();
  } finally {
    sum.dispose();
  }
}

/**
 * Tells the processes that have no batches left that this one has; called before the first collective of an iteration.
 * @returns the sum over all processes of those that have, under way; null outside of {@link join}, and of all but its first joinable.
 * @throws TorchError `runtime` in PyTorch's words where one has none and `throwOnEarlyTermination` is set.
 * @see torch.distributed.algorithms.Join.notify_join_context
 */
export function notifyJoinContext(joinable: Joinable): Work<unknown> | null {
  const context = contexts.get(joinable);
  if (context?.enable !== true || !context.isFirst) return null;
  const group = joinable.joinProcessGroup;
  const device = deviceOf(joinable);
  const one = vote(1, device);
  const work = allReduce(one, { group });
  one.dispose(); // the collective has its own hold on it
  if (!context.throwOnEarlyTermination) return work;
  const exhausted = scope(() => allReduce(vote(0, device), { group }).wait().item());
  if (exhausted === 0) return work;
  work.forget();
  throw new TorchError('runtime', 'Detected at least one rank that exhausted inputs. Throwing across all ranks.');
}
