import { native } from '../native/load.js';
import { dtypeOf, type DType, type TypedArray } from './dtype.js';
import { TorchError } from './errors.js';
import { Complex, PyFloat, writeTape } from './tape.js';
import { slotKey, TensorBase } from './scope.js';

/** A bound or the step of a slice; a tensor is one integer without dimensions. */
export type SliceBound = number | bigint | TensorBase | null | undefined;

/** Python's `start:stop:step`; make it with {@link slice}. */
export class Slice {
  constructor(
    readonly start: SliceBound,
    readonly stop: SliceBound,
    readonly step: SliceBound,
  ) {}

  /** As Python writes it between brackets. */
  toString(): string {
    const text = (bound: SliceBound): string =>
      bound === null || bound === undefined ? '' : bound instanceof TensorBase ? 'tensor' : bound.toString();
    const step = text(this.step);
    return `${text(this.start)}:${text(this.stop)}${step === '' ? '' : `:${step}`}`;
  }
}

/**
 * The elements `start`, `start + step`, … before `stop` of one dimension, with Python's rules: `slice(stop)` or
 * `slice(start, stop, step)`, `null` for what is left out, negative numbers from the end, bounds beyond the end cut. The step must be positive.
 * @see torch.Tensor.__getitem__, Python's `slice`
 */
export function slice(stop: SliceBound): Slice;
export function slice(start: SliceBound, stop: SliceBound, step?: SliceBound): Slice;
export function slice(...bounds: SliceBound[]): Slice {
  const [first, second, step] = bounds;
  return bounds.length === 1 ? new Slice(null, first, null) : new Slice(first, second, step);
}

/** Positions or a mask in nested arrays: numbers, or booleans. */
export type IndexList = readonly (number | bigint | boolean | IndexList)[];

/**
 * What may stand between Python's brackets: a position, a {@link slice} or its text (`'1:10:2'`, `':'`), `null` for a new dimension,
 * `'...'` for the dimensions between, a boolean, a tensor of positions (int64, int32) or a mask (bool), or either as nested
 * arrays or a TypedArray.
 */
export type TensorIndex =
  number | bigint | boolean | null | Slice | '...' | `${string}:${string}` | TensorBase | IndexList | TypedArray;

const kinds = 'only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got ';

const sliceText = /^\s*([+-]?\d+)?\s*:\s*([+-]?\d+)?\s*(?::\s*([+-]?\d+)?\s*)?$/;

function parseSlice(text: string): (number | bigint | null)[] {
  const found = sliceText.exec(text);
  if (found === null) throw new TorchError('index', `${kinds}the text "${text}")`);
  return [1, 2, 3].map((part) => {
    const digits = found[part];
    if (digits === undefined) return null;
    const number = Number(digits);
    return Number.isSafeInteger(number) ? number : BigInt(digits);
  });
}

/** The index tensor of an array, with Python's rule: a mask when all elements are booleans, else int64. */
function arrayToTensor(array: IndexList | TypedArray): number {
  if (ArrayBuffer.isView(array)) {
    const dtype = dtypeOf(array);
    writeTape([array.length]);
    if (dtype === 'uint8' || dtype === 'int64' || dtype === 'int32') return native.fromBytes(array, dtype);
    return native.fromBytes(BigInt64Array.from(array as ArrayLike<number>, wholeNumber), 'int64');
  }
  const shape: number[] = [];
  for (let each: unknown = array; Array.isArray(each); each = each[0]) shape.push(each.length);
  const leaves: (number | bigint | boolean)[] = [];
  const walk = (value: unknown, dim: number): void => {
    const size = shape[dim];
    if (size === undefined) {
      if (value instanceof TensorBase) leaves.push(native.item(value.handle));
      else if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') leaves.push(value);
      else throw new TorchError('index', `${kinds}${nameOf(value)} in a list)`);
      return;
    }
    if (!Array.isArray(value) || value.length !== size) {
      const got = Array.isArray(value) ? `got ${String(value.length)}` : `got ${nameOf(value)}`;
      throw new TorchError('value', `expected sequence of length ${String(size)} at dim ${String(dim)} (${got})`);
    }
    for (const each of value as unknown[]) walk(each, dim + 1);
  };
  if (shape.length > 64) throw new TorchError('value', 'too many dimensions in an index');
  walk(array, 0);
  const mask = leaves.length > 0 && leaves.every((each) => typeof each === 'boolean');
  writeTape(shape);
  return mask
    ? native.fromBytes(Uint8Array.from(leaves, Number), 'bool')
    : native.fromBytes(BigInt64Array.from(leaves, wholeNumber), 'int64');
}

function wholeNumber(value: number | bigint | boolean): bigint {
  if (typeof value !== 'number') return BigInt(value);
  if (!Number.isFinite(value)) throw new TorchError('value', `cannot convert float ${String(value)} to integer`);
  return BigInt(Math.trunc(value));
}

/** A value's kind in the words of Python's errors, where it has one. */
function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  if (value instanceof PyFloat) return 'float';
  if (value instanceof Complex) return 'complex';
  if (typeof value === 'string') return 'str';
  if (typeof value !== 'object') return typeof value;
  const made = (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)?.constructor?.name;
  return made ?? 'object';
}

/** Stands on the tape for a tensor that was made of an array; freed after the call. */
class Temporary extends TensorBase {}

function convert(index: unknown, made: Temporary[]): unknown {
  if (index instanceof Slice) return [index.start, index.stop, index.step];
  if (typeof index === 'string') return index === '...' ? index : parseSlice(index);
  if (index instanceof TensorBase) return index;
  if (Array.isArray(index) || (ArrayBuffer.isView(index) && !(index instanceof DataView))) {
    const temporary = new Temporary(slotKey, arrayToTensor(index as IndexList | TypedArray));
    made.push(temporary);
    return temporary;
  }
  if (typeof index === 'object' && index !== null) throw new TorchError('index', `${kinds}${nameOf(index)})`);
  if (typeof index === 'function' || typeof index === 'symbol') {
    throw new TorchError('index', `${kinds}${typeof index})`);
  }
  return index;
}

function withIndices<T>(indices: readonly unknown[], use: (converted: unknown[]) => T): T {
  const made: Temporary[] = [];
  try {
    return use(indices.map((each) => convert(each, made)));
  } finally {
    for (const each of made) each.dispose();
  }
}

/** @returns the slot of `tensor[indices]`. */
export function getItem(tensor: TensorBase, indices: readonly TensorIndex[]): number {
  return withIndices(indices, (converted) => {
    writeTape(converted);
    return native.getItem(tensor.handle);
  });
}

const legacyNames: Partial<Record<DType, string>> = {
  float32: 'Float',
  float64: 'Double',
  float16: 'Half',
  bfloat16: 'BFloat16',
  uint8: 'Byte',
  int8: 'Char',
  int16: 'Short',
  int32: 'Int',
  int64: 'Long',
  bool: 'Bool',
  complex64: 'ComplexFloat',
  complex128: 'ComplexDouble',
};

/** Does `tensor[indices] = value`. */
export function setItem(tensor: TensorBase, indices: readonly TensorIndex[], value: unknown): void {
  const number = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean';
  if (!number && !(value instanceof TensorBase) && !(value instanceof PyFloat) && !(value instanceof Complex)) {
    const dtype = native.dtype(tensor.handle) as DType;
    const target = `torch.${legacyNames[dtype] ?? dtype}Tensor`;
    throw new TorchError('type', `can't assign a ${nameOf(value)} to a ${target}`);
  }
  withIndices(indices, (converted) => {
    writeTape(converted, value);
    native.setItem(tensor.handle);
  });
}
