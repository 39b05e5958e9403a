import { Complex } from '../tensor/index.js';
import { NdArray, Tuple } from './pickle-values.js';

/** Nested tuples are compared by what they hold, up to so many values; none that anyone means has more. */
const MAX_PARTS = 1000;

/**
 * Keys of dicts and members of sets as Python has them: lists and dicts cannot be any, and `1`, `1.0` and `True`, or two
 * tuples of the same values, are one.
 */
export class PythonKeys {
  /** For dicts and sets with keys other than text: what stands for a key, to the key. */
  readonly #known = new WeakMap<object, Map<string, unknown>>();

  /**
   * The key to use for `key` in a dict or set: that of an equal one which is in there.
   * @throws Error for what Python cannot hash.
   */
  find(container: object, key: unknown): unknown {
    if (typeof key === 'string') return key;
    const name = nameOf(key, { left: MAX_PARTS });
    if (name === undefined) return key; // equal to itself alone
    const known = this.#known.get(container) ?? new Map<string, unknown>();
    this.#known.set(container, known);
    if (!known.has(name)) known.set(name, key);
    else if (name.includes('nan')) throw new Error('NaN twice as a key');
    return known.get(name);
  }
}

function nameOf(key: unknown, parts: { left: number }): string | undefined {
  if (parts.left-- <= 0) throw new Error(`a tuple of more than ${MAX_PARTS} values as a key`);
  if (typeof key === 'boolean') return key ? 'n1' : 'n0';
  if (typeof key === 'bigint') return `n${key.toString(36)}`;
  if (typeof key === 'number') {
    const whole = Number.isSafeInteger(key) ? key : Number.isInteger(key) ? BigInt(key) : undefined;
    return whole === undefined ? `f${String(key).toLowerCase()}` : `n${whole.toString(36)}`;
  }
  if (typeof key === 'string') return `t${key.length}:${key}`;
  if (key === null) return 'none';
  if (key instanceof Uint8Array) return `b${Buffer.from(key).toString('hex')}`;
  if (key instanceof Complex) return `c${key.re},${key.im}`;
  if (key instanceof Tuple) return tupleName(key, parts);
  if (Array.isArray(key)) throw new Error("unhashable type: 'list'");
  if (key instanceof Map) throw new Error("unhashable type: 'dict'");
  if (key instanceof Set) throw new Error("unhashable type: 'set'");
  if (key instanceof NdArray) throw new Error("unhashable type: 'numpy.ndarray'");
  return undefined;
}

function tupleName(tuple: Tuple, parts: { left: number }): string | undefined {
  const names = Array.from(tuple, (item) => nameOf(item, parts));
  return names.includes(undefined) ? undefined : `(${names.join(' ')})`;
}
