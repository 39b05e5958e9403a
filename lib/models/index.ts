export { DenseBlock, DenseLayer, type DenseLayerOptions } from './dense-layer.js';
export { DenseNet, denseNetConfig, type DenseNetConfig, type DenseNetOptions, type DenseNetStyle } from './densenet.js';
export {
  densenet121,
  densenet161,
  densenet169,
  densenet201,
  densenet264,
  type PublishedDenseNetOptions,
} from './imagenet-densenets.js';
export {
  CIFAR_DENSENETS,
  cifarBlockConfig,
  cifarDenseNet,
  cifarDenseNetConfig,
  type CifarDenseNetOptions,
} from './cifar-densenet.js';
