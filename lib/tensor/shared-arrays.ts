import { native } from '../native/load.js';
import { type DType, dtypeOf, type TypedArray, typedArrayOf } from './dtype.js';
import { TorchError } from './errors.js';
import { writeTape } from './tape.js';
import type { TensorBase } from './scope.js';

type ArrayOverBuffer = new (buffer: ArrayBufferLike, byteOffset?: number, length?: number) => TypedArray;

/** A TypedArray over a tensor's own memory; see Tensor.asTypedArray. */
export function asTypedArray(tensor: TensorBase): TypedArray {
  const dtype = native.dtype(tensor.handle) as DType;
  const array = typedArrayOf(dtype) as ArrayOverBuffer | undefined;
  if (array === undefined) {
    throw new TorchError(
      'dtype',
      `Expected a dtype that a TypedArray holds for asTypedArray() but received ${dtype}: view() it as one of the same size, or take toTypedArray(), which copies`,
    );
  }
  if (native.numel(tensor.handle) === 0) return new array(new ArrayBuffer(0));
  return new array(native.asArrayBuffer(tensor.handle));
}

/**
 * The slot of a tensor over an array's own memory.
 * @returns -1 when the memory may be taken away from under it: an ArrayBuffer that is not a tensor's.
 */
export function tensorOver(array: TypedArray, shape: readonly number[]): number {
  const { buffer } = array;
  const shared = buffer instanceof SharedArrayBuffer;
  if (!shared && (buffer as { resizable?: boolean }).resizable === true) return -1;
  writeTape(shape);
  return native.overBuffer(new Uint8Array(buffer), dtypeOf(array), array.byteOffset / array.BYTES_PER_ELEMENT, shared);
}

/**
 * The slot of a tensor that takes an array's memory: the array, and every other one over its buffer, is empty afterwards.
 * @throws TorchError `value` for a buffer that cannot be taken: Node's pool, WebAssembly's memory.
 */
export function takeOver(array: TypedArray, shape: readonly number[]): number {
  const { buffer, byteOffset, BYTES_PER_ELEMENT } = array;
  const dtype = dtypeOf(array);
  const length = buffer.byteLength;
  if (buffer instanceof SharedArrayBuffer) {
    throw new TorchError(
      'value',
      'Expected an array to move but received one over a SharedArrayBuffer, which is shared',
    );
  }
  let taken: ArrayBuffer | undefined;
  try {
    taken = structuredClone(buffer, { transfer: [buffer] });
  } catch {
    taken = undefined;
  }
  // Nobody else ever sees the new buffer, so nobody can detach or resize it.
  if (taken === undefined || (length > 0 && buffer.byteLength !== 0)) {
    throw new TorchError(
      'value',
      "Expected an array to move but received one whose buffer cannot be detached (Node's pool of small Buffers, WebAssembly's memory): leave out move, which copies",
    );
  }
  writeTape(shape);
  return native.overBuffer(new Uint8Array(taken), dtype, byteOffset / BYTES_PER_ELEMENT, true);
}
