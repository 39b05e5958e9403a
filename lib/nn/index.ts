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
export {
  AveragedModel,
  type AveragedModelOptions,
  type AverageFn,
  emaAverageFn,
  emaMultiAverageFn,
  type MultiAverageFn,
  updateBn,
} from './averaged-model.js';
export { ModuleList } from './module-list.js';
export { ModuleDict } from './module-dict.js';
export { ConvBase, type ConvOptions } from './conv-base.js';
export { Conv1d, type Conv1dOptions, Conv2d, type Conv2dOptions, Conv3d, type Conv3dOptions } from './conv.js';
export {
  ConvTranspose1d,
  type ConvTranspose1dOptions,
  ConvTranspose2d,
  type ConvTranspose2dOptions,
  ConvTranspose3d,
  type ConvTranspose3dOptions,
  type ConvTransposeOptions,
} from './conv-transpose.js';
export type { Dimensions, Sizes, SizesOrOne } from './pair.js';
export { ChannelNorm, type ChannelNormOptions } from './channel-norm.js';
export { BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormOptions } from './batch-norm.js';
export {
  InstanceNorm,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  type InstanceNormOptions,
} from './instance-norm.js';
export {
  GroupNorm,
  type GroupNormOptions,
  LayerNorm,
  type LayerNormOptions,
  LocalResponseNorm,
  RMSNorm,
  type RMSNormOptions,
} from './normalization.js';
export { Linear, type LinearOptions } from './linear.js';
export { Bilinear, type BilinearOptions } from './bilinear.js';
export {
  AlphaDropout,
  Dropout,
  Dropout1d,
  Dropout2d,
  Dropout3d,
  type DropoutOptions,
  FeatureAlphaDropout,
} from './dropout.js';
export {
  GELU,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  LogSigmoid,
  Mish,
  ReLU,
  ReLU6,
  type ReLUOptions,
  Sigmoid,
  SiLU,
  Softplus,
  Softsign,
  Tanh,
} from './activations.js';
export { CELU, ELU, LeakyReLU, PReLU, type PReLUOptions, SELU } from './leaky-activations.js';
export { LogSoftmax, Softmax, type SoftmaxOptions } from './softmax.js';
export {
  ChannelShuffle,
  Flatten,
  type FlattenOptions,
  Identity,
  PixelShuffle,
  PixelUnshuffle,
  Unflatten,
} from './shape.js';
export { Embedding, type EmbeddingOptions, type PretrainedEmbeddingOptions } from './embedding.js';
export {
  type Border1d,
  type Border2d,
  type Border3d,
  CircularPad1d,
  CircularPad2d,
  CircularPad3d,
  ConstantPad1d,
  ConstantPad2d,
  ConstantPad3d,
  ReflectionPad1d,
  ReflectionPad2d,
  ReflectionPad3d,
  ReplicationPad1d,
  ReplicationPad2d,
  ReplicationPad3d,
  ZeroPad1d,
  ZeroPad2d,
  ZeroPad3d,
} from './padding.js';
export {
  Upsample,
  type UpsampleOptions,
  type Upsampling2dOptions,
  UpsamplingBilinear2d,
  UpsamplingNearest2d,
} from './upsample.js';
export {
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  LPPool1d,
  LPPool2d,
  LPPool3d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
} from './pooling.js';
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
} from './adaptive-pooling.js';
export { CrossEntropyLoss, L1Loss, MSELoss, NLLLoss, type ReductionOptions } from './losses.js';
export { BCELoss, BCEWithLogitsLoss, GaussianNLLLoss, HuberLoss, KLDivLoss, SmoothL1Loss } from './element-losses.js';
export { clipGradNorm, clipGradValue, getTotalNorm, type ClipGradNormOptions } from './gradients.js';
export { parametersToVector, vectorToParameters } from './parameter-vectors.js';
export * as functional from './functional.js';
export * as init from './init/index.js';
export type {
  BCEOptions,
  BCEWithLogitsOptions,
  CrossEntropyOptions,
  ElementLossOptions,
  ELUOptions,
  GaussianNLLOptions,
  GELUOptions,
  HardtanhOptions,
  HuberOptions,
  InplaceOptions,
  InterpolateOptions,
  InterpolationMode,
  KLDivOptions,
  LeakyReLUOptions,
  LocalResponseNormOptions,
  LPPoolOptions,
  NLLLossOptions,
  OutputSize,
  OutputSize3d,
  PaddingMode,
  Pair,
  Reduction,
  Single,
  SmoothL1Options,
  SoftplusOptions,
  Triple,
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
export { countLayers, countParameters, type LayerCounts, type ParameterCounts } from './look/counts.js';
export { countFlops, FlopCounter, type FlopCounterOptions } from './look/flop-counter.js';
export type { FlopFormula } from './look/flop-formulas.js';
export type { LoggedArgument } from '../tensor/operator-log.js';
export { showNet } from './look/show-net.js';
export type { ExamineInput, InputSize } from './look/examine.js';
export type { LayerInfo, Place } from './look/layer-info.js';
export { ModelStatistics, summary, type SummaryOptions } from './look/summary.js';
export type { SummaryColumn, SummaryRowSetting } from './look/summary-table.js';
export { stat, StatReport, type StatRow } from './look/stat.js';
export { receptiveField, type LayerField, type ReceptiveField } from './look/receptive-field.js';
export { networkGraph, type GraphNode, type NetworkGraph } from './look/network-graph.js';
