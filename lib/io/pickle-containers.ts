import { PythonKeys } from './pickle-keys.js';
import { PickleStack } from './pickle-stack.js';
import { Tuple, UnknownObject } from './pickle-values.js';

/** What opcodes do to lists, dicts and sets. */
export class PickleContainers extends PickleStack {
  readonly #keys = new PythonKeys();

  markedList(): void {
    this.push(this.#markedData());
  }

  markedDict(): void {
    const dict = new Map<unknown, unknown>();
    this.#fill(dict, this.#markedData());
    this.push(dict);
  }

  markedSet(): void {
    this.push(this.#addAll(new Set(), this.#markedData()));
  }

  setItem(): void {
    const value = this.take();
    const key = this.take();
    this.#fill(this.top(), [key, value]);
  }

  setItems(): void {
    const items = this.takeMarked();
    this.#fill(this.top(), items);
  }

  appendOne(): void {
    const item = this.take();
    this.#append([item]);
  }

  appendMarked(): void {
    const items = this.takeMarked();
    this.#append(items);
  }

  addItems(): void {
    const items = this.takeMarked();
    const set = this.top();
    if (set instanceof UnknownObject) return;
    if (!(set instanceof Set)) throw this.in.error('adds to something that is no set');
    this.#addAll(set, items);
  }

  /** Dicts and sets that functions make of lists have Python's keys too. */
  protected checkedKeys(made: Set<unknown> | Map<unknown, unknown>): object {
    const items: unknown[] = made instanceof Map ? [...made].flat(1) : [...made];
    made.clear();
    if (made instanceof Set) return this.#addAll(made, items);
    this.#fill(made, items);
    return made;
  }

  #markedData(): unknown[] {
    const items = this.takeMarked();
    for (let i = 0; i < items.length; i++) items[i] = this.data(items[i]);
    return items;
  }

  #fill(target: unknown, items: readonly unknown[]): void {
    if (target instanceof UnknownObject) return;
    if (!(target instanceof Map)) throw this.in.error('sets a key on something that is no dict');
    if (items.length % 2 !== 0) throw this.in.error('a key without a value');
    for (let i = 0; i < items.length; i += 2) target.set(this.#key(target, items[i]), this.data(items[i + 1]));
  }

  #append(items: readonly unknown[]): void {
    const list = this.top();
    if (list instanceof UnknownObject) return;
    if (!Array.isArray(list) || list instanceof Tuple) throw this.in.error('appends to something that is no list');
    for (const item of items) list.push(this.data(item));
  }

  #addAll(set: Set<unknown>, items: readonly unknown[]): Set<unknown> {
    for (const item of items) set.add(this.#key(set, item));
    return set;
  }

  #key(container: object, value: unknown): unknown {
    const key = this.data(value);
    if (typeof key === 'string') return key;
    this.running = 'a key';
    const found = this.#keys.find(container, key);
    this.running = undefined;
    return found;
  }
}
