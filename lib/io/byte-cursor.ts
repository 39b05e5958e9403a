import { constants } from 'node:buffer';
import { IoError } from './errors.js';

/** Reads little-endian fields from a byte array, never beyond its end. */
export class ByteCursor {
  position = 0;
  /** The same bytes, to read from at places that are known to be inside. */
  readonly view: DataView;
  /** The same bytes. */
  readonly buffer: Buffer;

  /** @param what names the contents in errors (`'pickle'`). */
  constructor(
    readonly bytes: Uint8Array,
    readonly what: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.bytes.byteLength - this.position;
  }

  /** An error that tells where in the bytes it happened. */
  error(message: string, at = this.position): IoError {
    return new IoError('format', `${this.what}: ${message} (at byte ${at})`);
  }

  #take(count: number): number {
    if (!(count <= this.remaining)) {
      throw this.error(`truncated: ${count} more bytes expected, ${this.remaining} left`);
    }
    const start = this.position;
    this.position += count;
    return start;
  }

  u8(): number {
    return this.view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.view.getUint16(this.#take(2), true);
  }

  i32(): number {
    return this.view.getInt32(this.#take(4), true);
  }

  u32(): number {
    return this.view.getUint32(this.#take(4), true);
  }

  /** An unsigned 64-bit length or offset. @throws IoError where it is beyond 2^53, which no file reaches. */
  u64(): number {
    const value = this.view.getBigUint64(this.#take(8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.error(`impossible length ${value}`, this.position - 8);
    return Number(value);
  }

  /** A big-endian double, as pickle writes floats. */
  f64be(): number {
    return this.view.getFloat64(this.#take(8), false);
  }

  /** Passes over the next `count` bytes. @returns where they begin. */
  skip(count: number): number {
    return this.#take(count);
  }

  /** A view (no copy) of the next `count` bytes. */
  slice(count: number): Uint8Array {
    const start = this.#take(count);
    return this.bytes.subarray(start, start + count);
  }

  /** A view of the last `count` bytes, which were read. */
  back(count: number): Uint8Array {
    return this.bytes.subarray(this.position - count, this.position);
  }

  latin1(count: number): string {
    return this.text(count, 'latin1');
  }

  text(count: number, encoding: 'latin1' | 'utf8'): string {
    const start = this.#take(count);
    if (count > constants.MAX_STRING_LENGTH)
      throw this.error(`a text of ${count} bytes, more than JavaScript can hold`);
    return this.buffer.toString(encoding, start, start + count);
  }

  /** The bytes up to the next newline, without it, as latin-1. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw this.error('truncated: a line without an end');
    const text = this.buffer.toString('latin1', this.position, end);
    this.position = end + 1;
    return text;
  }
}
