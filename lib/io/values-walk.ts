import { OrderedDict } from '../tensor/index.js';
import { UnknownObject } from './pickle-values.js';
import { StorageValue } from './torch-arguments.js';

/** Calls `visit` with every value inside `root`, each object once, in no order; containers are those of pickles. */
export function visitValues(root: unknown, visit: (value: object) => void): void {
  const seen = new Set<object>();
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    visit(value);
    if (Array.isArray(value)) for (const item of value as unknown[]) open.push(item);
    else if (value instanceof Set) for (const item of value as Set<unknown>) open.push(item);
    else if (value instanceof UnknownObject) open.push(value.state);
    else if (value instanceof Map) {
      for (const [key, item] of value as Map<unknown, unknown>) {
        if (typeof key === 'object') open.push(key);
        open.push(item);
      }
      if (value instanceof OrderedDict && value.metadata !== undefined) open.push(value.metadata);
    }
  }
}

/** Puts something else in the place of storages that stand for themselves. @returns `root`, or what stands for it. */
export function replaceStorages(root: unknown, replacement: (storage: StorageValue) => unknown): unknown {
  const made = new Map<StorageValue, unknown>();
  const replaced = <T>(value: T): unknown => {
    if (!(value instanceof StorageValue)) return value;
    if (!made.has(value)) made.set(value, replacement(value));
    return made.get(value);
  };
  visitValues(root, (value) => {
    if (Array.isArray(value)) {
      value.forEach((item, i) => {
        if (item instanceof StorageValue) (value as unknown[])[i] = replaced(item);
      });
    } else if (value instanceof Map) {
      for (const [key, item] of value as Map<unknown, unknown>)
        if (item instanceof StorageValue) value.set(key, replaced(item));
    }
  });
  return replaced(root);
}
