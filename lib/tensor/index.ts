/** Tensors: the handle, its operators, autograd, random numbers, memory. */
export { AddonError } from '../native/load.js';
export type { BuildInfo } from '../native/binding.js';
export { backward, grad, type GradOptions } from './autograd.js';
export * from './creation.js';
export * from './dtype.js';
export type { NestedArray } from './elements.js';
export { TorchError, type TorchErrorCode } from './errors.js';
export { ops } from './functions.js';
export { defaultGenerator, Generator, getRngState, manualSeed, setRngState } from './generator.js';
export { enableGrad, inferenceMode, isGradEnabled, isInferenceModeEnabled, noGrad } from './grad-mode.js';
export { memory, type MemoryUse, releaseMemory, resetPeakMemory, setMemoryLimit } from './memory.js';
export { OrderedDict, type StateDict } from './ordered-dict.js';
export { pyNumber } from './python-number.js';
export * from './runtime.js';
export type { Ints, Scalar } from './scalar.js';
export { isTemporary, keep, scope } from './scope.js';
export { Complex, float, type OperatorArgument, PyFloat } from './tape.js';
export { type BackwardOptions, Tensor, type ToOptions } from './tensor.js';
