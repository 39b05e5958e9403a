/** Tensors: the handle, its operators, autograd, random numbers, memory. */
export { AddonError } from '../native/load.js';
export type { BuildInfo } from '../native/binding.js';
export { asTensor, type AsTensorOptions } from './as-tensor.js';
export { autocast, type AutocastOptions, getAutocastDtype, isAutocastEnabled } from './autocast.js';
export { backward, grad, type GradOptions } from './autograd.js';
export { checkpoint, setCheckpointEarlyStop } from './autograd/checkpoint.js';
export { setCheckpointDebugEnabled } from './autograd/checkpoint-debug.js';
export type { CheckpointOptions, FunctionWrapper } from './autograd/checkpoint-options.js';
export {
  CheckpointPolicy,
  type CheckpointPolicyFunction,
  createSelectiveCheckpointContexts,
  type SelectiveCheckpointContext,
} from './autograd/selective-checkpoint.js';
export { disableSavedTensorsHooks, savedTensorsHooks, saveOnCpu } from './autograd/saved-tensors.js';
export type { FftFunctions } from '../generated/fft.js';
export type { Functions } from '../generated/functions.js';
export type { LinalgFunctions } from '../generated/linalg.js';
export type { SpecialFunctions } from '../generated/special.js';
export * as autograd from './autograd/index.js';
export { scopeAsync } from './async-scope.js';
export type { ConversionOptions, Conversions, MoveOptions } from './conversions.js';
export * as backends from './backends.js';
export { getFloat32MatmulPrecision, type MatmulPrecision, setFloat32MatmulPrecision } from './matmul-precision.js';
export * as cuda from './cuda/index.js';
export * from './creation.js';
export * from './dtype.js';
export type { NestedArray } from './elements.js';
export { CheckpointError, OutOfMemoryError, TorchError, type TorchErrorCode } from './errors.js';
export { fft, linalg, ops, special, type RawOperators } from './functions.js';
export { defaultGenerator, Generator, getRngState, manualSeed, setRngState } from './generator.js';
export { enableGrad, inferenceMode, isGradEnabled, isInferenceModeEnabled, noGrad } from './grad-mode.js';
export { type IndexList, Slice, slice, type SliceBound, type TensorIndex } from './indexing.js';
export { memory, type MemoryUse, releaseMemory, resetPeakMemory, setMemoryLimit } from './memory.js';
export { OrderedDict, type StateDict } from './ordered-dict.js';
export {
  getPrintOptions,
  type PrintOptions,
  printOptions,
  type PrintSettings,
  setPrintOptions,
} from './print-options.js';
export { pyNumber } from './python-number.js';
export { runAsync } from './run-async.js';
export * from './runtime.js';
export type { Ints, Scalar } from './scalar.js';
export { isTemporary, keep, scope, swapTensors, type TensorBase } from './scope.js';
export { receive, share, type SharedTensor, sharedTensors, type ShareOptions, unshare } from './sharing.js';
export { Complex, float, type GeneratorBase, type OperatorArgument, PyFloat } from './tape.js';
export { type BackwardOptions, Tensor, type ToOptions } from './tensor.js';
export type { TensorValues } from './tensor-values.js';
