import { Complex } from '../tensor/index.js';
import { NdArray, ND_LAYOUTS, ndLayout, Tuple, type NdType } from './pickle-values.js';
import { encodeLatin1 } from './pickle-text.js';
import type { PickleGlobal } from './pickle-options.js';

/** A numpy dtype while a pickle is read: `name` undefined for kinds that are not read (objects, text, records). */
class NumpyDtype {
  swapped = false;
  constructor(
    readonly code: string,
    readonly name: NdType | undefined,
  ) {}
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const BY_CODE = new Map([...ND_LAYOUTS].map(([name, layout]) => [layout.code, name]));

/** The byte order of typed arrays; the same on every machine that Node runs on today, but asked, not assumed. */
const NATIVE_ORDER = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? '<' : '>';

/** The builtins and numpy constructors that data files use. */
export const PYTHON_GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map<string, PickleGlobal>([
  ['builtins.list', { call: ([items]) => (items === undefined ? [] : [...iterable(items)]) }],
  ['builtins.dict', { call: ([items]) => (items === undefined ? new Map() : new Map(pairs(items))) }],
  ['builtins.set', { call: ([items]) => (items === undefined ? new Set() : new Set(iterable(items))) }],
  ['builtins.frozenset', { call: ([items]) => (items === undefined ? new Set() : new Set(iterable(items))) }],
  ['builtins.bytearray', { call: bytesOf }],
  ['builtins.bytes', { call: bytesOf }],
  ['builtins.complex', { call: ([re, im]) => new Complex(float(re), im === undefined ? 0 : float(im)) }],
  ['_codecs.encode', { call: encode }],
  ['numpy.ndarray', { value: 'numpy.ndarray' }],
  ['numpy.dtype', { call: ([code]) => dtypeOf(code) }],
  ...['numpy.core', 'numpy._core'].flatMap((core): [string, PickleGlobal][] => [
    [`${core}.multiarray._reconstruct`, { call: () => new NdArray('uint8', [0], new Uint8Array(0)) }],
    [`${core}.multiarray.scalar`, { call: ([dtype, bytes]) => scalarOf(dtype, bytes) }],
    [
      `${core}.numeric._frombuffer`,
      { call: ([bytes, dtype, shape, order]) => arrayOf(dtype, shape, bytes, order === 'F') },
    ],
  ]),
]);

/** Completes numpy arrays and dtypes. @see PickleReadOptions.build */
export function buildPython(target: object, state: unknown): boolean {
  if (target instanceof NdArray) {
    // (version, shape, dtype, is Fortran order, bytes); the object exists already, other parts may point at it
    if (!(state instanceof Tuple) || state.length !== 5)
      throw new Error('a numpy array whose state is not a tuple of five');
    const { dtype, shape, data } = arrayOf(state[2], state[1], state[4], state[3] === true);
    Object.assign(target as Writable<NdArray>, { dtype, shape, data });
    return true;
  }
  if (target instanceof NumpyDtype) {
    if (!(state instanceof Tuple)) throw new Error('a numpy dtype whose state is not a tuple');
    const order: unknown = state[1];
    target.swapped = (order === '<' || order === '>') && order !== NATIVE_ORDER;
    return true;
  }
  return false;
}

function iterable(value: unknown): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) return value as Iterable<unknown>;
  throw new Error('expected a list');
}

function pairs(value: unknown): [unknown, unknown][] {
  return [...iterable(value)].map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw new Error('expected a list of pairs');
    return [pair[0], pair[1]];
  });
}

function float(value: unknown): number {
  if (typeof value !== 'number') throw new Error('expected a number');
  return value;
}

/** `encode(text, 'latin1')` is how protocol 2 writes bytes. */
function encode([text, encoding]: readonly unknown[]): Uint8Array {
  if (typeof text !== 'string' || (encoding !== 'latin1' && encoding !== 'latin-1')) {
    throw new Error('only latin1 text is read as bytes');
  }
  return new Uint8Array(rawBytes(text));
}

/** `bytes()`, `bytearray(b)`, `bytearray(text, 'latin-1')`; a bare number would ask for memory at will, and is refused. */
function bytesOf([value]: readonly unknown[]): Uint8Array {
  return value === undefined ? new Uint8Array(0) : new Uint8Array(rawBytes(value));
}

/** Bytes, or the latin-1 text that stands for them in pickles of Python 2. */
function rawBytes(value: unknown): Uint8Array {
  const bytes = typeof value === 'string' ? encodeLatin1(value) : value;
  if (!(bytes instanceof Uint8Array)) throw new Error('expected bytes');
  return bytes;
}

function dtypeOf(code: unknown): NumpyDtype {
  const text =
    typeof code === 'string' ? code : code instanceof Uint8Array ? Buffer.from(code).toString('latin1') : undefined;
  if (text === undefined || text.length > 64) throw new Error('a dtype without a name');
  return new NumpyDtype(text, BY_CODE.get(text.replace(/^[<>=|]/, '')));
}

function arrayOf(dtype: unknown, shape: unknown, data: unknown, fortran: boolean): NdArray {
  if (!(dtype instanceof NumpyDtype)) throw new Error('a numpy array without a dtype');
  if (dtype.name === undefined) throw new Error(`numpy arrays of dtype ${dtype.code} are not read`);
  const sizes = Array.isArray(shape) ? (shape as unknown[]) : [shape];
  if (sizes.length > 64) throw new Error('a numpy array of more than 64 dimensions'); // numpy's own limit
  if (!sizes.every((size): size is number => typeof size === 'number' && Number.isSafeInteger(size) && size >= 0)) {
    throw new Error('a numpy array with a malformed shape');
  }
  const { size, unit, view } = ndLayout(dtype.name);
  const bytes = rawBytes(data);
  const expected = sizes.reduce((product, n) => product * n, size);
  if (bytes.byteLength !== expected) {
    throw new Error(
      `a ${dtype.name} array of shape [${sizes.join(', ')}] needs ${expected} bytes, the file holds ${bytes.byteLength}`,
    );
  }
  const copy = fortran ? toCOrder(bytes, sizes, size) : new Uint8Array(bytes);
  if (dtype.swapped) swap(copy, unit);
  return new NdArray(dtype.name, [...sizes], view(copy.buffer));
}

function scalarOf(dtype: unknown, data: unknown): unknown {
  const array = arrayOf(dtype, [], data, false);
  const [first, second] = array.data;
  if (first === undefined) throw new Error('an empty numpy scalar');
  if (array.dtype.startsWith('complex')) return new Complex(Number(first), Number(second));
  if (array.dtype === 'bool') return first !== 0;
  if (array.dtype === 'float16') return halfToNumber(Number(first));
  if (typeof first === 'number') return first;
  return Number.isSafeInteger(Number(first)) ? Number(first) : first;
}

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** Column-major elements to row-major, for a fresh array. */
function toCOrder(bytes: Uint8Array, shape: readonly number[], size: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes.byteLength);
  const count = bytes.byteLength / size;
  const index = new Array<number>(shape.length).fill(0);
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, n) => product * n, 1));
  let from = 0;
  for (let to = 0; to < count; to++) {
    out.set(bytes.subarray(from * size, (from + 1) * size), to * size);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      const stride = strides[axis] ?? 0;
      if (next < (shape[axis] ?? 0)) {
        index[axis] = next;
        from += stride;
        break;
      }
      from -= (next - 1) * stride;
      index[axis] = 0;
    }
  }
  return out;
}

/** Reverses the bytes of every unit, in place. */
export function swap(bytes: Uint8Array, unit: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (unit === 2) buffer.swap16();
  else if (unit === 4) buffer.swap32();
  else if (unit === 8) buffer.swap64();
}
