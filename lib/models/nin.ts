import { AdaptiveAvgPool2d, Conv2d, Dropout, Flatten, MaxPool2d, ReLU, Sequential } from '../nn/index.js';
import { checkCounts, ending, type NotesOptions } from './network-options.js';

/** A convolution, and two of 1×1 that work on each pixel as layers of a perceptron do. */
function block(inputs: number, outputs: number, kernelSize: number, stride: number, padding: number): Sequential {
  return new Sequential(
    new Conv2d(inputs, outputs, { kernelSize, stride, padding }),
    new ReLU(),
    new Conv2d(outputs, outputs, { kernelSize: 1 }),
    new ReLU(),
    new Conv2d(outputs, outputs, { kernelSize: 1 }),
    new ReLU(),
  );
}

/**
 * Network in network as the notes have it, `[N, 1, 224, 224]` to `[N, 10]` probabilities: the last block has a channel for
 * each class, and their means are the outputs.
 * @see https://arxiv.org/abs/1312.4400
 */
export function nin(options: NotesOptions = {}): Sequential {
  const { inChannels = 1, numClasses = 10 } = options;
  checkCounts('NiN', { inChannels, numClasses });
  return new Sequential(
    block(inChannels, 96, 11, 4, 0),
    new MaxPool2d({ kernelSize: 3, stride: 2 }),
    block(96, 256, 5, 1, 2),
    new MaxPool2d({ kernelSize: 3, stride: 2 }),
    block(256, 384, 3, 1, 1),
    new MaxPool2d({ kernelSize: 3, stride: 2 }),
    new Dropout({ p: 0.5 }),
    block(384, numClasses, 3, 1, 1),
    new AdaptiveAvgPool2d([1, 1]),
    new Flatten(),
    ...ending(options),
  );
}
