import type { DType, Layout } from '../tensor/index.js';
import { NdArray } from './pickle-values.js';
import type { QuantizerSpec, StorageRef, TensorMaker, TensorSpec } from './tensor-maker.js';
import { checkInside } from './torch-arguments.js';

/** A tensor of a file that was only looked into. */
export class TensorOutline {
  dtype: DType;
  shape: readonly number[];
  layout: Layout = 'strided';
  requiresGrad = false;
  /** The key of its storage in the file; undefined for sparse and meta tensors, and those that other places made. */
  storage: string | undefined;
  /** In elements. */
  offset = 0;
  stride: readonly number[] = [];
  isQuantized = false;
  isMeta = false;
  isParameter = false;
  /** Indices and values of a sparse tensor. */
  parts: readonly TensorOutline[] = [];

  constructor(dtype: DType, shape: readonly number[], more: Partial<TensorOutline> = {}) {
    this.dtype = dtype;
    this.shape = shape;
    Object.assign(this, more);
  }
}

/** Makes {@link TensorOutline}s: the same checks as when tensors are made, and no memory for their elements. */
export class OutlineMaker implements TensorMaker<StorageRef, TensorOutline> {
  /** Storages by their keys, in the order of their first mention. */
  readonly storages = new Map<string, StorageRef>();

  storage(ref: StorageRef): StorageRef {
    if (!this.storages.has(ref.key)) this.storages.set(ref.key, ref);
    return ref;
  }

  strided(ref: StorageRef, spec: TensorSpec): TensorOutline {
    checkInside(spec, ref.part?.nbytes ?? ref.nbytes);
    const { dtype, shape, stride, offset, requiresGrad } = spec;
    return new TensorOutline(dtype, shape, { storage: ref.key, stride, offset, requiresGrad });
  }

  sparse(layout: Layout, parts: readonly TensorOutline[], shape: readonly number[]): TensorOutline {
    return new TensorOutline(parts.at(-1)!.dtype, shape, { layout, parts });
  }

  quantized(ref: StorageRef, spec: TensorSpec, _quantizer: QuantizerSpec<TensorOutline>): TensorOutline {
    return Object.assign(this.strided(ref, spec), { isQuantized: true });
  }

  meta(dtype: DType, shape: readonly number[], stride: readonly number[], requiresGrad: boolean): TensorOutline {
    return new TensorOutline(dtype, shape, { stride, requiresGrad, isMeta: true });
  }

  parameter(data: TensorOutline, requiresGrad: boolean): TensorOutline {
    const { dtype, shape, layout, storage, offset, stride, parts, isQuantized, isMeta } = data;
    const place = { layout, storage, offset, stride, parts, isQuantized, isMeta };
    return new TensorOutline(dtype, shape, { ...place, requiresGrad, isParameter: true });
  }

  converted(data: TensorOutline | NdArray, dtype: DType, _device: string, requiresGrad: boolean): TensorOutline {
    return new TensorOutline(dtype, data.shape, { requiresGrad });
  }

  empty(dtype: DType): TensorOutline {
    return new TensorOutline(dtype, [0], { stride: [1] });
  }

  fill(target: TensorOutline, ref: StorageRef, spec: TensorSpec): void {
    Object.assign(target, this.strided(ref, spec));
  }

  requireGrad(target: TensorOutline, requiresGrad: boolean): void {
    target.requiresGrad = requiresGrad;
  }

  isTensor(value: unknown): value is TensorOutline {
    return value instanceof TensorOutline;
  }
}
