import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout2d,
  Flatten,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  replaceBy,
  Sequential,
} from '../nn/index.js';
import { ops, type Tensor } from '../tensor/index.js';
import { PUBLISHED_FORMS } from './densenet-form.js';
import { heByFanIn, initialise, zeroBias } from './initialise.js';
import { transitionPool } from './transition-pool.js';
import type { TransitionPool } from './transition-pools.js';
import { checkCounts } from './network-options.js';
import { through } from './through.js';

/** Options of {@link FashionDenseNet}. */
export interface FashionDenseNetOptions {
  /** Layers of each block; default 6, 12, 24, 16, which is DenseNet-121. */
  readonly blockConfig?: readonly number[];
  /** Default 1000, as the notes' class; Fashion-MNIST has 10. */
  readonly numClasses?: number;
  /** Channels of the first convolution; default 64. */
  readonly numInitFeatures?: number;
  /** Channels that a layer adds; default 32. */
  readonly growthRate?: number;
  /** Channels of a bottleneck in growth rates; default 4. */
  readonly bnSize?: number;
  /** Probability with which whole channels of a layer's output are dropped while training; default 0. */
  readonly dropRate?: number;
  /** Channels of a picture; default 1. */
  readonly inChannels?: number;
  /** How transitions halve height and width: `avg` (default), or `max` in its place. */
  readonly transitionPool?: TransitionPool;
}

/** BN, ReLU, 1×1 convolution, BN, ReLU, 3×3 convolution, dropout of channels. */
class DenseLayer extends Module {
  readonly norm1: BatchNorm2d;
  readonly relu1: ReLU;
  readonly conv1: Conv2d;
  readonly norm2: BatchNorm2d;
  readonly relu2: ReLU;
  readonly conv2: Conv2d;
  declare readonly drop?: Dropout2d;

  constructor(inputs: number, growthRate: number, bnSize: number, dropRate: number) {
    super();
    const width = bnSize * growthRate;
    this.norm1 = new BatchNorm2d(inputs);
    this.relu1 = new ReLU({ inplace: true });
    this.conv1 = new Conv2d(inputs, width, { kernelSize: 1, bias: false });
    this.norm2 = new BatchNorm2d(width);
    this.relu2 = new ReLU({ inplace: true });
    this.conv2 = new Conv2d(width, growthRate, { kernelSize: 3, padding: 1, bias: false });
    if (dropRate > 0) this.drop = new Dropout2d({ p: dropRate });
  }

  forward(features: readonly Tensor[]): Tensor {
    const { norm1, relu1, conv1, norm2, relu2, conv2 } = this;
    const joined = ops.cat([...features], 1);
    const added = replaceBy(joined, through(joined, norm1, relu1, conv1, norm2, relu2, conv2));
    return this.drop === undefined ? added : replaceBy(added, this.drop.call(added));
  }

  override className(): string {
    return '_DenseLayer';
  }
}

class DenseBlock extends Module {
  constructor(layers: number, inputs: number, growthRate: number, bnSize: number, dropRate: number) {
    super();
    for (let index = 0; index < layers; index++) {
      const layer = new DenseLayer(inputs + index * growthRate, growthRate, bnSize, dropRate);
      this.addModule(`denselayer ${index + 1}`, layer);
    }
  }

  forward(x: Tensor): Tensor {
    const features = [x];
    for (const layer of this.children()) features.push((layer as DenseLayer).call(features));
    return ops.cat(features, 1);
  }

  override className(): string {
    return '_DenseBlock';
  }
}

/** Halves height and width, and lets half of the channels through. */
class Transition extends Sequential {
  constructor(inputs: number, outputs: number, pool: TransitionPool) {
    super(
      new Map<string, Module>([
        ['norm', new BatchNorm2d(inputs)],
        ['relu', new ReLU({ inplace: true })],
        ['conv', new Conv2d(inputs, outputs, { kernelSize: 1, bias: false })],
        ['pool', transitionPool(pool)],
      ]),
    );
  }

  override className(): string {
    return '_Transition';
  }
}

/**
 * DenseNet with bottlenecks for pictures of one channel, as a reader of the notes made it for Fashion-MNIST, `[N, 1, 96, 96]`
 * (a side of 29 at least) to `[N, classes]` logits. It drops whole channels, and the names of its blocks, layers and
 * transitions have a space: `features.denseblock 1.denselayer 1.norm1.weight`.
 */
export class FashionDenseNet extends Module {
  readonly features: Sequential;
  readonly classifier: Linear;

  constructor(options: FashionDenseNetOptions = {}) {
    super();
    const { blockConfig = PUBLISHED_FORMS.densenet121.blockConfig, numClasses = 1000, inChannels = 1 } = options;
    const { numInitFeatures = 64, growthRate = 32, bnSize = 4, dropRate = 0 } = options;
    checkCounts('DenseNet', { blockConfig, numClasses, inChannels, numInitFeatures, growthRate, bnSize });
    this.features = new Sequential(
      new Map<string, Module>([
        ['conv0', new Conv2d(inChannels, numInitFeatures, { kernelSize: 7, stride: 2, padding: 3, bias: false })],
        ['norm0', new BatchNorm2d(numInitFeatures)],
        ['relu0', new ReLU({ inplace: true })],
        ['pool0', new MaxPool2d({ kernelSize: 3, stride: 2, padding: 1 })],
      ]),
    );
    let channels = numInitFeatures;
    blockConfig.forEach((layers, index) => {
      const block = new DenseBlock(layers, channels, growthRate, bnSize, dropRate);
      this.features.addModule(`denseblock ${index + 1}`, block);
      channels += layers * growthRate;
      if (index === blockConfig.length - 1) return;
      const half = Math.trunc(channels / 2);
      this.features.addModule(
        `transition ${index + 1}`,
        new Transition(channels, half, options.transitionPool ?? 'avg'),
      );
      channels = half;
    });
    this.features.addModule('norm5', new BatchNorm2d(channels));
    this.features.addModule('relu5', new ReLU({ inplace: true }));
    this.features.addModule('adaptive_pool', new AdaptiveAvgPool2d([1, 1]));
    this.features.addModule('flat', new Flatten());
    this.classifier = new Linear(channels, numClasses);
    initialise(this, { conv: heByFanIn, linear: zeroBias });
  }

  /** @param x `[N, 1, H, W]`. */
  forward(x: Tensor): Tensor {
    return through(x, this.features, this.classifier);
  }

  override className(): string {
    return 'Densenet';
  }
}
