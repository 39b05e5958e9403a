import { Conv2d, type Module } from '../nn/index.js';
import { noGrad, scope, TorchError, type Tensor } from '../tensor/index.js';
import { DenseBlock, DenseLayer } from './dense-layer.js';
import type { DenseNet } from './densenet.js';

/** How much the layers of a dense block take from each other. */
export interface BlockStrengths {
  /** Layers of the block. */
  readonly layers: number;
  /** What stands behind the block: a transition, or the classifier. */
  readonly reader: 'transition' | 'classifier';
  /**
   * `strengths[target][source]`: the mean absolute weight between a source (0 the input of the block, `s` its layer `s`) and a target
   * (its layers, in order, then what stands behind the block). Only sources before the target.
   */
  readonly strengths: readonly (readonly number[])[];
}

/**
 * The mean absolute weights between each pair of layers in every dense block: the paper's figure 5. Those of a layer's first convolution;
 * of the classifier for the last block.
 * @throws TorchError `value` for a network with other modules in its place.
 * @see https://arxiv.org/abs/1608.06993
 */
export function connectionStrengths(model: DenseNet): BlockStrengths[] {
  const parts = model.features.namedChildren();
  return parts.flatMap(([name, block], index) => {
    if (!(block instanceof DenseBlock)) return [];
    const behind = parts[index + 1]?.[1];
    const transition = behind?.namedChildren().find(([child]) => child === 'conv')?.[1];
    const layers = block.children().map((layer) => {
      if (layer instanceof DenseLayer) return layer.conv1.weight;
      throw new TorchError('value', `Expected dense layers in ${name} but found ${layer.className()}`);
    });
    const last = transition === undefined ? model.classifier.weight : weightOf(transition, name);
    const growth =
      layers.length > 1 ? layers[1]!.shape[1]! - layers[0]!.shape[1]! : last.shape[1]! - layers[0]!.shape[1]!;
    const inputs = layers[0]!.shape[1]!;
    const strengths = [...layers, last].map((weight, target) => meansBySource(weight, inputs, growth, target + 1));
    return [{ layers: layers.length, reader: transition === undefined ? 'classifier' : 'transition', strengths }];
  });
}

function weightOf(module: Module, block: string): Tensor {
  if (module instanceof Conv2d) return module.weight;
  throw new TorchError('value', `Expected a convolution behind ${block} but found ${module.className()}`);
}

/** Means of the absolute weights `[out, in, ...]`, source by source. */
function meansBySource(weight: Tensor, inputs: number, growth: number, sources: number): number[] {
  return scope(() =>
    noGrad(() => {
      // A mean for each input channel; channels of a source count alike, so that the mean of theirs is the source's.
      const channels = weight.detach().to('float64').abs().transpose(0, 1).flatten(1).mean(1);
      return Array.from({ length: sources }, (_, source) => {
        const start = source === 0 ? 0 : inputs + (source - 1) * growth;
        return channels
          .narrow(0, start, source === 0 ? inputs : growth)
          .mean()
          .item();
      });
    }),
  );
}
