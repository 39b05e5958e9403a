import { AdaptiveAvgPool2d, Conv2d, Dropout, Linear, MaxPool2d, Module, ReLU, Sequential } from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';
import { checkCounts } from './network-options.js';
import { published, type Published } from './published.js';
import { flatten, through } from './through.js';

/** Options of {@link AlexNet}. */
export interface AlexNetOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Probability with which the classifier's inputs are dropped while training; default 0.5. */
  readonly dropout?: number;
  /** Channels of a picture; default 3. */
  readonly inChannels?: number;
}

/**
 * AlexNet as torchvision has it, `[N, 3, 224, 224]` (63×63 at least) to `[N, classes]` logits.
 * @see torchvision.models.AlexNet
 * @see https://arxiv.org/abs/1404.5997
 */
export class AlexNet extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  constructor(options: AlexNetOptions = {}) {
    super();
    const { numClasses = 1000, dropout = 0.5, inChannels = 3 } = options;
    checkCounts('AlexNet', { numClasses, inChannels });
    this.features = new Sequential(
      new Conv2d(inChannels, 64, { kernelSize: 11, stride: 4, padding: 2 }),
      new ReLU({ inplace: true }),
      new MaxPool2d({ kernelSize: 3, stride: 2 }),
      new Conv2d(64, 192, { kernelSize: 5, padding: 2 }),
      new ReLU({ inplace: true }),
      new MaxPool2d({ kernelSize: 3, stride: 2 }),
      new Conv2d(192, 384, { kernelSize: 3, padding: 1 }),
      new ReLU({ inplace: true }),
      new Conv2d(384, 256, { kernelSize: 3, padding: 1 }),
      new ReLU({ inplace: true }),
      new Conv2d(256, 256, { kernelSize: 3, padding: 1 }),
      new ReLU({ inplace: true }),
      new MaxPool2d({ kernelSize: 3, stride: 2 }),
    );
    this.avgpool = new AdaptiveAvgPool2d([6, 6]);
    this.classifier = new Sequential(
      new Dropout({ p: dropout }),
      new Linear(256 * 6 * 6, 4096),
      new ReLU({ inplace: true }),
      new Dropout({ p: dropout }),
      new Linear(4096, 4096),
      new ReLU({ inplace: true }),
      new Linear(4096, numClasses),
    );
  }

  /** @param x `[N, 3, H, W]`. */
  forward(x: Tensor): Tensor {
    return through(x, this.features, this.avgpool, flatten, this.classifier);
  }
}

/** AlexNet for ImageNet: 61,100,840 parameters. @see torchvision.models.alexnet */
export const alexnet: Published<AlexNetOptions, AlexNet> = published(
  'alexnet',
  ['classifier.6'],
  (options) => new AlexNet(options),
);
