import { keep, Tensor, TorchError } from '../tensor/index.js';
import type { Module } from './module.js';
import { Parameter } from './parameter.js';

/**
 * Deep copies that belong together: whatever is reached twice is copied once, so that shared modules, parameters and
 * storages are shared among the copies as well.
 */
export class Copies {
  readonly #made = new Map<object, unknown>();
  readonly #storages = new Map<number, Tensor>();

  /**
   * @param isModule tells a Module from any other value (passed in, as the class is defined on top of this file).
   */
  constructor(readonly isModule: (value: unknown) => value is Module) {}

  /** A copy of a tensor, a module, or an array, map, set, plain object or TypedArray of values; all else as it is. */
  copy<T>(value: T): T {
    if (typeof value !== 'object' || value === null) return value;
    return (this.#made.get(value) ?? this.#copyNew(value)) as T;
  }

  #copyNew(value: object): unknown {
    if (value instanceof Parameter) return this.#add(value, copyParameter(value));
    if (value instanceof Tensor) return this.#add(value, this.#copyTensor(value));
    if (this.isModule(value)) {
      const made = this.#add(value, value.bare());
      value.copyInto(made, this);
      return made;
    }
    if (ArrayBuffer.isView(value)) return this.#add(value, structuredClone(value));
    switch (Object.getPrototypeOf(value)) {
      case Array.prototype: {
        const made = this.#add<unknown[]>(value, []);
        for (const item of value as unknown[]) made.push(this.copy(item));
        return made;
      }
      case Map.prototype: {
        const made = this.#add(value, new Map<unknown, unknown>());
        for (const [key, item] of value as Map<unknown, unknown>) made.set(this.copy(key), this.copy(item));
        return made;
      }
      case Set.prototype: {
        const made = this.#add(value, new Set<unknown>());
        for (const item of value as Set<unknown>) made.add(this.copy(item));
        return made;
      }
      case Object.prototype: {
        const made = this.#add<Record<string, unknown>>(value, {});
        for (const [name, item] of Object.entries(value)) made[name] = this.copy(item);
        return made;
      }
      default:
        return value;
    }
  }

  #add<T>(original: object, made: T): T {
    this.#made.set(original, made);
    return made;
  }

  #copyTensor(tensor: Tensor): Tensor {
    if (!tensor.isLeaf) {
      throw new TorchError(
        'runtime',
        'Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.',
      );
    }
    const { dtype, itemsize } = tensor;
    const id = tensor.storageId();
    let storage = this.#storages.get(id);
    if (storage === undefined) {
      storage = tensor
        .detach()
        .viewStorage(dtype, [Math.floor(tensor.storageNbytes() / itemsize)], [1], 0)
        .clone();
      this.#storages.set(id, storage);
    }
    const made = keep(storage.viewStorage(dtype, tensor.shape, tensor.stride(), tensor.storageOffset()));
    if (tensor.requiresGrad) made.requiresGrad = true;
    const { grad } = tensor;
    if (grad !== null) made.grad = grad.detach().clone();
    return made;
  }
}

/** As Python's deepcopy: without its gradient. */
function copyParameter(parameter: Parameter): Parameter {
  const make = parameter.constructor as typeof Parameter;
  return new make(parameter.detach().clone({ memoryFormat: 'preserve_format' }), {
    requiresGrad: parameter.requiresGrad,
  });
}
