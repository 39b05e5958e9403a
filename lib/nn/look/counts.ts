import { Bilinear } from '../bilinear.js';
import { ConvBase } from '../conv-base.js';
import { Linear } from '../linear.js';
import type { Module } from '../module.js';

/** How many numbers a network learns. */
export interface ParameterCounts {
  readonly total: number;
  /** Those that require a gradient. */
  readonly trainable: number;
  /** Those of the running statistics and the like, which are no parameters. */
  readonly buffers: number;
}

/**
 * Counts the parameters of a network, each once.
 * ```ts
 * const { total, trainable } = nn.countParameters(model);
 * console.log(`${total.toLocaleString('en')} total parameters.`);
 * ```
 */
export function countParameters(net: Module): ParameterCounts {
  const parameters = net.parameters();
  const numel = (list: readonly { numel(): number }[]): number => list.reduce((sum, each) => sum + each.numel(), 0);
  return {
    total: numel(parameters),
    trainable: numel(parameters.filter((each) => each.requiresGrad)),
    buffers: numel(net.buffers()),
  };
}

/** The layers of a network as papers count them. */
export interface LayerCounts {
  /** Convolutions and linear layers: what has weights, batch normalisation left out. 121 of densenet121. */
  readonly total: number;
  /** How many of each class, in the order in which they appear. */
  readonly byClass: ReadonlyMap<string, number>;
}

/** Whether papers count a module as a layer: a convolution, transposed or not, or a linear layer. */
export const isWeightedLayer = (module: Module): boolean =>
  module instanceof ConvBase || module instanceof Linear || module instanceof Bilinear;

/**
 * Counts the layers with weights, as the 121 of DenseNet-121 are counted: the first convolution, two in each of 58 dense layers, one in each of
 * three transitions, the classifier. A module that stands in two places counts once. For a network with branches the number in its
 * name is that of a longest way through it, which {@link networkGraph} tells: 18 of the 21 layers of resnet18.
 */
export function countLayers(net: Module): LayerCounts {
  const byClass = new Map<string, number>();
  for (const module of net.modules()) {
    if (!isWeightedLayer(module)) continue;
    const name = module.className();
    byClass.set(name, (byClass.get(name) ?? 0) + 1);
  }
  return { total: [...byClass.values()].reduce((sum, each) => sum + each, 0), byClass };
}
