import {
  type DType,
  empty,
  fromBytes,
  type Layout,
  noGrad,
  ops,
  scope,
  Tensor,
  tensor as newTensor,
} from '../tensor/index.js';
import { sliceStorage } from '../tensor/file-storages.js';
import type { NdArray } from './pickle-values.js';
import type { QuantizerSpec, StorageRef, TensorMaker, TensorSpec } from './tensor-maker.js';
import { WorkLimit } from './pickle-work.js';
import { checkInside } from './torch-arguments.js';
import { ELEMENT_BYTES } from './torch-storages.js';
import { visitValues } from './values-walk.js';

const { aten } = ops;

/** A storage while its file is read. */
export interface BuiltStorage {
  readonly nbytes: number;
  readonly dtype: DType | undefined;
  readonly ref: StorageRef;
  /** Any tensor over it: its bytes, or the first tensor that was asked for; undefined while nothing was read of it. */
  over: Tensor | undefined;
}

/** Where storages come from. */
export interface StorageSource {
  /** The bytes of one, `[nbytes]`, uint8. */
  read(ref: StorageRef): Tensor;
  /** A tensor over one, where that takes no step more; else undefined. */
  view(ref: StorageRef, spec: TensorSpec): Tensor | undefined;
  /** Where it is put, by where it lived. */
  place(location: string): string;
}

/** Makes tensors of what a torch file describes; each storage is read once, when the first tensor needs it. */
export class TensorBuilder implements TensorMaker<BuiltStorage, Tensor> {
  readonly #storages = new Map<string, BuiltStorage>();
  /** Tensors over the bytes of storages, which nobody gets. */
  readonly #bases: Tensor[] = [];
  readonly #made: Tensor[] = [];
  /** Whether tensors were made that only others are made of. */
  #partsMade = false;
  /** Whether a tensor was put over another storage after it was made: then none stands for the one it was made over. */
  #moved = false;

  readonly #work: WorkLimit;

  /** @param size bytes of the file; bounds what is copied out of tensors, which may show few bytes very often. */
  constructor(
    readonly source: StorageSource,
    size: number,
  ) {
    this.#work = new WorkLimit(size);
  }

  #charge(tensor: Tensor): Tensor {
    if (tensor.device !== 'meta') this.#work.charge(tensor.nbytes);
    return tensor;
  }

  storage(ref: StorageRef): BuiltStorage {
    const known = this.#storages.get(ref.key);
    // Without elements there is no memory to share, and the dtypes may differ.
    if (known !== undefined && known.dtype === ref.dtype && ref.part === undefined) return known;
    return this.#new(ref);
  }

  #new(ref: StorageRef): BuiltStorage {
    const { key, part } = ref;
    if (part === undefined) {
      const storage: BuiltStorage = { nbytes: ref.nbytes, dtype: ref.dtype, ref, over: undefined };
      this.#storages.set(key, storage);
      return storage;
    }
    // the same memory, in a storage of its own; its key may be that of the whole
    const name = `${part.key} of ${key}`;
    const known = this.#storages.get(name);
    if (known !== undefined) return known;
    const whole = this.storage({ key, dtype: ref.dtype, location: ref.location, nbytes: ref.nbytes });
    const over = this.#base(sliceStorage(this.#over(whole), part.offset, part.nbytes));
    const storage: BuiltStorage = { nbytes: part.nbytes, dtype: ref.dtype, ref, over };
    this.#storages.set(name, storage);
    return storage;
  }

  #base(base: Tensor): Tensor {
    this.#bases.push(base);
    return base;
  }

  #over(storage: BuiltStorage): Tensor {
    return (storage.over ??= this.#base(this.source.read(storage.ref)));
  }

  strided(storage: BuiltStorage, spec: TensorSpec): Tensor {
    checkInside(spec, storage.nbytes);
    let made = this.#first(storage, spec);
    made ??= this.#over(storage).viewStorage(spec.dtype, spec.shape, spec.stride, spec.offset);
    if (spec.conj) made = this.#instead(made, () => made!.conj());
    if (spec.neg) made = this.#instead(made, () => aten<Tensor>('_neg_view', made));
    this.#made.push(made);
    if (spec.requiresGrad) made.requiresGrad = true;
    return made;
  }

  /** The first tensor over a storage, mostly the only one: it then stands for the storage itself. */
  #first(storage: BuiltStorage, spec: TensorSpec): Tensor | undefined {
    if (storage.over !== undefined || this.#moved || spec.conj || spec.neg) return undefined;
    const first = this.source.view(storage.ref, spec);
    storage.over = first;
    return first;
  }

  #instead(old: Tensor, make: () => Tensor): Tensor {
    try {
      return noGrad(make);
    } finally {
      old.dispose();
    }
  }

  sparse(layout: Layout, parts: readonly Tensor[], shape: readonly number[], isCoalesced: boolean | null): Tensor {
    this.#partsMade = true;
    // Python checks them where it is asked to; here no index that lies outside reaches a kernel.
    const checked = parts.every((part) => this.#charge(part).device !== 'meta');
    return this.#add(() => {
      if (layout === 'sparse_coo') {
        const [indices, values] = parts as [Tensor, Tensor];
        if (checked)
          aten('_validate_sparse_coo_tensor_args', indices, values, shape, isCoalesced, { checkPinning: false });
        return aten<Tensor>('_sparse_coo_tensor_unsafe', indices, values, shape, { isCoalesced });
      }
      const [compressed, plain, values] = parts as [Tensor, Tensor, Tensor];
      const args = [compressed, plain, values, shape] as const;
      if (checked) aten('_validate_sparse_compressed_tensor_args', ...args, layout, { checkPinning: false });
      return aten<Tensor>('_sparse_compressed_tensor_unsafe', ...args, { layout, dtype: values.dtype });
    });
  }

  quantized(storage: BuiltStorage, spec: TensorSpec, quantizer: QuantizerSpec<Tensor>): Tensor {
    this.#partsMade = true;
    checkInside(spec, storage.nbytes);
    const base = this.#over(storage);
    return this.#add(() => setPlace(this.#emptyQuantized(spec, quantizer), base, spec));
  }

  #emptyQuantized({ dtype, shape }: TensorSpec, quantizer: QuantizerSpec<Tensor>): Tensor {
    if (quantizer.scheme === 'per_tensor_affine') {
      const { scale, zeroPoint } = quantizer;
      return aten<Tensor>('_empty_affine_quantized', [0], { dtype, scale, zeroPoint });
    }
    const { scheme, axis } = quantizer;
    const floats = scheme === 'per_channel_affine_float_qparams';
    const listOf = (values: Tensor | readonly number[], of: DType): Tensor => {
      const list = values instanceof Tensor ? this.#charge(values).to(of) : newTensor(values, { dtype: of });
      if (list.layout !== 'strided' || list.ndim !== 1 || list.shape[0] !== shape[axis])
        throw new Error(`per_channel scales/zero_points length must equal size[axis]=${shape[axis]!}`);
      return list;
    };
    return aten<Tensor>(
      '_empty_per_channel_affine_quantized',
      shape.map((size, i) => (i === axis ? size : 0)),
      {
        scales: listOf(quantizer.scales, floats ? 'float32' : 'float64'),
        zeroPoints: listOf(quantizer.zeroPoints, floats ? 'float32' : 'int64'),
        axis,
        dtype,
      },
    );
  }

  meta(dtype: DType, shape: readonly number[], stride: readonly number[], requiresGrad: boolean): Tensor {
    return this.#add(() => aten<Tensor>('empty_strided', shape, stride, { dtype, device: 'meta' }), requiresGrad);
  }

  parameter(data: Tensor, requiresGrad: boolean): Tensor {
    this.#partsMade = true;
    return this.#add(() => data.detach(), requiresGrad);
  }

  converted(data: Tensor | NdArray, dtype: DType, device: string, requiresGrad: boolean): Tensor {
    this.#partsMade = true;
    return this.#add(() => {
      const from = data instanceof Tensor ? this.#charge(data) : fromArray(data);
      return from.to({ dtype, device: this.source.place(device) });
    }, requiresGrad);
  }

  empty(dtype: DType): Tensor {
    return this.#add(() => empty([0], { dtype }));
  }

  fill(target: Tensor, storage: BuiltStorage, spec: TensorSpec): void {
    const { dtype, nbytes } = storage;
    checkInside(spec, nbytes);
    if (dtype !== target.dtype) throw new Error(`a ${target.dtype} tensor over a storage of ${dtype ?? 'bytes'}`);
    this.#move();
    const base = this.#over(storage);
    noGrad(() => setPlace(target, base, spec));
  }

  /** Before the first tensor is put elsewhere: it may be one that stands for its storage. */
  #move(): void {
    if (this.#moved) return;
    this.#moved = true;
    for (const storage of this.#storages.values())
      if (storage.over !== undefined)
        storage.over = this.#base(storage.over.viewStorage('uint8', [storage.nbytes], [1], 0));
  }

  requireGrad(target: Tensor, requiresGrad: boolean): void {
    target.requiresGrad = requiresGrad;
  }

  isTensor(value: unknown): value is Tensor {
    return value instanceof Tensor;
  }

  /** The tensor that stands for a storage which is a value of its own. */
  whole(storage: BuiltStorage): Tensor {
    const { dtype = 'uint8', nbytes } = storage;
    const shape = [nbytes / ELEMENT_BYTES.get(dtype)!.size];
    return this.strided(storage, {
      dtype,
      shape,
      stride: [1],
      offset: 0,
      requiresGrad: false,
      conj: false,
      neg: false,
    });
  }

  #add(make: () => Tensor, requiresGrad = false): Tensor {
    const made = noGrad(() => scope(make));
    this.#made.push(made);
    if (requiresGrad) made.requiresGrad = true;
    return made;
  }

  /** Frees the storages' own handles, and the tensors that are not in `value`: others were made of them. */
  finish(value: unknown): void {
    for (const storage of this.#storages.values()) this.#over(storage); // damage is found where no tensor shows it, too
    this.#releaseBases();
    if (!this.#partsMade) return;
    const parts = new Set(this.#made);
    visitValues(value, (each) => {
      if (each instanceof Tensor) parts.delete(each);
    });
    for (const part of parts) part.dispose();
  }

  /** After a failure nothing is left. */
  abandon(): void {
    this.#releaseBases();
    for (const made of this.#made) made.dispose();
  }

  #releaseBases(): void {
    for (const base of this.#bases) base.dispose();
  }
}

/** Puts a tensor over a storage, whose bounds were checked. */
function setPlace(target: Tensor, base: Tensor, { offset, shape, stride }: TensorSpec): Tensor {
  return aten<Tensor>('set_.source_Tensor_storage_offset', target, base, offset, shape, stride);
}

function fromArray({ dtype, shape, data }: NdArray): Tensor {
  return fromBytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), shape, dtype);
}
