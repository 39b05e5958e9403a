import type { ByteStream } from './byte-stream.js';
import { IoError } from './errors.js';
import {
  CELL_CLASS,
  CHAR_CLASS,
  MATRIX,
  NUMBER_CLASSES,
  STORED_TYPES,
  STRUCT_CLASS,
  UTF16,
  UTF32,
  UTF8,
  type MatNumbers,
  type MatValue,
} from './mat-values.js';

/** Arrays within arrays. */
const MAX_DEPTH = 32;
/** Larger arrays are refused. */
const MAX_BYTES = 2 ** 31;
/** Bytes of a text: every character becomes a string of its own for a while. */
const MAX_TEXT = 2 ** 24;
/** Bytes of what describes an array: its dimensions, its name, the names of a struct's fields. */
const MAX_DIMENSIONS = 64 * 8;
const MAX_NAME = 2 ** 16;
const MAX_FIELDS = 2 ** 20;
/** Arrays in all of a variable's cells and structs. */
const MAX_ARRAYS = 1e6;
const COMPLEX = 0x08;
const UINT16 = 4;

interface Element {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** Reads one variable of a MATLAB file, whose bytes come in order. Nothing is allocated that the bytes left cannot fill. */
export class MatReader {
  #arrays = 0;

  /** @param end position in the stream at which the variable ends. */
  constructor(
    private readonly stream: ByteStream,
    private readonly little: boolean,
    private readonly end: number,
  ) {}

  /** @returns undefined for a variable that is not wanted, whose data are not read. */
  variable(length: number, wanted: (name: string) => boolean): [string, MatValue] | undefined {
    if (length > MAX_BYTES) throw this.#wrong(`an array of ${length} bytes is more than is read`);
    let name = '';
    const value = this.#matrix((found) => {
      name = found;
      return wanted(found);
    }, 0);
    return value === undefined ? undefined : [name, value];
  }

  /** The contents of an array's element, after its tag. */
  #matrix(wanted: (name: string) => boolean, depth: number): MatValue | undefined {
    if (depth > MAX_DEPTH) throw this.#wrong(`arrays lie within arrays more than ${MAX_DEPTH} deep`);
    const flags = this.#element();
    if (flags.bytes.byteLength !== 8) throw this.#wrong('an array begins without its flags');
    const word = new DataView(flags.bytes.buffer).getUint32(0, this.little);
    const shape = Array.from(this.#integers(this.#element(MAX_DIMENSIONS)), Number);
    if (shape.length < 2 || !shape.every((size) => Number.isSafeInteger(size) && size >= 0))
      throw this.#wrong(`an array has the shape ${shape.join('x')}`);
    const name = Buffer.from(this.#element(MAX_NAME).bytes).toString('latin1');
    if (!wanted(name)) return undefined;
    const kind = word & 0xff;
    if (((word >> 8) & COMPLEX) !== 0) throw this.#unsupported('complex numbers');
    const count = shape.reduce((product, size) => product * size, 1);
    if (kind === CELL_CLASS) return { kind: 'cells', shape, cells: this.#several(count, depth) };
    if (kind === STRUCT_CLASS) return this.#structs(shape, count, depth);
    if (kind === CHAR_CLASS) return this.#text(shape, count);
    const make = NUMBER_CLASSES[kind];
    if (make === undefined) throw this.#unsupported(`an array of class ${kind}`);
    return { kind: 'numbers', shape, data: this.#numbers(count, make) };
  }

  #structs(shape: readonly number[], count: number, depth: number): MatValue {
    const width = Number(this.#integers(this.#element())[0] ?? 0);
    const { bytes } = this.#element(MAX_FIELDS);
    if (!(width >= 1 && width <= 0xffff) || bytes.byteLength % width !== 0)
      throw this.#wrong('the names of a struct are damaged');
    const fields = Array.from({ length: bytes.byteLength / width }, (_, i) =>
      Buffer.from(bytes.subarray(i * width, (i + 1) * width))
        .toString('latin1')
        .replace(/\0.*$/s, ''),
    );
    if (fields.length === 0) {
      if (count > 0xffff) throw this.#wrong(`it claims ${count} structs without fields`);
      return { kind: 'structs', shape, structs: Array.from({ length: count }, () => new Map<string, MatValue>()) };
    }
    const values = this.#several(count * fields.length, depth);
    const structs = Array.from(
      { length: count },
      (_, i) => new Map(fields.map((field, j) => [field, values[i * fields.length + j]!])),
    );
    return { kind: 'structs', shape, structs };
  }

  #several(count: number, depth: number): MatValue[] {
    this.#mustHold(8 * count, `${count} arrays`);
    this.#arrays += count;
    if (this.#arrays > MAX_ARRAYS)
      throw this.#wrong(`more than ${MAX_ARRAYS} arrays in cells and structs are not read`);
    const values: MatValue[] = [];
    while (values.length < count) {
      const { type, length } = this.#tag();
      if (type !== MATRIX) throw this.#wrong(`an element of type ${type} stands where an array should`);
      const begin = this.stream.position;
      if (length === 0) {
        values.push({ kind: 'numbers', shape: [0, 0], data: new Float64Array(0) });
        continue;
      }
      values.push(this.#matrix(() => true, depth + 1)!);
      if (this.stream.position - begin !== length) throw this.#wrong('an array has another length than it says');
    }
    return values;
  }

  #text(shape: readonly number[], count: number): MatValue {
    const { type, bytes } = this.#element(MAX_TEXT);
    if (type === UTF32) throw this.#unsupported('a text in UTF-32');
    const characters =
      type === UTF8
        ? Array.from(Buffer.from(bytes).toString('utf8'))
        : Array.from(this.#stored(type === UTF16 ? UINT16 : type, bytes) as ArrayLike<number | bigint>, (code) =>
            String.fromCharCode(Number(code)),
          );
    if (characters.length !== count) throw this.#wrong(`a text of ${count} characters has ${characters.length}`);
    const rows = count === 0 ? 0 : shape[0]!;
    const lines = new Array<string>(rows).fill('');
    for (const [i, character] of characters.entries()) lines[i % rows] = `${lines[i % rows]!}${character}`;
    return { kind: 'text', shape, lines };
  }

  #numbers(count: number, make: (count: number) => MatNumbers): MatNumbers {
    const { type, length, small } = this.#tag();
    const stored = STORED_TYPES[type];
    if (stored === undefined || length !== count * stored.size) {
      throw this.#wrong(`an array of ${count} numbers has ${length} bytes of type ${type}`);
    }
    const values = this.#stored(type, this.#data(length, small));
    const empty = make(0);
    if (values.constructor === empty.constructor) return values;
    const wide = empty instanceof BigInt64Array || empty instanceof BigUint64Array;
    if (wide) throw this.#unsupported('64-bit integers that are stored as others');
    const target = make(count) as Exclude<MatNumbers, BigInt64Array | BigUint64Array>;
    for (let i = 0; i < count; i++) target[i] = Number(values[i]);
    return target;
  }

  #integers(element: Element): MatNumbers {
    return this.#stored(element.type, element.bytes);
  }

  /** Bytes as numbers of a stored type, in this machine's order. */
  #stored(type: number, bytes: Uint8Array): MatNumbers {
    const stored = STORED_TYPES[type];
    if (stored === undefined || bytes.byteLength % stored.size !== 0)
      throw this.#wrong(`numbers have the type ${type}`);
    if (!this.little && stored.size > 1) {
      const swapped = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (stored.size === 2) swapped.swap16();
      else if (stored.size === 4) swapped.swap32();
      else swapped.swap64();
    }
    return stored.view(bytes.buffer as ArrayBuffer);
  }

  /** @param most bytes that it may have; the stream may hold far more than the file. */
  #element(most = 64): Element {
    const { type, length, small } = this.#tag();
    if (length > most) throw this.#wrong(`${length} bytes stand where at most ${most} are read`);
    return { type, bytes: this.#data(length, small) };
  }

  /** A tag may hold up to four bytes of data itself. */
  #tag(): { type: number; length: number; small: Uint8Array | undefined } {
    const bytes = this.stream.take(8);
    const view = new DataView(bytes.buffer);
    const first = view.getUint32(0, this.little);
    const short = first >>> 16;
    if (short === 0) return { type: first, length: view.getUint32(4, this.little), small: undefined };
    if (short > 4) throw this.#wrong(`a short element has ${short} bytes`);
    return { type: first & 0xffff, length: short, small: bytes.slice(4, 4 + short) };
  }

  #data(length: number, small: Uint8Array | undefined): Uint8Array {
    if (small !== undefined) return small;
    this.#mustHold(length, `${length} bytes`);
    const bytes = this.stream.take(length);
    // Elements begin at multiples of eight; the last of all may go without what fills it up.
    const padding = (8 - (length % 8)) % 8;
    if (padding > 0 && this.stream.position < this.end) this.stream.skip(padding);
    return bytes;
  }

  #mustHold(bytes: number, what: string): void {
    const left = this.end - this.stream.position;
    if (bytes > left) throw this.#wrong(`it claims ${what} where ${left} bytes are left`);
  }

  #wrong(reason: string): IoError {
    return new IoError('format', `${this.stream.file} is damaged: ${reason}`, this.stream.file);
  }

  #unsupported(what: string): IoError {
    return new IoError('unsupported', `${this.stream.file} holds ${what}, which is not read`, this.stream.file);
  }
}
