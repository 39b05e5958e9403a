import { native } from '../../native/load.js';
import { scope, type TensorBase } from '../scope.js';
import { wrap, writeTape } from '../tape.js';
import { TorchError } from '../errors.js';

/** As in native/js_callback.h. */
export const enum Callback {
  Backward = 0,
  Jvp = 1,
  TensorHook = 2,
  NodePreHook = 3,
  NodeHook = 4,
  PostAccumulateGrad = 5,
  Stack = 6,
  Pack = 7,
  Unpack = 8,
  Recompute = 9,
  CheckpointFailure = 10,
}

/** What C++ may call with lists of tensors; each list's tensors live until the callback returns. Few kinds give something back. */
type Handler = (
  object: unknown,
  tensors: readonly (TensorBase | null)[],
  more: readonly (TensorBase | null)[],
) => unknown;

const handlers = new Map<Callback, Handler>();
let stack: () => string = () => '';

export function onCallback(kind: Callback, handler: Handler): void {
  handlers.set(kind, handler);
}

export function onStackWanted(take: () => string): void {
  stack = take;
}

/** What the running callback gives back to C++, which takes it before the tensors are released. */
export function giveBack(tensors: readonly (TensorBase | null)[]): void {
  writeTape(tensors);
  native.giveTensors();
}

const wrapAll = (slots: readonly number[]): (TensorBase | null)[] =>
  slots.map((slot) => (slot < 0 ? null : wrap(slot)));

native.setCallbackEntry((kind: Callback, object, tensors, more) => {
  if (kind === Callback.Stack) return stack();
  let result: unknown;
  scope(() => {
    const first = wrapAll(tensors);
    const second = wrapAll(more);
    const handler = handlers.get(kind);
    if (handler === undefined) throw new TorchError('internal', `there is no callback of kind ${kind}`);
    result = handler(object, first, second);
  });
  return result;
});
