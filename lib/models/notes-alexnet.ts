import { BatchNorm2d, Conv2d, Dropout1d, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential } from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';
import { checkCounts, ending, type NotesOptions } from './network-options.js';
import { through } from './through.js';

/** Options of {@link NotesAlexNet}. */
export interface NotesAlexNetOptions extends NotesOptions {
  /** Outputs of the classifier's first two layers; default 4096. */
  readonly hidden?: number;
}

/**
 * AlexNet as the notes have it, `[N, 1, 224, 224]` to `[N, 10]` probabilities: wider than torchvision's, with batch
 * normalisation after the first two convolutions. Its Dropout1d stands behind linear layers, and there drops whole pictures, not
 * single outputs, as in PyTorch.
 */
export class NotesAlexNet extends Module {
  readonly conv: Sequential;
  readonly linear: Sequential;

  constructor(options: NotesAlexNetOptions = {}) {
    super();
    const { inChannels = 1, numClasses = 10, hidden = 4096 } = options;
    checkCounts('AlexNet', { inChannels, numClasses, hidden });
    this.conv = new Sequential(
      new Conv2d(inChannels, 96, { kernelSize: 11, stride: 4 }),
      new ReLU(),
      new BatchNorm2d(96),
      new MaxPool2d({ kernelSize: 3, stride: 2 }),
      new Conv2d(96, 256, { kernelSize: 5, padding: 2 }),
      new ReLU(),
      new BatchNorm2d(256),
      new MaxPool2d({ kernelSize: 3, stride: 2 }),
      new Conv2d(256, 384, { kernelSize: 3, padding: 1 }),
      new ReLU(),
      new Conv2d(384, 384, { kernelSize: 3, padding: 1 }),
      new ReLU(),
      new Conv2d(384, 256, { kernelSize: 3, padding: 1 }),
      new ReLU(),
      new MaxPool2d({ kernelSize: 3, stride: 2 }),
    );
    this.linear = new Sequential(
      new Flatten(),
      new Linear(256 * 5 * 5, hidden),
      new ReLU(),
      new Dropout1d({ p: 0.5 }),
      new Linear(hidden, hidden),
      new ReLU(),
      new Dropout1d({ p: 0.5 }),
      new Linear(hidden, numClasses),
      ...ending(options),
    );
  }

  /** @param x `[N, 1, 224, 224]`; 195×195 at least, and what else comes down to 5×5. */
  forward(x: Tensor): Tensor {
    return through(x, this.conv, this.linear);
  }

  override className(): string {
    return 'AlexNet';
  }
}
