import type { DType, Layout } from '../tensor/index.js';
import type { NdArray } from './pickle-values.js';

/** A storage as a pickle describes it: nothing of it has been read. */
export interface StorageRef {
  /** Its name in the file; tensors whose storages have one key share their memory. */
  readonly key: string;
  /** Undefined for an untyped storage. */
  readonly dtype: DType | undefined;
  /** Where it lived, as PyTorch names places: `cpu`, `cuda:0`, `mps`. */
  readonly location: string;
  readonly nbytes: number;
  /** In files before PyTorch 0.4: the part of the storage `key` that this one is, in bytes; it has a key of its own. */
  readonly part?: { readonly key: string; readonly offset: number; readonly nbytes: number };
}

/** A strided tensor as a pickle describes it; sizes, strides and offset are whole numbers from 0 on, in elements. */
export interface TensorSpec {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly offset: number;
  readonly requiresGrad: boolean;
  /** Whether the elements in memory still wait to be conjugated. */
  readonly conj: boolean;
  /** Whether the elements in memory still wait to be negated. */
  readonly neg: boolean;
}

/** How a quantized tensor stands for real numbers: one scale and zero point, or one per index along `axis`. */
export type QuantizerSpec<T> =
  | { readonly scheme: 'per_tensor_affine'; readonly scale: number; readonly zeroPoint: number }
  | {
      readonly scheme: 'per_channel_affine' | 'per_channel_affine_float_qparams';
      readonly scales: T | readonly number[];
      readonly zeroPoints: T | readonly number[];
      readonly axis: number;
    };

/**
 * What is made of the parts of a torch file. The pickle, the allow list and the checks of every argument are the same for
 * everyone (`torchGlobals`, `readTorchFile`); what a storage or a tensor becomes is decided here. `load` makes tensors
 * (TensorBuilder); {@link outline} makes descriptions, for whoever looks into a file without building anything.
 * @typeParam S what stands for a storage, an object.
 * @typeParam T what stands for a tensor, an object that `isTensor` recognizes.
 */
export interface TensorMaker<S extends object = object, T extends object = object> {
  /** Called for every mention of a storage; mentions of one key agree. */
  storage(ref: StorageRef): S;
  strided(storage: S, spec: TensorSpec): T;
  /** `parts`: indices and values, or for the compressed layouts compressed indices, plain indices and values. */
  sparse(layout: Layout, parts: readonly T[], shape: readonly number[], isCoalesced: boolean | null): T;
  quantized(storage: S, spec: TensorSpec, quantizer: QuantizerSpec<T>): T;
  /** A tensor of the meta device, which has no elements. */
  meta(dtype: DType, shape: readonly number[], stride: readonly number[], requiresGrad: boolean): T;
  parameter(data: T, requiresGrad: boolean): T;
  /** Of accelerators whose tensors PyTorch writes as CPU tensors or numpy arrays. */
  converted(data: T | NdArray, dtype: DType, device: string, requiresGrad: boolean): T;
  /** A tensor of `torch.FloatTensor()` and the like, empty until its state is set. */
  empty(dtype: DType): T;
  /** Gives such a tensor its storage. */
  fill(target: T, storage: S, spec: TensorSpec): void;
  requireGrad(target: T, requiresGrad: boolean): void;
  isTensor(value: unknown): value is T;
}
