import type { StateDict } from '../tensor/index.js';
import type { RunConfig } from './config.js';

/** The fields of a configuration that give the network its form. */
export type NetworkForm = Pick<
  RunConfig,
  'depth' | 'growthRate' | 'bottleneck' | 'compression' | 'numInitFeatures' | 'dropRate' | 'numClasses'
>;

/**
 * The form of a CIFAR DenseNet, read from the names and shapes of its state dict, for weights that come without a
 * `config.json`. Dropout leaves no trace there, and none is needed to evaluate.
 * @throws Error when the names are not those of a CIFAR DenseNet.
 */
export function inferNetwork(weights: StateDict, path: string): NetworkForm {
  const shape = (name: string): number[] => {
    const tensor = weights.get(name);
    if (tensor === undefined) throw new Error(`${path} is not the state dict of a CIFAR DenseNet: it has no ${name}`);
    return tensor.shape;
  };
  const layer = 'features.denseblock1.denselayer1';
  const bottleneck = weights.has(`${layer}.conv2.weight`);
  const [numInitFeatures = 0] = shape('features.conv0.weight');
  const [growthRate = 0] = shape(`${layer}.${bottleneck ? 'conv2' : 'conv1'}.weight`);
  let layers = 0;
  while (weights.has(`features.denseblock1.denselayer${layers + 1}.norm1.weight`)) layers += 1;
  const transitions = [1, 2].map((i) => shape(`features.transition${i}.conv.weight`));
  const [numClasses = 0] = shape('classifier.weight');
  return {
    depth: 3 * layers * (bottleneck ? 2 : 1) + 4,
    growthRate,
    bottleneck,
    compression: compressionOf(transitions),
    numInitFeatures,
    dropRate: 0,
    numClasses,
  };
}

/**
 * A transition keeps floor(offered * compression) features, so each one leaves an interval; the middle of what all agree
 * on is safe from rounding.
 * @param transitions shapes of their convolutions, `[kept, offered, 1, 1]`.
 */
function compressionOf(transitions: readonly number[][]): number {
  let low = 0;
  let high = Infinity;
  for (const [kept = 0, offered = 1] of transitions) {
    low = Math.max(low, kept / offered);
    high = Math.min(high, (kept + 1) / offered);
  }
  return low >= 1 ? 1 : (low + Math.min(high, 1)) / 2;
}
