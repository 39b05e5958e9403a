import { Complex, float, PyFloat } from '../tensor/index.js';
import { ByteBuilder } from './byte-builder.js';
import { encodeLong, encodeUtf8 } from './pickle-text.js';
import { NdArray, ndLayout, Tuple } from './pickle-values.js';

/** A Python class or function, written as its name. */
export class PyName {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
}

/** How an object that is no plain value is written, in the terms of Python's `__reduce__`. */
export interface Reduced {
  readonly callee: PyName;
  readonly args: readonly unknown[];
  /** Items of a dict, set on the object after it is made. */
  readonly items?: Iterable<readonly [unknown, unknown]>;
  /** State, given to the object after that (BUILD). */
  readonly state?: unknown;
}

export interface PickleWriteOptions {
  /** 2 (default) as `torch.save` writes; 3 has a form for bytes, which is smaller and quicker. */
  readonly protocol?: 2 | 3;
  /** Says how an object of a class of yours is written; undefined for objects that are none of yours. */
  readonly reduce?: (value: object) => Reduced | undefined;
  /** Objects for which this gives an id are written as that persistent id. */
  readonly persistentId?: (value: object) => Tuple | undefined;
}

// Far below what overflows JavaScript's stack, far above what settings and state dicts nest.
const MAX_DEPTH = 500;

/** Python pickles of a dict, list or set write their items in groups, so that a reader's stack stays small. */
const BATCH = 1000;

/**
 * Writes one pickle; the same content gives the same bytes. Map and plain object ->
 * dict, Array -> list, {@link Tuple} -> tuple, Set -> set, Uint8Array -> bytes, {@link NdArray} -> numpy array, integral
 * number and bigint -> int (float beyond 2^53, and for -0), other numbers -> float. An object met twice is written once.
 * @throws TypeError for what has no Python form, naming the place (`$.optimizer.lr`).
 */
export function writePickle(value: unknown, options: PickleWriteOptions = {}): Uint8Array {
  return new PickleWriter(options).run(value);
}

class PickleWriter {
  readonly #out = new ByteBuilder();
  readonly #objects = new Map<object, number>();
  readonly #texts = new Map<string, number>();
  readonly #names = new Map<string, number>();
  readonly #open = new Set<object>();
  readonly #path: (string | number)[] = [];
  #memoSize = 0;

  constructor(readonly options: PickleWriteOptions) {}

  run(value: unknown): Uint8Array {
    this.#out.u8(0x80).u8(this.options.protocol ?? 2);
    this.#write(value);
    this.#out.ascii('.');
    return this.#out.bytes;
  }

  #error(message: string): TypeError {
    const place = this.#path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
    return new TypeError(`Cannot save $${place}: ${message}`);
  }

  #put(): number {
    const index = this.#memoSize++;
    if (index < 256) this.#out.ascii('q').u8(index);
    else this.#out.ascii('r').u32(index);
    return index;
  }

  #get(index: number): void {
    if (index < 256) this.#out.ascii('h').u8(index);
    else this.#out.ascii('j').u32(index);
  }

  #at(step: string | number, value: unknown): void {
    this.#path.push(step);
    this.#write(value);
    this.#path.pop();
  }

  #write(value: unknown): void {
    if (this.#path.length > MAX_DEPTH) {
      this.#path.length = 0;
      throw this.#error(`it is nested more than ${MAX_DEPTH} levels deep`);
    }
    if (value === null) this.#out.ascii('N');
    else if (typeof value === 'boolean') this.#out.u8(value ? 0x88 : 0x89);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'bigint') this.#long(value);
    else if (typeof value === 'string') this.#text(value);
    else if (typeof value === 'object') this.#object(value);
    else throw this.#error(`${value === undefined ? 'undefined' : `a ${typeof value}`} has no Python form`);
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.#float(value);
    else if (value >= 0 && value < 256) this.#out.ascii('K').u8(value);
    else if (value >= 0 && value < 65536) this.#out.ascii('M').u16(value);
    else if (value >= -0x8000_0000 && value <= 0x7fff_ffff) this.#out.ascii('J').i32(value);
    else this.#long(BigInt(value));
  }

  #float(value: number): void {
    this.#out.ascii('G').f64be(value);
  }

  #long(value: bigint): void {
    if (value >= -0x8000_0000n && value <= 0x7fff_ffffn) {
      this.#number(Number(value));
      return;
    }
    const bytes = encodeLong(value);
    if (bytes.length < 256) this.#out.u8(0x8a).u8(bytes.length).raw(bytes);
    else this.#out.u8(0x8b).u32(bytes.length).raw(bytes);
  }

  #text(value: string): void {
    const known = this.#texts.get(value);
    if (known !== undefined) {
      this.#get(known);
      return;
    }
    const bytes = encodeUtf8(value);
    this.#out.ascii('X').u32(this.#length(bytes)).raw(bytes);
    this.#texts.set(value, this.#put());
  }

  /** The length of text or bytes, which these protocols write in 32 bits. */
  #length(bytes: Uint8Array): number {
    if (bytes.byteLength > 0xffff_ffff) throw this.#error('it is larger than 4 GiB; save it as a tensor');
    return bytes.byteLength;
  }

  #object(value: object): void {
    const id = this.options.persistentId?.(value);
    if (id !== undefined) {
      this.#write(id);
      this.#out.ascii('Q');
      return;
    }
    const known = this.#objects.get(value);
    if (known !== undefined) {
      this.#get(known);
      return;
    }
    if (this.#open.has(value)) throw this.#error('it contains itself');
    this.#open.add(value);
    this.#fresh(value);
    this.#open.delete(value);
  }

  #fresh(value: object): void {
    const reduced = this.options.reduce?.(value);
    if (reduced !== undefined) this.#reduced(value, reduced);
    else if (value instanceof PyName) this.#name(value);
    else if (value instanceof Tuple) this.#tuple(value);
    else if (Array.isArray(value)) this.#list(value);
    else if (value instanceof Map) this.#dict(value, value);
    else if (value instanceof Set) this.#reduced(value, { callee: SET, args: [[...(value as Set<unknown>)]] });
    else if (value instanceof Uint8Array) this.#bytes(value);
    else if (value instanceof NdArray) this.#ndarray(value);
    else if (value instanceof Complex)
      this.#reduced(value, { callee: COMPLEX, args: [float(value.re), float(value.im)] });
    else if (value instanceof PyFloat) this.#float(value.value);
    else if (value instanceof AsReduced) this.#reduced(value, value.form);
    else if (isPlain(value)) this.#dict(value, Object.entries(value));
    else throw this.#error(`an object of class ${className(value)} has no Python form`);
  }

  #memoize(value: object): void {
    this.#objects.set(value, this.#put());
  }

  #name(value: PyName): void {
    // Protocol 2 is Python 2's too, and so is the name of its builtins.
    const moduleName = value.module === 'builtins' && this.options.protocol !== 3 ? '__builtin__' : value.module;
    const key = `c${moduleName}\n${value.name}\n`;
    const known = this.#names.get(key);
    if (known !== undefined) {
      this.#get(known);
      return;
    }
    this.#out.ascii(key);
    this.#names.set(key, this.#put());
  }

  #tuple(items: Tuple): void {
    if (items.length === 0) {
      this.#out.ascii(')');
      return;
    }
    const short = [0x85, 0x86, 0x87][items.length - 1];
    if (short === undefined) this.#out.ascii('(');
    for (let i = 0; i < items.length; i++) this.#at(i, items[i]);
    if (short === undefined) this.#out.ascii('t');
    else this.#out.u8(short);
    this.#memoize(items);
  }

  #list(items: readonly unknown[]): void {
    this.#out.ascii(']');
    this.#memoize(items);
    for (let start = 0; start < items.length; start += BATCH) {
      const end = Math.min(start + BATCH, items.length);
      const single = end - start === 1;
      if (!single) this.#out.ascii('(');
      for (let i = start; i < end; i++) this.#at(i, items[i]);
      this.#out.ascii(single ? 'a' : 'e');
    }
  }

  #dict(value: object, items: Iterable<readonly [unknown, unknown]>): void {
    this.#out.ascii('}');
    this.#memoize(value);
    this.#items(items);
  }

  #items(items: Iterable<readonly [unknown, unknown]>): void {
    const all = [...items];
    for (let start = 0; start < all.length; start += BATCH) {
      const group = all.slice(start, start + BATCH);
      if (group.length > 1) this.#out.ascii('(');
      for (const [key, item] of group) {
        this.#key(key);
        this.#at(typeof key === 'number' ? key : String(key), item);
      }
      this.#out.ascii(group.length > 1 ? 'u' : 's');
    }
  }

  #key(key: unknown): void {
    const hashable = key === null || typeof key !== 'object' || key instanceof Tuple || key instanceof PyName;
    if (!hashable) throw this.#error(`${className(key)} cannot be a key of a Python dict`);
    this.#write(key);
  }

  #bytes(value: Uint8Array): void {
    if (this.options.protocol === 3) {
      this.#out.ascii('B').u32(this.#length(value)).raw(value);
      this.#memoize(value);
      return;
    }
    // Protocol 2 has no bytes: Python writes them as latin-1 text to be encoded. The text is not memoised, it is large.
    const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1');
    this.#name(ENCODE);
    const encoded = Buffer.from(text, 'utf8');
    this.#out.ascii('X').u32(this.#length(encoded)).raw(encoded);
    this.#text('latin1');
    this.#out.u8(0x86).ascii('R');
    this.#memoize(value);
  }

  #reduced(value: object, { callee, args, items, state }: Reduced): void {
    this.#name(callee);
    this.#arguments(args);
    this.#out.ascii('R');
    this.#memoize(value);
    if (items !== undefined) this.#items(items);
    if (state !== undefined) {
      this.#write(state);
      this.#out.ascii('b');
    }
  }

  #arguments(args: readonly unknown[]): void {
    this.#write(Tuple.make(args));
  }

  #ndarray(array: NdArray): void {
    const { code } = ndLayout(array.dtype);
    const order = code.endsWith('1') ? '|' : '<';
    const dtype: Reduced = {
      callee: new PyName('numpy', 'dtype'),
      args: [code, false, true],
      state: Tuple.of<unknown>(3, order, null, null, null, -1, -1, 0),
    };
    const data = new Uint8Array(array.data.buffer, array.data.byteOffset, array.data.byteLength);
    this.#reduced(array, {
      callee: new PyName('numpy.core.multiarray', '_reconstruct'),
      args: [new PyName('numpy', 'ndarray'), Tuple.of(0), Uint8Array.of(0x62)],
      state: Tuple.of<unknown>(1, Tuple.make(array.shape), new AsReduced(dtype), false, data),
    });
  }
}

const ENCODE = new PyName('_codecs', 'encode');
const SET = new PyName('builtins', 'set');
const COMPLEX = new PyName('builtins', 'complex');

/** Object that exists only in its pickled form. */
export class AsReduced {
  constructor(readonly form: Reduced) {}
}

function isPlain(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function className(value: object): string {
  const { constructor } = value as { constructor?: unknown };
  return typeof constructor === 'function' ? constructor.name : 'unknown';
}
