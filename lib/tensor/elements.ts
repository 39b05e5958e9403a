import { native } from '../native/load.js';
import { type DType, isComplex, isFloatingPoint, type TypedArray, typedArrayOf } from './dtype.js';
import { TorchError } from './errors.js';
import { Complex } from './tape.js';
import type { Tensor } from './tensor.js';

/** Elements as nested arrays, outermost dimension first. */
export type NestedArray = number | bigint | boolean | Complex | NestedArray[];

/** A copy of the elements, row by row. */
export function copyToArray(tensor: Tensor): TypedArray {
  const dtype = tensor.dtype;
  const array = typedArrayOf(dtype);
  if (array !== undefined) {
    const out = new array(tensor.numel());
    native.copyTo(tensor.handle, out);
    return out;
  }
  if (dtype.startsWith('q'))
    throw new TorchError(
      'type',
      `Expected a tensor that is not quantized but received ${dtype}: call dequantize() first`,
    );
  const wide: DType = dtype === 'complex128' ? dtype : isComplex(dtype) ? 'complex64' : 'float32';
  using converted = tensor.to(wide);
  const numbers = tensor.numel() * (isComplex(dtype) ? 2 : 1);
  const out = wide === 'complex128' ? new Float64Array(numbers) : new Float32Array(numbers);
  native.copyTo(converted.handle, out);
  return out;
}

function elementReader(tensor: Tensor): (index: number) => NestedArray {
  const flat = copyToArray(tensor);
  const dtype = tensor.dtype;
  if (isComplex(dtype)) return (i) => new Complex(Number(flat[2 * i] ?? 0), Number(flat[2 * i + 1] ?? 0));
  if (dtype === 'bool') return (i) => flat[i] !== 0;
  return (i) => flat[i] ?? 0;
}

export function nested(tensor: Tensor): NestedArray {
  const read = elementReader(tensor);
  const shape = tensor.shape;
  let next = 0;
  const build = (dim: number): NestedArray => {
    const size = shape[dim];
    if (size === undefined) return read(next++);
    return Array.from({ length: size }, () => build(dim + 1));
  };
  return build(0);
}

/** Nested arrays with what JSON can hold. */
export function jsonOf(value: NestedArray): unknown {
  if (Array.isArray(value)) return value.map(jsonOf);
  if (value instanceof Complex) throw new TorchError('type', 'Object of type complex is not JSON serializable');
  if (typeof value !== 'bigint') return value;
  if (Number.isSafeInteger(Number(value))) return Number(value);
  throw new TorchError('value', `Expected integers within ±2^53 for JSON but the tensor holds ${value.toString()}n`);
}

/** A dtype, its flat elements and a shape, read from what a user wrote. */
export interface ReadElements {
  dtype: DType;
  flat: TypedArray;
  shape: number[];
  /** The dtype of `flat`, where it is not the array's own. */
  stored?: DType;
}

type Leaf = number | bigint | boolean | Complex;

function dtypeOfLeaf(leaf: Leaf): DType {
  if (leaf instanceof Complex) return 'complex64';
  if (typeof leaf === 'number') return 'float32';
  return typeof leaf === 'bigint' ? 'int64' : 'bool';
}

/** Reads numbers (float32), bigints (int64), booleans (bool) or complex numbers (complex64) out of nested arrays; all must be of one kind. */
export function readNested(data: unknown, wanted: DType | undefined): ReadElements {
  const shape: number[] = [];
  for (let each: unknown = data; Array.isArray(each) || ArrayBuffer.isView(each); each = (each as unknown[])[0]) {
    shape.push((each as unknown[]).length);
    if (shape.length > 64)
      throw new TorchError('type', 'Expected at most 64 dimensions but received arrays nested deeper');
  }
  const leaves: Leaf[] = [];
  const walk = (value: unknown, dim: number): void => {
    const size = shape[dim];
    if (size !== undefined) {
      const list = value as ArrayLike<unknown>;
      const length = typeof value === 'object' && value !== null ? list.length : undefined;
      if (length !== size) {
        throw new TorchError(
          'shape',
          `Expected sequences of equal length ${String(size)} at dimension ${String(dim)} but received ${length === undefined ? String(value) : `one of length ${String(length)}`}`,
        );
      }
      for (let i = 0; i < size; ++i) walk(list[i], dim + 1);
      return;
    }
    const real = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean';
    if (!real && !(value instanceof Complex)) {
      throw new TorchError(
        'type',
        `Expected numbers, bigints or booleans but received ${Array.isArray(value) ? 'a sequence too deep' : typeof value}`,
      );
    }
    leaves.push(value);
  };
  walk(data, 0);
  if (leaves.some((leaf) => leaf instanceof Complex)) return { ...packComplex(leaves, wanted ?? 'complex64'), shape };
  const kinds = new Set(leaves.map((leaf) => typeof leaf));
  if (kinds.size > 1)
    throw new TorchError('type', `Expected elements of one kind but received ${[...kinds].join(' and ')}`);
  const first = leaves[0];
  const natural = first === undefined ? 'float32' : dtypeOfLeaf(first);
  return { dtype: wanted ?? natural, flat: pack(leaves as Exclude<Leaf, Complex>[], wanted ?? natural), shape };
}

/** Real numbers may stand among complex ones, as in Python. */
function packComplex(leaves: readonly Leaf[], dtype: DType): Omit<ReadElements, 'shape'> {
  if (!isComplex(dtype)) {
    throw new TorchError('type', `Expected real numbers for ${dtype} but received complex ones`);
  }
  const flat = new Float64Array(leaves.length * 2);
  leaves.forEach((leaf, i) => {
    flat[2 * i] = leaf instanceof Complex ? leaf.re : Number(leaf);
    flat[2 * i + 1] = leaf instanceof Complex ? leaf.im : 0;
  });
  return { dtype, flat, stored: 'complex128' };
}

/** The TypedArray from which the dtype is made: its own, or a wider one that converts exactly as PyTorch would. */
function pack(leaves: readonly Exclude<Leaf, Complex>[], dtype: DType): TypedArray {
  if (dtype === 'int64') return BigInt64Array.from(leaves, (leaf) => toBigInt(leaf, dtype));
  if (dtype === 'uint64') return BigUint64Array.from(leaves, (leaf) => toBigInt(leaf, dtype));
  const array = isFloatingPoint(dtype) || isComplex(dtype) ? undefined : typedArrayOf(dtype);
  if (dtype === 'float32') return Float32Array.from(leaves, Number);
  if (array === undefined) return Float64Array.from(leaves, Number);
  const out = new array(leaves.length) as Exclude<TypedArray, BigInt64Array | BigUint64Array>;
  for (let i = 0; i < leaves.length; ++i)
    out[i] =
      dtype === 'bool'
        ? Number(leaves[i] !== 0 && leaves[i] !== 0n && leaves[i] !== false)
        : checked(leaves[i] ?? 0, dtype, out, i);
  return out;
}

function checked(
  leaf: Exclude<Leaf, Complex>,
  dtype: DType,
  out: Exclude<TypedArray, BigInt64Array | BigUint64Array>,
  i: number,
): number {
  const value = Math.trunc(Number(leaf));
  out[i] = value;
  if (out[i] !== value)
    throw new TorchError('value', `Expected a value that fits ${dtype} but received ${String(leaf)}`);
  return value;
}

/** @throws TorchError `value` for what 64 bits, signed or not, do not hold. */
function toBigInt(leaf: Exclude<Leaf, Complex>, dtype: 'int64' | 'uint64'): bigint {
  if (typeof leaf === 'number' && !Number.isFinite(leaf)) {
    throw new TorchError('value', `Expected an integer but received ${String(leaf)}`);
  }
  const value = typeof leaf === 'number' ? BigInt(Math.trunc(leaf)) : BigInt(leaf);
  const held = dtype === 'int64' ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
  if (held !== value) throw new TorchError('value', `Expected a value that fits ${dtype} but received ${String(leaf)}`);
  return value;
}
