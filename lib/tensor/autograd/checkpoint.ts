import { native } from '../../native/load.js';
import { CheckpointError, TorchError } from '../errors.js';
import { isGradEnabled } from '../grad-mode.js';
import { refusePromise, scope } from '../scope.js';
import { intercept, writeTape } from '../tape.js';
import { warnOnce } from '../warn-once.js';
import { Callback, onCallback } from './callbacks.js';
import { CheckpointDebug, isDebugEnabled, pendingFailure } from './checkpoint-debug.js';
import {
  type CheckpointOptions,
  checkOptions,
  checkReentrantOptions,
  type FunctionWrapper,
  splitOptions,
} from './checkpoint-options.js';
import { explainReleased } from './explain-released.js';
import { putTogether, takeApart } from './held-arguments.js';
import { checkpointReentrant } from './reentrant-checkpoint.js';
import { withKeptTensors } from './selective-checkpoint.js';
import { typeName } from './type-name.js';

type AnyFunction = (...args: readonly unknown[]) => unknown;

/** What C++ holds of a checkpoint to run its function again. */
interface Recomputation {
  readonly fn: AnyFunction;
  readonly template: readonly unknown[];
  /** Of tensors in arrays and objects. */
  readonly count: number;
  readonly around: FunctionWrapper | undefined;
  readonly debug: CheckpointDebug | undefined;
}

/** Thrown by the operator that saves the last tensor needed; not an error. */
const stopSignal = Object.freeze({ name: 'StopRecomputation' });
native.setStopSignal(stopSignal);

onCallback(Callback.Recompute, (object, inputs, held) => {
  const { fn, template, count, around, debug } = object as Recomputation;
  try {
    const args = putTogether(template, inputs, held.slice(0, count));
    const run = (): unknown => explainReleased(() => fn(...args));
    if (around === undefined) run();
    else withKeptTensors(held.slice(count), () => around(run));
  } catch (error) {
    if (error === stopSignal) return;
    throw debug !== undefined && error instanceof CheckpointError ? debug.explain(error) : error;
  }
});

onCallback(Callback.CheckpointFailure, (object) => {
  const failure = pendingFailure();
  throw (object as Recomputation).debug?.explain(failure) ?? failure;
});

let earlyStopForAll: boolean | undefined;

/**
 * Runs a synchronous function in which every checkpoint stops its recomputations early, or does not, whatever its own options say.
 * @see torch.utils.checkpoint.set_checkpoint_early_stop
 */
export function setCheckpointEarlyStop<T>(enabled: boolean, fn: () => T): T {
  const before = earlyStopForAll;
  earlyStopForAll = enabled;
  try {
    const result = fn();
    refusePromise(result, 'setCheckpointEarlyStop');
    return result;
  } finally {
    earlyStopForAll = before;
  }
}

function checkpointNonReentrant(fn: AnyFunction, args: readonly unknown[], options: CheckpointOptions): unknown {
  checkOptions(options);
  const debug = isDebugEnabled(options.debug) ? new CheckpointDebug() : undefined;
  if (debug !== undefined && options.contextFn !== undefined) {
    throw new TorchError('value', 'debug=True is incompatible with non-default context_fn');
  }
  const [around, aroundAgain] = options.contextFn?.() ?? [debug?.around, debug?.aroundAgain];
  if (!isGradEnabled()) return scope(() => fn(...args));
  const { template, inputs, held } = takeApart(args);
  const recomputation: Recomputation = { fn, template, count: held.length, around: aroundAgain, debug };
  return scope(() => {
    writeTape(inputs, held);
    native.checkpointBegin(
      recomputation,
      options.preserveRngState ?? true,
      options.determinismCheck !== 'none',
      earlyStopForAll ?? options.earlyStop ?? true,
      debug !== undefined,
    );
    let completed = false;
    try {
      // The operators of a selective checkpoint around this one are not those in here.
      const result = intercept(undefined, () => (around === undefined ? fn(...args) : around(() => fn(...args))));
      refusePromise(result, 'checkpoint');
      completed = true;
      return result;
    } finally {
      native.checkpointEnd(completed);
    }
  });
}

/**
 * Runs a function without keeping for backward what its operators save: backward runs the function again to compute it. Memory for
 * time: of the tensors made inside, only the results stay.
 * ```ts
 * const y = checkpoint((x: Tensor) => block.call(x), input, { useReentrant: false });
 * const z = checkpoint(attend, q, k, { useReentrant: false, kwargs: { scale: 0.5 } }); // attend(q, k, { scale: 0.5 })
 * ```
 * - The function is synchronous, does the same when it runs again, and finds what it needs among its inputs, in modules, or `keep()`-ed:
 *   the scopes around have ended by then. Inputs may be anything; tensors in arrays and plain objects are held too, while without
 *   reentrance only those that stand directly among the inputs are watched for changes in place, as in PyTorch.
 * - Random numbers and {@link autocast} are in the recomputation what they were. Everything else that the function changes
 *   is changed twice: batch norm's running statistics take two steps, as in PyTorch.
 * - Checkpoints nest; without reentrance, gradients of gradients, `grad()` and a graph that is kept work too.
 * - A last argument that is a plain object with nothing but names of options is the options.
 * @returns what `fn` returns. Its other tensors are released when the function ends.
 * @throws CheckpointError (in backward) when other tensors are saved than at first; TorchError `value` for unknown options; what `fn`
 * throws, in backward with its own stack.
 * @see torch.utils.checkpoint.checkpoint
 */
export function checkpoint<Args extends readonly unknown[], Kwargs extends Readonly<Record<string, unknown>>, Result>(
  fn: (...args: [...Args, Kwargs]) => Result,
  ...rest: [...Args, CheckpointOptions & { kwargs: Kwargs }]
): Result;
export function checkpoint<Args extends readonly unknown[], Result>(
  fn: (...args: Args) => Result,
  ...rest: [...Args, CheckpointOptions]
): Result;
export function checkpoint<Args extends readonly unknown[], Result>(
  fn: (...args: Args) => Result,
  ...inputs: Args
): Result;
export function checkpoint(fn: unknown, ...rest: readonly unknown[]): unknown {
  if (typeof fn !== 'function') throw new TorchError('type', `Expected a function but received ${typeName(fn)}`);
  const { args, options } = splitOptions(rest);
  let { useReentrant } = options;
  if (useReentrant === undefined) {
    warnOnce(
      'torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended, but if you need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for more details on the differences between the two variants.',
    );
    useReentrant = true;
  }
  if (useReentrant) {
    checkReentrantOptions(options);
    return checkpointReentrant(fn as AnyFunction, args, options.preserveRngState ?? true);
  }
  const all = options.kwargs === undefined ? args : [...args, options.kwargs];
  return checkpointNonReentrant(fn as AnyFunction, all, options);
}
