export { connectionStrengths, type BlockStrengths } from './connection-strengths.js';
export { DenseBlock, DenseLayer, type DenseLayerOptions } from './dense-layer.js';
export { EFFICIENT_MODES, type EfficientMode } from './efficient.js';
export { DenseNet, denseNetConfig, type DenseNetConfig, type DenseNetOptions, type DenseNetStyle } from './densenet.js';
export {
  densenet121,
  densenet161,
  densenet169,
  densenet201,
  densenet264,
  getModel,
  listModels,
  type PublishedDenseNet,
  type PublishedDenseNetOptions,
} from './imagenet-densenets.js';
export {
  CIFAR_DENSENETS,
  cifarBlockConfig,
  cifarDenseNet,
  cifarDenseNetConfig,
  type CifarDenseNetOptions,
} from './cifar-densenet.js';
export {
  DenseNet121_Weights,
  DenseNet161_Weights,
  DenseNet169_Weights,
  DenseNet201_Weights,
  getModelWeights,
  getWeight,
  Weights,
  type ClassificationPreset,
  type WeightsEnum,
  type WeightsMeta,
  type WeightsParts,
} from './weights.js';
export { fetchWeights, weightsFolder, type FetchWeightsOptions, type WeightsProgress } from './hub.js';
export { loadWeights, WeightsError, type LoadWeightsOptions, type WeightsReport } from './load-weights.js';
export type { WeightsSource } from './weight-files.js';
