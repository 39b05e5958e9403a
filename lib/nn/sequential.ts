import { Tensor, TorchError } from '../tensor/index.js';
import { replaceBy } from './intermediate.js';
import { Module } from './module.js';

/** A module that takes a tensor and returns one. */
export type Layer = Module & { forward(x: Tensor): Tensor };

/**
 * Modules one after the other. Each result is released as soon as the next one exists, unless it is the input or the
 * output, or somebody keeps it.
 * ```ts
 * new Sequential(new Conv2d(3, 8, { kernelSize: 3 }), new ReLU());
 * new Sequential(new Map([['conv0', new Conv2d(3, 8, { kernelSize: 3 })]]));
 * ```
 * @see torch.nn.Sequential
 */
export class Sequential extends Module {
  constructor(...layers: Module[] | [ReadonlyMap<string, Module>]) {
    super();
    const [first] = layers;
    if (layers.length === 1 && first instanceof Map) {
      for (const [name, layer] of first as ReadonlyMap<string, Module>) this.addModule(name, layer);
    } else {
      for (const [index, layer] of layers.entries()) this.addModule(String(index), layer as Module);
    }
  }

  /** Number of modules. */
  get length(): number {
    return this.members().children.size;
  }

  /** The module at a position; negative positions count from the end. */
  at(index: number): Module {
    const layers = [...this];
    const layer = layers.at(index);
    if (layer === undefined || !Number.isInteger(index))
      throw new TorchError('index', `index ${index} is out of range`);
    return layer;
  }

  /** Adds a module at the end. */
  append(layer: Module): this {
    return this.addModule(String(this.length), layer);
  }

  /** Adds modules at the end. */
  extend(layers: Iterable<Module>): this {
    for (const layer of layers) this.append(layer);
    return this;
  }

  /** The modules, in order. */
  *[Symbol.iterator](): IterableIterator<Module> {
    for (const layer of this.members().children.values()) if (layer !== null) yield layer;
  }

  forward(x: Tensor): Tensor {
    let current = x;
    for (const layer of this) {
      const next = (layer as Layer).call(current);
      current = current === x ? next : replaceBy(current, next);
    }
    return current;
  }
}
