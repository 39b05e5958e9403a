import { native } from '../native/load.js';
import { type DType, type Device, dtypeOf, isFloatingPoint, type TypedArray } from './dtype.js';
import { readNested, type ReadElements } from './elements.js';
import { TorchError } from './errors.js';
import type { Generator } from './generator.js';
import { aten } from './operators.js';
import { isGradEnabled, setGradEnabled } from './grad-mode.js';
import type { Ints, Scalar } from './scalar.js';
import { type Complex, writeTape } from './tape.js';
import { type Tensor, tensorAt } from './tensor.js';

/** How a new tensor is made. */
export interface CreationOptions {
  dtype?: DType | undefined;
  device?: Device | undefined;
  requiresGrad?: boolean | undefined;
}

/** Numbers in nested arrays, all rows of one length. */
export type NestedData = number | bigint | boolean | Complex | TypedArray | readonly NestedData[];

/**
 * A tensor of one's own values, always copied. Numbers make float32, bigints int64, booleans bool, {@link Complex} numbers (real ones
 * among them) complex64, a TypedArray its own dtype.
 * @param options.shape gives a flat TypedArray another shape than `[length]`.
 * @throws TorchError `shape` for ragged rows, `type` for mixed kinds, `value` for what does not fit the dtype.
 * @see torch.tensor
 */
export function tensor(
  data: NestedData,
  options: CreationOptions & { shape?: readonly number[] | undefined } = {},
): Tensor {
  const typed = ArrayBuffer.isView(data) && !(data instanceof DataView);
  const read: ReadElements = typed
    ? { dtype: options.dtype ?? dtypeOf(data), flat: data, shape: [data.length] }
    : readNested(data, options.dtype);
  const shape = options.shape ?? read.shape;
  const own = dtypeOf(read.flat);
  const stored: DType = read.stored ?? (read.dtype === 'bool' && own === 'uint8' && !typed ? 'bool' : own);
  const made = fromBytes(read.flat, shape, stored);
  return finish(made, { ...options, dtype: read.dtype });
}

/** Converts, moves and marks a new tensor; releases what it replaced. */
function finish(made: Tensor, options: CreationOptions): Tensor {
  let out = made;
  if (out.dtype !== (options.dtype ?? out.dtype) || (options.device !== undefined && options.device !== 'cpu')) {
    const recording = isGradEnabled();
    setGradEnabled(false);
    try {
      out = made.to({ dtype: options.dtype, device: options.device });
    } finally {
      setGradEnabled(recording);
      made.dispose();
    }
  }
  if (options.requiresGrad === true) out.requiresGrad = true;
  return out;
}

/**
 * A tensor of raw bytes, copied.
 * @param bytes the elements row by row, little-endian.
 * @throws TorchError `shape` when their number does not fit shape and dtype.
 */
export function fromBytes(bytes: ArrayBufferView, shape: readonly number[], dtype: DType): Tensor {
  writeTape(shape);
  return tensorAt(native.fromBytes(bytes, dtype));
}

/** What {@link rand} and {@link randn} take by name. */
export type RandomOptions = CreationOptions & { generator?: Generator | null | undefined };

function create(name: string, args: readonly unknown[], options: RandomOptions): Tensor {
  const { requiresGrad, ...named } = options;
  const made = aten<Tensor>(name, ...(args as never[]), named);
  if (requiresGrad === true) made.requiresGrad = true;
  return made;
}

/** `shape` of zeros, float32 unless another dtype is named. @see torch.zeros */
export const zeros = (shape: Ints, options: CreationOptions = {}): Tensor => create('zeros', [shape], options);
/** `shape` of ones. @see torch.ones */
export const ones = (shape: Ints, options: CreationOptions = {}): Tensor => create('ones', [shape], options);
/** `shape` of whatever the memory held. @see torch.empty */
export const empty = (shape: Ints, options: CreationOptions = {}): Tensor =>
  create('empty.memory_format', [shape], options);

/**
 * `shape` of one value: float32 for a number, int64 for a bigint, bool for a boolean, unless a dtype is named (Python's
 * `full([2], 1)` would be int64: JavaScript cannot tell 1 from 1.0; docs/operators.md has the rule).
 * @see torch.full
 */
export function full(shape: Ints, value: Scalar, options: CreationOptions = {}): Tensor {
  const dtype = options.dtype ?? (typeof value === 'number' ? 'float32' : undefined);
  return create('full', [shape, value], { ...options, dtype });
}

/** Uniform in [0, 1). @see torch.rand */
export const rand = (shape: Ints, options: RandomOptions = {}): Tensor => create('rand', [shape], options);
/** Standard normal. @see torch.randn */
export const randn = (shape: Ints, options: RandomOptions = {}): Tensor => create('randn', [shape], options);
/** Integers from `low` to `high` - 1, int64. @see torch.randint */
export const randint = (
  low: number | bigint,
  high: number | bigint,
  shape: Ints,
  options: RandomOptions = {},
): Tensor => create('randint', [low, high, shape], options);
/** A permutation of 0 … n - 1, int64. @see torch.randperm */
export const randperm = (n: number | bigint, options: RandomOptions = {}): Tensor => create('randperm', [n], options);
/** The identity matrix. @see torch.eye */
export const eye = (n: number | bigint, options: CreationOptions = {}): Tensor => create('eye', [n], options);

/**
 * Numbers from `start` to before `end`: int64 when all three are bigints, float32 otherwise, unless a dtype is named (Python's
 * `arange(3)` is int64).
 * @see torch.arange
 */
export function arange(
  start: number | bigint,
  end?: number | bigint,
  step: number | bigint = 1n,
  options: CreationOptions = {},
): Tensor {
  const [from, to] = end === undefined ? [typeof start === 'bigint' ? 0n : 0, start] : [start, end];
  const integral = typeof from === 'bigint' && typeof to === 'bigint' && typeof step === 'bigint';
  return create('arange.start_step', [from, to, step], {
    ...options,
    dtype: options.dtype ?? (integral ? 'int64' : 'float32'),
  });
}

/** `steps` numbers from `start` to `end`, both included. @see torch.linspace */
export const linspace = (start: number, end: number, steps: number, options: CreationOptions = {}): Tensor =>
  create('linspace', [start, end, steps], options);

/** Zeros of another tensor's shape, dtype and device. @see torch.zeros_like */
export const zerosLike = (like: Tensor, options: CreationOptions = {}): Tensor => create('zeros_like', [like], options);
/** Ones of another tensor's shape, dtype and device. @see torch.ones_like */
export const onesLike = (like: Tensor, options: CreationOptions = {}): Tensor => create('ones_like', [like], options);
/** @see torch.empty_like */
export const emptyLike = (like: Tensor, options: CreationOptions = {}): Tensor => create('empty_like', [like], options);
/** Standard normal of another tensor's shape. @see torch.randn_like */
export const randnLike = (like: Tensor, options: CreationOptions = {}): Tensor => create('randn_like', [like], options);

/** Throws unless gradients can flow through a dtype. */
export function requireFloatingPoint(dtype: DType, what: string): void {
  if (!isFloatingPoint(dtype))
    throw new TorchError('dtype', `Expected a floating point dtype for ${what} but received ${dtype}`);
}
