import { NdArray } from './pickle-values.js';

/** Work that every pickle may do, whatever its size, in bytes that are copied or looked at. */
const FREE = 4 << 20;
/** Work for each byte of the file; what Python writes needs two or three. */
const PER_BYTE = 8;
/** What a value costs in a list or dict. */
const ITEM = 16;
/** Arguments whose own size is looked at; functions look at no more. */
const ARGUMENTS = 16;

/**
 * Bounds what a pickle makes its reader do. A pickle may name a large value once and then have it copied, or walked over,
 * with every few bytes that follow: a small file would take hours, or all memory. Python reads such files, or tries to.
 */
export class WorkLimit {
  #left: number;

  /** @param size bytes of the file. */
  constructor(size: number) {
    this.#left = FREE + PER_BYTE * size;
  }

  /** @throws Error when it is more than a file of this size has a use for. */
  charge(bytes: number): void {
    this.#left -= bytes;
    if (!(this.#left >= 0)) throw new Error('asks for more work than a file of this size has a use for');
  }

  /** Counts the call of a function, or the state given to an object. */
  chargeArguments(args: unknown): void {
    let total = 4 * ITEM + sizeOf(args);
    if (Array.isArray(args)) for (let i = 0; i < args.length && i < ARGUMENTS; ++i) total += sizeOf(args[i]);
    else if (args instanceof Map) total += sizeOf(args.get('_metadata'));
    this.charge(total);
  }
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  if (Array.isArray(value)) return value.length * ITEM;
  if (value instanceof Map) return value.size * ITEM;
  if (value instanceof Uint8Array) return value.byteLength;
  if (value instanceof NdArray) return value.data.byteLength;
  return value instanceof Set ? value.size * ITEM : 0;
}
