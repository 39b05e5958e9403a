export { connectionStrengths, type BlockStrengths } from './connection-strengths.js';
export { DenseBlock, DenseLayer, type DenseLayerOptions } from './dense-layer.js';
export { TRANSITION_POOLS, type TransitionPool } from './transition-pools.js';
export { EFFICIENT_MODES, type EfficientMode } from './efficient.js';
export { densenetByName, type NamedDenseNetOptions } from './densenet-names.js';
export { DenseNet, denseNetConfig, type DenseNetConfig, type DenseNetOptions, type DenseNetStyle } from './densenet.js';
export {
  densenet121,
  densenet161,
  densenet169,
  densenet201,
  densenet264,
  type PublishedDenseNet,
  type PublishedDenseNetOptions,
} from './imagenet-densenets.js';
export { classicLeNet, LeNet, type LeNetOptions } from './lenet.js';
export { NotesAlexNet, type NotesAlexNetOptions } from './notes-alexnet.js';
export { AlexNet, alexnet, type AlexNetOptions } from './alexnet.js';
export {
  notesVgg,
  VGG,
  VGG_ARCHS,
  vgg11,
  vgg11_bn,
  vgg13,
  vgg13_bn,
  vgg16,
  vgg16_bn,
  vgg19,
  vgg19_bn,
  type ConvArch,
  type NotesVggOptions,
  type VGGForm,
  type VGGOptions,
} from './vgg.js';
export { nin } from './nin.js';
export {
  BasicConv2d,
  GoogLeNet,
  googlenet,
  Inception,
  InceptionAux,
  type GoogLeNetOptions,
  type GoogLeNetOutputs,
} from './googlenet.js';
export { logitsOf } from './logits-of.js';
export { notesGoogLeNet, NotesInception } from './notes-googlenet.js';
export {
  BasicBlock,
  Bottleneck,
  ResNet,
  RESNET_FORMS,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  type ResNetForm,
  type ResNetOptions,
} from './resnet.js';
export { NOTES_RESNETS, notesResNet, Residual, type NotesResNetOptions } from './notes-resnet.js';
export {
  denseMlp,
  NotesDenseBlock,
  notesDenseNet,
  type DenseMlpOptions,
  type NotesDenseNetOptions,
} from './notes-densenet.js';
export { FashionDenseNet, type FashionDenseNetOptions } from './fashion-densenet.js';
export {
  OneShotAggregation,
  VoVNet,
  VOVNET_FORMS,
  vovnet27_slim,
  vovnet39,
  vovnet57,
  type VoVNetForm,
  type VoVNetOptions,
} from './vovnet.js';
export type { NotesOptions } from './network-options.js';
export type { NetworkWeights, Published } from './published.js';
export { networkByName, pictureSizeOf, type NamedNetworkOptions } from './named-network.js';
export { getModel, listModels, NETWORKS, type Network, type NetworkOptions, type Networks } from './get-model.js';
export {
  CIFAR_DENSENETS,
  cifarBlockConfig,
  cifarDenseNet,
  cifarDenseNetConfig,
  type CifarDenseNetOptions,
} from './cifar-densenet.js';
export * from './imagenet-weights.js';
export { getModelWeights, getWeight } from './find-weights.js';
export {
  Weights,
  type ClassificationPreset,
  type WeightsEnum,
  type WeightsMeta,
  type WeightsParts,
} from './weights.js';
export { fetchWeights, weightsFolder, type FetchWeightsOptions, type WeightsProgress } from './hub.js';
export { loadWeights, WeightsError, type LoadWeightsOptions, type WeightsReport } from './load-weights.js';
export type { WeightsSource } from './weight-files.js';
