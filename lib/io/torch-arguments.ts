import { isComplex, isFloatingPoint, type DType } from '../tensor/index.js';
import type { StorageRef, TensorSpec } from './tensor-maker.js';
import { ELEMENT_BYTES } from './torch-storages.js';

/** A storage class that a pickle names: `dtype` undefined for untyped ones. */
export class StorageType {
  constructor(readonly dtype: DType | undefined) {}
}

/** A storage on the stack of a pickle, and what its maker made of it. */
export class StorageValue {
  /** Whether a tensor was made of it: one of which none is made stands for itself. */
  used = false;

  constructor(
    readonly ref: StorageRef,
    readonly made: object,
  ) {}
}

export function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new Error(`${what} is no text`);
  return value;
}

/** Text, or the bytes that Python 2's text becomes where its encoding is `bytes`. */
export function asciiText(value: unknown, what: string): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : text(value, what);
}

/** A copy of a list of integers. */
export function naturals(value: unknown, what: string): number[] {
  const list: unknown[] | undefined = Array.isArray(value) ? value : undefined;
  if (list === undefined) throw new Error(`${what} is not a list of integers from 0 on`);
  const numbers: number[] = [];
  for (let i = 0; i < list.length; i++) {
    const n = list[i];
    if (typeof n !== 'number' || !Number.isSafeInteger(n) || n < 0)
      throw new Error(`${what} is not a list of integers from 0 on`);
    numbers.push(n);
  }
  return numbers;
}

export function natural(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new Error(`${what} is no integer from 0 on`);
  return value;
}

/** Whether elements of a dtype stand for real numbers by a quantizer. */
export function isQuantized(dtype: DType): boolean {
  return dtype.startsWith('q');
}

export function dtypeArgument(value: unknown): DType {
  if (typeof value !== 'string') throw new Error('a tensor without a dtype');
  if (!ELEMENT_BYTES.has(value as DType)) throw new Error(`tensors of ${value.slice(0, 40)} are not read`);
  return value as DType;
}

/** libtorch's operators take no more. */
export const MAX_DIMENSIONS = 64;

/** Checks what describes a strided tensor; whether it lies inside its storage is checked when it is made. */
export function specOf(
  dtype: DType | undefined,
  offset: unknown,
  size: unknown,
  stride: unknown,
  requiresGrad: unknown,
  metadata?: unknown,
): TensorSpec {
  if (dtype === undefined) throw new Error('a tensor over an untyped storage without a dtype');
  const bits = metadata instanceof Map && metadata.size > 0 ? bitsOf(metadata, dtype) : undefined;
  if (requiresGrad !== undefined && typeof requiresGrad !== 'boolean') throw new Error('requires_grad must be a bool');
  const grad = requiresGrad === true;
  if (grad && !isFloatingPoint(dtype) && !isComplex(dtype))
    throw new Error('only Tensors of floating point and complex dtype can require gradients');
  const shape = naturals(size, 'the size of a tensor');
  const strides = naturals(stride, 'the stride of a tensor');
  if (shape.length > MAX_DIMENSIONS) throw new Error(`a tensor of more than ${MAX_DIMENSIONS} dimensions`);
  if (shape.length !== strides.length) throw new Error('Expected as many strides as sizes');
  return {
    dtype,
    shape,
    stride: strides,
    offset: natural(offset, 'the offset of a tensor'),
    requiresGrad: grad,
    conj: bits?.has('conj') === true,
    neg: bits?.has('neg') === true,
  };
}

/** The bits of a tensor that are set. */
function bitsOf(metadata: ReadonlyMap<unknown, unknown>, dtype: DType): Set<string> {
  const set = new Set<string>();
  for (const [bit, on] of metadata) if (on === true) set.add(text(bit, 'the name of a bit of a tensor'));
  if (set.has('conj') && !isComplex(dtype)) throw new Error(`a conjugated tensor of ${dtype}`);
  for (const bit of set)
    if (bit !== 'conj' && bit !== 'neg') throw new Error(`tensors with the ${bit} bit are not read`);
  return set;
}

/** @throws Error where an element would lie outside of `nbytes` bytes. */
export function checkInside({ dtype, shape, stride, offset }: TensorSpec, nbytes: number): void {
  const available = Math.floor(nbytes / ELEMENT_BYTES.get(dtype)!.size);
  let last = offset;
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis]!;
    if (size === 0) return;
    last += (size - 1) * (stride[axis] ?? 0); // may round beyond 2^53, never below what is available
  }
  if (!(last < available)) throw new Error(`Expected a view inside its storage of ${available} elements`);
}
