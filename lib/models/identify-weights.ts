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
