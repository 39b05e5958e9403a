import { native } from '../../native/load.js';
import { TorchError } from '../errors.js';
import { currentScope, detachFromScope, refusePromise, type Scope, TensorBase } from '../scope.js';
import { isOptions, writeTape } from '../tape.js';
import type { Tensor } from '../tensor.js';
import { Callback, giveBack, onCallback } from './callbacks.js';
import { emptyEnded, Packed } from './context.js';
import { typeName } from './type-name.js';

/** What stands in C++ for a pair of hooks. */
interface HookPair {
  readonly pack: (tensor: Tensor) => unknown;
  readonly unpack: (packed: unknown) => unknown;
}

function withHooks<T>(pair: HookPair, fn: () => T, what: string): T {
  native.pushSavedHooks(pair);
  try {
    const result = fn();
    refusePromise(result, what);
    return result;
  } finally {
    native.popSavedHooks();
  }
}

/**
 * Runs a synchronous function under a pair of hooks: `pack` gets every tensor that an operator saves for backward, and what it
 * returns (a tensor, a number, an object, anything) is kept in its place; `unpack` gets that, when backward needs the tensor, and
 * returns a tensor of the same shape, dtype, device and elements.
 * ```ts
 * const y = savedTensorsHooks(
 *   (x) => x.to('bfloat16'),
 *   (packed) => packed.to('float32'),
 *   () => net.call(input),
 * );
 * ```
 * Of nested pairs the innermost one is called. Tensors that `pack` makes and returns (in arrays and objects too) live as long as the
 * graph keeps them, and are freed with it; changing in `pack` the tensor that it is given is an error. Neither records gradients, and
 * each runs in a scope of its own.
 * @throws TorchError `type` when `unpack` returns no tensor; `runtime` where hooks are disabled, see {@link disableSavedTensorsHooks}.
 * @see torch.autograd.graph.saved_tensors_hooks
 */
export function savedTensorsHooks<P, T>(pack: (tensor: Tensor) => P, unpack: (packed: P) => Tensor, fn: () => T): T {
  for (const hook of [pack, unpack] as unknown[]) {
    if (typeof hook !== 'function') throw new TorchError('type', `Expected a function but received ${typeName(hook)}`);
  }
  return withHooks({ pack, unpack: unpack as (packed: unknown) => Tensor }, fn, 'savedTensorsHooks');
}

/**
 * Takes the tensors of the running callback in `value` out of its scope: C++ owns them from now on. Those that stand alone, or directly
 * in an array or a plain object, are exchanged for a handle of their own where they belong to a scope around, and for one without
 * history where the packed tensor has one: kept by the node that is its history, they would keep the graph from ever being freed.
 */
function takeOver(value: unknown, given: TensorBase): { value: unknown; owned: TensorBase[] } {
  const inner = currentScope();
  const isLeaf = native.isLeaf(given.handle);
  const owned = new Map<TensorBase, TensorBase>();
  const own = (tensor: TensorBase, mine: TensorBase): TensorBase => {
    detachFromScope(mine);
    owned.set(tensor, mine);
    return mine;
  };
  const take = (tensor: TensorBase): TensorBase => {
    const known = owned.get(tensor);
    if (known !== undefined) return known;
    return own(tensor, isLeaf && tensor.owner === inner ? tensor : (tensor as Tensor).detach());
  };
  let result = value;
  if (value instanceof TensorBase) result = take(value);
  else if (Array.isArray(value))
    result = value.map((each: unknown) => (each instanceof TensorBase ? take(each) : each));
  else if (isOptions(value)) {
    result = Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, each instanceof TensorBase ? take(each) : each]),
    );
  }
  takeDeeper(result, inner, (tensor) => own(tensor, tensor));
  return { value: result, owned: [...new Set(owned.values())] };
}

/** Tensors of the scope that lie deeper, or in objects with a class: taken over as they are. */
function takeDeeper(value: unknown, inner: Scope | null, take: (tensor: TensorBase) => void): void {
  const seen = new Set<unknown>();
  const open: unknown[] = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next !== 'object' || next === null || seen.has(next) || ArrayBuffer.isView(next)) continue;
    seen.add(next);
    if (next instanceof TensorBase) {
      if (next.owner !== null && next.owner === inner) take(next);
      continue;
    }
    if (next instanceof Map || next instanceof Set)
      for (const pair of next.entries()) open.push(...(pair as unknown[]));
    for (const { value: each } of Object.values(Object.getOwnPropertyDescriptors(next))) {
      if (each !== undefined) open.push(each);
    }
  }
}

onCallback(Callback.Pack, (object, [tensor]) => {
  emptyEnded();
  const { pack, unpack } = object as HookPair;
  const raw = pack(tensor as Tensor);
  refusePromise(raw, 'the hook that packs a saved tensor');
  const { value, owned } = takeOver(raw, tensor as TensorBase);
  const packed = new Packed(value, unpack);
  if (owned.length > 0) {
    packed.owned = owned;
    writeTape(owned);
    native.ownPacked();
  }
  return packed;
});

onCallback(Callback.Unpack, (object) => {
  const { unpack, value } = object as Packed;
  const result = unpack(value);
  if (!(result instanceof TensorBase)) {
    throw new TorchError(
      'type',
      `Output of saved tensor unpack_hook expected to be a Tensor but got result of type ${typeName(result)}`,
    );
  }
  giveBack([result]);
});

/**
 * Runs a synchronous function whose tensors for backward are kept in the CPU's memory, and copied back to their device when
 * backward needs them. What is on the CPU already stays as it is.
 * @param options.pinMemory copies through page-locked memory, without waiting, where there is an accelerator that can; default false.
 * @see torch.autograd.graph.save_on_cpu
 */
export function saveOnCpu<T>(fn: () => T, options: { pinMemory?: boolean | undefined } = {}): T {
  const { pinMemory = false } = options;
  const pack = (x: Tensor): { device: string; tensor: Tensor } => {
    const { device } = x;
    const pinned = pinMemory && device !== 'cpu' && x.layout === 'strided';
    if (!pinned) return { device, tensor: x.to('cpu') };
    const tensor = x.newEmpty(x.shape, { dtype: x.dtype, device: 'cpu', pinMemory: true });
    return { device, tensor: tensor.copy_(x, true) };
  };
  const unpack = (packed: { device: string; tensor: Tensor }): Tensor =>
    packed.tensor.to({ device: packed.device, nonBlocking: pinMemory });
  return savedTensorsHooks(pack, unpack, fn);
}

/**
 * Runs a synchronous function in which hooks for saved tensors (and what stands on them, such as checkpoints without reentrance) are
 * an error with this message.
 * @throws TorchError `runtime` with the message, also when hooks are on already.
 * @see torch.autograd.graph.disable_saved_tensors_hooks
 */
export function disableSavedTensorsHooks<T>(message: string, fn: () => T): T {
  const before = native.savedHooksDisabled();
  try {
    native.disableSavedHooks(message);
    const result = fn();
    refusePromise(result, 'disableSavedTensorsHooks');
    return result;
  } finally {
    native.enableSavedHooks();
    if (before !== undefined) native.disableSavedHooks(before);
  }
}
