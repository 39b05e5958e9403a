import { Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential } from '../nn/index.js';
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
