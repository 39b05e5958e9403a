import { AvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential, Sigmoid } from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';
import { checkCounts, ending, type NotesOptions } from './network-options.js';
import { through } from './through.js';

/** Options of {@link LeNet}. */
export interface LeNetOptions extends NotesOptions {
  /** Border around a picture, for those of 28×28 pixels 2; default 0. */
  readonly padding?: number;
}

/**
 * LeNet as the notes have it, `[N, 1, 32, 32]` to `[N, 10]` probabilities: maxima for LeNet-5's means, ReLU for its
 * sigmoids, none after the convolutions. 61,706 parameters.
 * ```ts
 * new LeNet({ padding: 2, softmax: false }); // 28×28 pictures to logits
 * ```
 */
export class LeNet extends Module {
  readonly conv: Sequential;
  readonly linear: Sequential;

  constructor(options: LeNetOptions = {}) {
    super();
    const { inChannels = 1, numClasses = 10, padding = 0 } = options;
    checkCounts('LeNet', { inChannels, numClasses });
    this.conv = new Sequential(
      new Conv2d(inChannels, 6, { kernelSize: 5, padding }),
      new MaxPool2d({ kernelSize: 2 }),
      new Conv2d(6, 16, { kernelSize: 5 }),
      new MaxPool2d({ kernelSize: 2 }),
    );
    this.linear = new Sequential(
      new Flatten(),
      new Linear(16 * 5 * 5, 120),
      new ReLU(),
      new Linear(120, 84),
      new ReLU(),
      new Linear(84, numClasses),
      ...ending(options),
    );
  }

  /** @param x `[N, 1, 32, 32]`. */
  forward(x: Tensor): Tensor {
    return through(x, this.conv, this.linear);
  }
}

/**
 * LeNet-5 as it is taught (Dive into Deep Learning's form, a flat Sequential), `[N, 1, 28, 28]` to `[N, 10]` logits: means, and
 * sigmoids everywhere. A Softmax ends it only where `softmax` is set; `padding` is 2 unless it is given. 61,706 parameters.
 */
export function classicLeNet(options: LeNetOptions = {}): Sequential {
  const { inChannels = 1, numClasses = 10, padding = 2, softmax = false } = options;
  checkCounts('LeNet', { inChannels, numClasses });
  return new Sequential(
    new Conv2d(inChannels, 6, { kernelSize: 5, padding }),
    new Sigmoid(),
    new AvgPool2d({ kernelSize: 2, stride: 2 }),
    new Conv2d(6, 16, { kernelSize: 5 }),
    new Sigmoid(),
    new AvgPool2d({ kernelSize: 2, stride: 2 }),
    new Flatten(),
    new Linear(16 * 5 * 5, 120),
    new Sigmoid(),
    new Linear(120, 84),
    new Sigmoid(),
    new Linear(84, numClasses),
    ...ending({ softmax }),
  );
}
