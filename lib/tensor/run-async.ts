import { native } from '../native/load.js';
import { type CallStack, withStackOf } from './call-stack.js';
import { noGrad } from './grad-mode.js';
import { type Held, refusePromise, scopeHeld } from './scope.js';

/** Of the call that is being recorded: the stacks of operators that may fail, by their numbers. */
let stacks = new Map<number, CallStack>();
let prepared = false;
const warned = new Set<string>();

function recordStack(call: number): void {
  const here: CallStack = {};
  Error.captureStackTrace(here, recordStack);
  stacks.set(call, here);
}

function warn(reason: string): void {
  if (warned.has(reason)) return;
  warned.add(reason);
  process.emitWarning(
    `the event loop had to wait for the work of an asynchronous call: ${reason}. Shapes are mostly known without waiting, values never are: read them after the await`,
    { type: 'TorchbridgeWarning', detail: new Error('waited here').stack ?? '' },
  );
}

function prepare(): void {
  if (prepared) return;
  prepared = true;
  native.setDeferredHooks(recordStack, warn);
  process.once('exit', () => {
    native.stopDeferred();
  });
}

/**
 * Runs a function's operators off the event loop. The function itself runs at once, on JavaScript's thread, but its operators are written
 * down instead of run, and the tensors they return are still to come; then a thread of libuv's pool runs them in order, with
 * the bits, the memory and the order of random draws of a synchronous run, while JavaScript goes on. Gradients are not recorded.
 *
 * - Sizes, dtype and device of a tensor to come are known at once, save behind a few operators; reading its values, or what
 *   depends on them (`item()`, `nonzero()` sizes), waits on JavaScript's thread until it is computed, with a warning.
 * - The calls of a thread of JavaScript run one after the other, in the order in which they were made.
 * - What they use stays alive until they are done, also when it is disposed of meanwhile, and weights that are exchanged
 *   (`module.to`, `loadStateDict`) meanwhile: they see the old ones. Changing elements that they still read waits for them.
 * @param fn a synchronous function, such as `() => model.call(x)`.
 * @returns what `fn` returns, its tensors computed. They belong to the {@link scopeAsync} around, or to nobody: `dispose()` of them.
 * @throws TorchError (as a rejection) that of the first operator that failed, with the stack of its call (a failure that sizes and dtypes do not show has that of `runAsync`); what `fn` throws, and then nothing of it is run.
 */
export async function runAsync<T>(fn: () => T): Promise<T> {
  prepare();
  native.beginDeferred();
  const called = new Map<number, CallStack>();
  stacks = called;
  const here: CallStack = {};
  Error.captureStackTrace(here, runAsync);
  const held = record(fn);
  try {
    await new Promise<void>((resolve, reject) => {
      native.submitDeferred((error, call = -1) => {
        if (error === undefined) resolve();
        else reject(withStackOf(error, called.get(call) ?? here));
      });
    });
  } catch (error) {
    held.release();
    throw error;
  }
  held.handOut();
  return held.result;
}

/** Runs `fn` while its operators are written down; forgets them when it throws. */
function record<T>(fn: () => T): Held<T> {
  try {
    return scopeHeld(() =>
      noGrad(() => {
        const result = fn();
        // It would make the scopes complain of a Promise of their own.
        refusePromise(result, 'runAsync');
        return result;
      }),
    );
  } catch (error) {
    native.abandonDeferred();
    throw error;
  }
}
