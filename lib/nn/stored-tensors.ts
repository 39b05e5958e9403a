import { keep, Tensor } from '../tensor/index.js';
import { Parameter } from './parameter.js';

/**
 * The tensors that a module holds in its own properties, directly or in arrays, maps, sets and plain objects. They
 * are taken out of the scope in which they were made, since they are to live as long as the module holds them.
 */
export class StoredTensors {
  readonly #held = new WeakSet<Tensor>();

  /** Keeps what `owner` has come to store since the last time. */
  update(owner: object): void {
    // The fields of a module are looked at after every call, so nothing is allocated for plain values.
    const record = owner as Record<string, unknown>;
    for (const name in record) {
      const value = record[name];
      if (typeof value !== 'object' || value === null) continue;
      if (value instanceof Tensor) this.#keep(value);
      else if (isCollection(value)) this.#visit(value, new Set());
    }
  }

  #visit(value: unknown, seen: Set<unknown>): void {
    if (typeof value !== 'object' || value === null) return;
    if (value instanceof Tensor) {
      this.#keep(value);
    } else if (isCollection(value) && !seen.has(value)) {
      seen.add(value);
      const items: Iterable<unknown> = isIterable(value) ? value.values() : Object.values(value);
      for (const item of items) this.#visit(item, seen);
    }
  }

  #keep(tensor: Tensor): void {
    if (tensor instanceof Parameter || this.#held.has(tensor)) return;
    this.#held.add(tensor);
    keep(tensor);
  }
}

type Iterables = unknown[] | Map<unknown, unknown> | Set<unknown>;

function isIterable(value: object): value is Iterables {
  return Array.isArray(value) || value instanceof Map || value instanceof Set;
}

function isCollection(value: object): boolean {
  return isIterable(value) || Object.getPrototypeOf(value) === Object.prototype;
}
