export { Parameter } from './parameter.js';
export type { ModuleToOptions } from './convert.js';
export type { Members } from './members.js';
export { Module } from './module.js';
export type {
  ForwardHook,
  ForwardHookOptions,
  ForwardPreHook,
  FullBackwardHook,
  FullBackwardPreHook,
  HookOptions,
  ModuleGradients,
} from './module-hooks.js';
export type { IncompatibleKeys, StateDictLike } from './state-dict.js';
export { Sequential, type Layer } from './sequential.js';
export { replaceBy } from './intermediate.js';
export {
  checkpointSequential,
  type CheckpointSequentialOptions,
  type SequentialFunction,
} from './checkpoint-sequential.js';
export { ModuleList } from './module-list.js';
export { ModuleDict } from './module-dict.js';
export { Conv2d, type Conv2dOptions } from './conv2d.js';
export { BatchNorm, BatchNorm1d, BatchNorm2d, type BatchNormOptions } from './batch-norm.js';
export { Linear, type LinearOptions } from './linear.js';
export {
  Dropout,
  Dropout2d,
  type DropoutOptions,
  Flatten,
  type FlattenOptions,
  Identity,
  LogSoftmax,
  ReLU,
  type ReLUOptions,
  Softmax,
  type SoftmaxOptions,
} from './activations.js';
export { AdaptiveAvgPool2d, AvgPool2d, MaxPool2d } from './pooling.js';
export { CrossEntropyLoss, L1Loss, MSELoss, NLLLoss, type ReductionOptions } from './losses.js';
export { clipGradNorm, clipGradValue, getTotalNorm, type ClipGradNormOptions } from './gradients.js';
export { parametersToVector, vectorToParameters } from './parameter-vectors.js';
export * as functional from './functional.js';
export * as init from './init/index.js';
export type {
  CrossEntropyOptions,
  ElementLossOptions,
  NLLLossOptions,
  OutputSize,
  PaddingMode,
  Pair,
  Reduction,
} from './functional.js';
export type {
  DrawOptions,
  FanMode,
  KaimingOptions,
  Nonlinearity,
  OrthogonalOptions,
  SparseOptions,
  TruncNormalOptions,
  XavierOptions,
} from './init/index.js';
