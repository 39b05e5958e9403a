import type { Tensor } from '../tensor/index.js';
import { denseNetForm, nameOfForm } from './densenet-form.js';

/** Names that only one family of networks has. */
const FAMILIES: readonly (readonly [string, RegExp])[] = [
  ['a ResNet', /^layer1\.0\.conv1\.weight$/],
  ['a MobileNet', /^features\.1[0-9]\.conv\.\d\.0\.weight$/],
  ['an EfficientNet', /^(features\.\d\.\d\.block\.|_?blocks\.0\.(0\.)?_?(conv_dw|depthwise_conv))/],
  ['a VGG or AlexNet', /^classifier\.6\.weight$/],
  ['a SqueezeNet', /^features\.\d+\.squeeze\.weight$/],
  ['an Inception network', /^(Mixed_5b|inception3a)\./],
  ['a ConvNeXt', /^(features\.\d\.\d\.layer_scale|stages\.0\.blocks\.0\.gamma)$/],
  ['a Swin transformer', /relative_position_bias_table$/],
  ['a vision transformer', /^(class_token|cls_token|visual\.class_embedding)$/],
  ['a language model', /(^|\.)(embed_tokens|word_embeddings|wte)\.weight$/],
];

/**
 * Which network a state dict belongs to, in words: `densenet169, 1000 classes`, `a ResNet`; undefined where the names tell
 * nothing. @param state with a DenseNet's names as they are today.
 */
export function identifyWeights(state: ReadonlyMap<string, Tensor>): string | undefined {
  const form = denseNetForm(state);
  if (form !== undefined) return `${nameOfForm(form)}, ${form.numClasses} classes`;
  const names = [...state.keys()];
  return FAMILIES.find(([, pattern]) => names.some((name) => pattern.test(name)))?.[0];
}

/** Blocks of each of the four layers of a ResNet, with blocks of three convolutions or of two. */
const RESNETS: Readonly<Record<string, string>> = {
  '2,2,2,2': 'resnet18',
  '3,4,6,3': 'resnet34',
  '3,4,6,3 bottleneck': 'resnet50',
  '3,4,23,3 bottleneck': 'resnet101',
  '3,8,36,3 bottleneck': 'resnet152',
};

/** Convolutions of a VGG. */
const VGGS: Readonly<Record<number, string>> = { 8: 'vgg11', 10: 'vgg13', 13: 'vgg16', 16: 'vgg19' };

/**
 * Which of torchvision's networks, other than DenseNets, has these names: `resnet18`, `vgg16_bn`; undefined where none has. Their shapes are
 * not looked at.
 */
export function publishedNetworkOf(state: ReadonlyMap<string, Tensor>): string | undefined {
  const names = [...state.keys()];
  if (state.has('layer1.0.conv1.weight') && state.has('fc.weight')) {
    const blocks = [1, 2, 3, 4].map(
      (layer) => names.filter((name) => name.startsWith(`layer${layer}.`) && name.endsWith('.conv2.weight')).length,
    );
    return RESNETS[`${blocks.join(',')}${state.has('layer1.0.conv3.weight') ? ' bottleneck' : ''}`];
  }
  if (state.has('inception3a.branch1.conv.weight')) return 'googlenet';
  if (!state.has('classifier.6.weight')) return undefined;
  const convolutions = names.filter(
    (name) => /^features\.\d+\.weight$/.test(name) && state.get(name)!.ndim === 4,
  ).length;
  if (convolutions === 5 && state.has('features.10.weight')) return 'alexnet';
  const vgg = VGGS[convolutions];
  return vgg !== undefined && state.has('features.1.running_mean') ? `${vgg}_bn` : vgg;
}
