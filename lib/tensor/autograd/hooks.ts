import { native } from '../../native/load.js';
import { TorchError } from '../errors.js';
import { TensorBase } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { Callback, giveBack, onCallback } from './callbacks.js';
import { typeName } from './type-name.js';

/** Takes a hook away again. @see torch.utils.hooks.RemovableHandle */
export class RemovableHandle {
  #remove: (() => void) | undefined;

  /** @internal */
  constructor(remove: () => void) {
    this.#remove = remove;
  }

  /** Removes the hook; a second call does nothing. */
  remove(): void {
    this.#remove?.();
    this.#remove = undefined;
  }

  [Symbol.dispose](): void {
    this.remove();
  }
}

/** Sees the gradient of a tensor, and may return another of the same shape, dtype and device in its place. */
export type TensorHook = (gradient: Tensor) => Tensor | null | undefined;
/** Runs after a leaf's gradient was accumulated, with the leaf. */
export type PostAccumulateGradHook = (tensor: Tensor) => void;

/** Hooks in the order of their registration. C++ holds the map; the key is the handle's own. */
export type HookList<Hook> = Map<symbol, Hook>;

/** Adds a hook to the list that `find` answers: the one that C++ already has, or the new one that it is given. */
export function addHook<Hook>(hook: Hook, find: (list: HookList<Hook>) => unknown): RemovableHandle {
  if (typeof hook !== 'function') throw new TorchError('type', `Expected a function but received ${typeName(hook)}`);
  const list = find(new Map()) as HookList<Hook>;
  const key = Symbol('hook');
  list.set(key, hook);
  const weak = new WeakRef(list);
  return new RemovableHandle(() => weak.deref()?.delete(key));
}

const nameOf = (hook: { readonly name: string }): string => (hook.name === '' ? '<lambda>' : hook.name);

/** Refuses what a hook may not return in place of a gradient, in PyTorch's words. */
function checkResult(original: TensorBase | null, result: unknown, name: string): asserts result is TensorBase {
  if (original === null) throw new TorchError('runtime', "can't replace a None gradient with a non-None value");
  if (!(result instanceof TensorBase)) {
    throw new TorchError('type', `expected Variable, but hook returned '${typeName(result)}'`);
  }
  native.checkHookResult(original.handle, result.handle, name);
}

const nothing = (value: unknown): value is null | undefined => value === null || value === undefined;

/** Puts a hook's results in the place of `values`; whether anything changed. */
function replaceAll(values: (TensorBase | null)[], result: unknown, name: string): boolean {
  if (nothing(result)) return false;
  const results: unknown[] = Array.isArray(result) ? (result as unknown[]) : [result];
  if (results.length !== values.length) {
    throw new TorchError(
      'runtime',
      `hook '${name}' has returned an incorrect number of values (got ${results.length}, but expected ${values.length})`,
    );
  }
  for (const [index, each] of results.entries()) {
    if (nothing(each)) {
      values[index] = null;
      continue;
    }
    checkResult(values[index] ?? null, each, name);
    values[index] = each;
  }
  return true;
}

onCallback(Callback.TensorHook, (list, [gradient = null]) => {
  let value = gradient;
  for (const hook of [...(list as HookList<TensorHook>).values()]) {
    const result: unknown = hook(value as Tensor);
    if (nothing(result)) continue;
    checkResult(value, result, nameOf(hook));
    value = result;
  }
  if (value !== gradient) giveBack([value]);
});

/** Sees the gradients of a node's outputs before it runs, and may return others. */
export type NodePreHook = (
  gradOutputs: readonly (Tensor | null)[],
) => Tensor | readonly (Tensor | null)[] | null | undefined;
/** Sees what a node has computed, and may return other gradients of its inputs. */
export type NodeHook = (
  gradInputs: readonly (Tensor | null)[],
  gradOutputs: readonly (Tensor | null)[],
) => Tensor | readonly (Tensor | null)[] | null | undefined;

onCallback(Callback.NodePreHook, (list, gradients) => {
  const values = [...gradients];
  let changed = false;
  for (const hook of [...(list as HookList<NodePreHook>).values()]) {
    changed = replaceAll(values, hook([...values] as (Tensor | null)[]), nameOf(hook)) || changed;
  }
  if (changed) giveBack(values);
});

onCallback(Callback.NodeHook, (list, results, gradients) => {
  const values = [...results];
  let changed = false;
  for (const hook of [...(list as HookList<NodeHook>).values()]) {
    const result = hook([...values] as (Tensor | null)[], [...gradients] as (Tensor | null)[]);
    changed = replaceAll(values, result, nameOf(hook)) || changed;
  }
  if (changed) giveBack(values);
});

interface LeafHook {
  (tensor: Tensor): void;
  /** The object it was registered on: handed to the hook as long as it stands for the leaf. */
  readonly leaf: WeakRef<TensorBase>;
}

onCallback(Callback.PostAccumulateGrad, (list, [tensor]) => {
  for (const hook of [...(list as HookList<LeafHook>).values()]) {
    const leaf = hook.leaf.deref();
    const same = leaf !== undefined && !leaf.isDisposed && native.isSame(leaf.handle, (tensor as Tensor).handle);
    hook((same ? leaf : tensor) as Tensor);
  }
});

/** Behind `tensor.registerHook`. */
export function registerTensorHook(tensor: TensorBase, hook: TensorHook): RemovableHandle {
  const handle = tensor.handle;
  if (!native.requiresGrad(handle)) {
    throw new TorchError('runtime', "cannot register a hook on a tensor that doesn't require gradient");
  }
  return addHook(hook, (list) => native.tensorHooks(handle, list));
}

/** Behind `tensor.registerPostAccumulateGradHook`. */
export function registerLeafHook(tensor: TensorBase, hook: PostAccumulateGradHook): RemovableHandle {
  const handle = tensor.handle;
  if (!native.requiresGrad(handle)) {
    throw new TorchError('runtime', "cannot register a hook on a tensor that doesn't require gradient");
  }
  if (!native.isLeaf(handle)) {
    throw new TorchError('runtime', 'post accumulate grad hooks cannot be registered on non-leaf tensors');
  }
  if (typeof hook !== 'function') throw new TorchError('type', `Expected a function but received ${typeName(hook)}`);
  const onLeaf: LeafHook = Object.assign((leaf: Tensor): void => hook(leaf), { leaf: new WeakRef(tensor) });
  return addHook(onLeaf, (list) => native.postAccumulateHooks(handle, list));
}
