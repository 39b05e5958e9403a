import { native } from '../native/load.js';
import { type DType, isComplex, type TypedArray } from './dtype.js';
import { copyToArray, jsonOf, nested, type NestedArray } from './elements.js';
import { TorchError } from './errors.js';
import { getItem, setItem, type TensorIndex } from './indexing.js';
import { operatorIndex } from './operators.js';
import { formatTensor } from './printing.js';
import { runAsync } from './run-async.js';
import { TensorBase } from './scope.js';
import type { Scalar } from './scalar.js';
import { asTypedArray } from './shared-arrays.js';
import { callOperator, Complex, wrap } from './tape.js';
import type { Tensor } from './tensor.js';

/** The part of {@link Tensor} that reads, picks, prints and sets elements. */
export abstract class TensorValues extends TensorBase {
  private get tensor(): Tensor {
    return this as unknown as Tensor;
  }

  // Indexing

  /**
   * What Python's `x[…]` gives, with its rules for every kind of index: `x.get(0)`, `x.get('1:', null, -1)`,
   * `x.get('...', slice(null, null, 2))`, `x.get(mask)`, `x.get([0, 2], [1, 1])`. One argument is one index of Python's tuple.
   * @returns a view where all indices are positions, slices, `null` and `'...'`; a copy where a tensor, an array or a boolean is among them.
   * @throws TorchError `index`, `value` or `type` in PyTorch's words.
   * @see torch.Tensor.__getitem__
   */
  get(...indices: readonly TensorIndex[]): Tensor {
    return wrap(getItem(this, indices)) as Tensor;
  }

  /**
   * Python's `x[…] = value`: `x.set(0, 1)`, `x.set([0, '1:'], other)`, `x.set(mask, 0)`. The value is broadcast; autograd records it.
   * @param indices the indices in an array, or one that is no array; an array of positions stands in an array: `x.set([[0, 2]], 1)`.
   * @param value a tensor, or a number, which takes the dtype of this tensor.
   * @throws TorchError in PyTorch's words.
   * @see torch.Tensor.__setitem__
   */
  set(indices: readonly TensorIndex[] | Exclude<TensorIndex, readonly unknown[]>, value: Tensor | Scalar): this {
    setItem(this, Array.isArray(indices) ? (indices as TensorIndex[]) : [indices as TensorIndex], value);
    return this;
  }

  /** The tensors along the first dimension, as `unbind(0)`. @throws TorchError `type` for a tensor without dimensions. */
  [Symbol.iterator](): ArrayIterator<Tensor> {
    if (native.ndim(this.handle) === 0) throw new TorchError('type', 'iteration over a 0-d tensor');
    return this.tensor.unbind(0)[Symbol.iterator]();
  }

  /** The size of the first dimension. @throws TorchError `type` for a tensor without dimensions. @see Python's `len(x)` */
  get length(): number {
    const size = this.tensor.shape[0];
    if (size === undefined) throw new TorchError('type', 'len() of a 0-d tensor');
    return size;
  }

  // Complex numbers

  /** The real parts, a view; a real tensor itself. Assigning copies into them. @see torch.Tensor.real */
  get real(): Tensor {
    return callOperator(operatorIndex('real'), [this]) as Tensor;
  }

  set real(value: Tensor | Scalar) {
    this.real.set('...', value);
  }

  /** The imaginary parts, a view. @throws TorchError `runtime` for a real tensor. @see torch.Tensor.imag */
  get imag(): Tensor {
    return callOperator(operatorIndex('imag'), [this]) as Tensor;
  }

  set imag(value: Tensor | Scalar) {
    this.imag.set('...', value);
  }

  /** Whether elements are complex. */
  isComplexValued(): boolean {
    return isComplex(native.dtype(this.handle) as DType);
  }

  // Elements

  /**
   * The only element: a number, 0 or 1 for bool.
   * @throws TorchError `runtime` for more than one element, `value` for an int beyond 2⁵³ (take {@link itemBigInt}), `type` for a complex
   * one (take {@link itemComplex}).
   * @see torch.Tensor.item
   */
  item(): number {
    const value = native.item(this.handle);
    if (typeof value === 'number') return value;
    throw new TorchError(
      'value',
      `Expected an integer within ±2^53 for item() but the tensor holds ${value.toString()}n: use itemBigInt()`,
    );
  }

  /** {@link item} without blocking the event loop: waits for the asynchronous calls before it, and for the device. */
  async itemAsync(): Promise<number> {
    using host = await runAsync(() => this.tensor.to('cpu'));
    return host.item();
  }

  /** {@link toTypedArray} without blocking the event loop while the elements are computed and brought together. */
  async toTypedArrayAsync(): Promise<TypedArray> {
    using host = await runAsync(() => this.tensor.to('cpu').contiguous());
    return host.toTypedArray();
  }

  /** {@link toArray} without blocking the event loop while the elements are computed and brought together. */
  async toArrayAsync(): Promise<NestedArray> {
    using host = await runAsync(() => this.tensor.to('cpu').contiguous());
    return host.toArray();
  }

  /** The only element of an integer tensor. */
  itemBigInt(): bigint {
    return BigInt(native.item(this.handle));
  }

  /** The only element as a complex number. */
  itemComplex(): Complex {
    if (!this.isComplexValued()) return new Complex(this.item(), 0);
    const flat = this.tensor.numel() === 1 ? copyToArray(this.tensor) : undefined;
    if (flat === undefined) {
      const count = String(this.tensor.numel());
      throw new TorchError('runtime', `a Tensor with ${count} elements cannot be converted to Scalar`);
    }
    return new Complex(Number(flat[0]), Number(flat[1]));
  }

  /**
   * The elements, row by row, copied: of the dtype's own TypedArray (bool: Uint8Array), half and bfloat16 as Float32Array, complex ones
   * as real and imaginary parts in turn.
   */
  toTypedArray(): TypedArray {
    return copyToArray(this.tensor);
  }

  /**
   * A TypedArray over the elements themselves: writing to either shows in the other (autograd does not see it). It keeps the
   * memory: it stays readable after `dispose()`, until the garbage collector finds it unreachable. A tensor that is resized beyond its
   * storage takes other memory and leaves this to the array.
   * @throws TorchError `runtime` for a tensor that requires grad, is not contiguous, not on the CPU or not dense; `dtype` for one whose
   * elements no TypedArray holds (half, bfloat16, complex): {@link toTypedArray} copies those.
   * @see torch.Tensor.numpy
   */
  asTypedArray(): TypedArray {
    return asTypedArray(this.tensor);
  }

  /** The elements as nested arrays: numbers, booleans, bigints for int64, {@link Complex} for complex; a scalar as itself. */
  toArray(): NestedArray {
    return nested(this.tensor);
  }

  /** What `JSON.stringify` takes: {@link toArray} with int64 as numbers. @throws TorchError `value` for ints beyond 2⁵³, `type` for complex. */
  toJSON(): unknown {
    return jsonOf(nested(this.tensor));
  }

  /** The elements' bytes, row by row, little-endian, copied; any dtype. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.tensor.nbytes);
    native.copyTo(this.handle, bytes);
    return bytes;
  }

  // Text and numbers

  /** As PyTorch prints it; see {@link setPrintOptions}. @see torch.Tensor.__repr__ */
  override toString(): string {
    return formatTensor(this.tensor);
  }

  /** The only element, for JavaScript's arithmetic and comparisons, as Python's `float(x)`: `+loss`, `loss < 0.1`. */
  [Symbol.toPrimitive](hint: 'string' | 'number' | 'default'): string | number {
    return hint === 'string' ? this.toString() : Number(native.item(this.handle));
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.isDisposed ? 'Tensor (released)' : this.toString();
  }
}
