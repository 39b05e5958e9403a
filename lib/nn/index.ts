export { Parameter } from './parameter.js';
export type { ModuleToOptions } from './convert.js';
export type { Members } from './members.js';
export { Module } from './module.js';
export type { IncompatibleKeys, StateDictLike } from './state-dict.js';
export { Sequential, type Layer } from './sequential.js';
export { replaceBy } from './intermediate.js';
export { ModuleList } from './module-list.js';
export { ModuleDict } from './module-dict.js';
export { Conv2d, type Conv2dOptions } from './conv2d.js';
export { BatchNorm2d, type BatchNorm2dOptions } from './batch-norm2d.js';
export { Linear, type LinearOptions } from './linear.js';
export {
  Dropout,
  type DropoutOptions,
  Flatten,
  type FlattenOptions,
  Identity,
  ReLU,
  type ReLUOptions,
} from './activations.js';
export { AdaptiveAvgPool2d, AvgPool2d, MaxPool2d } from './pooling.js';
export * as functional from './functional.js';
export * as init from './init.js';
export type { OutputSize, PaddingMode, Pair, Reduction } from './functional.js';
export type { FanMode, KaimingOptions, Nonlinearity } from './init.js';
