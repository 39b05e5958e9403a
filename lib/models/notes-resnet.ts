import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Flatten,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';
import { checkCounts, ending, type NotesOptions } from './network-options.js';
import { through } from './through.js';

/**
 * Two 3×3 convolutions, and the input added to what they give; a third convolution, of 1×1, fits the input to another
 * shape. Each has a bias.
 */
export class Residual extends Module {
  readonly conv1: Conv2d;
  readonly conv2: Conv2d;
  // Declared only: they come into being in the order of the state dict.
  declare readonly conv3?: Conv2d;
  declare readonly bn1: BatchNorm2d;
  declare readonly bn2: BatchNorm2d;

  /** @param halve whether height and width are halved, and the input is fitted. */
  constructor(inputs: number, channels: number, halve: boolean) {
    super();
    const stride = halve ? 2 : 1;
    this.conv1 = new Conv2d(inputs, channels, { kernelSize: 3, padding: 1, stride });
    this.conv2 = new Conv2d(channels, channels, { kernelSize: 3, padding: 1 });
    if (halve) this.conv3 = new Conv2d(inputs, channels, { kernelSize: 1, stride });
    this.bn1 = new BatchNorm2d(channels);
    this.bn2 = new BatchNorm2d(channels);
  }

  /** @param x `[N, C, H, W]`. */
  forward(x: Tensor): Tensor {
    const added = through(x, this.conv1, this.bn1, (y) => y.relu(), this.conv2, this.bn2);
    return added.add_(this.conv3?.call(x) ?? x).relu();
  }
}

/** Options of {@link notesResNet}. */
export interface NotesResNetOptions extends NotesOptions {
  /** Residual blocks of each stage; default 2, 2, 2, 2, which is ResNet-18. */
  readonly numResiduals?: readonly number[];
  /** Channels of the first stage; each has twice those of the one before. Default 64. */
  readonly numChannels?: number;
}

/** Blocks of {@link notesResNet} for the depths that have no bottleneck. */
export const NOTES_RESNETS = { resnet18: [2, 2, 2, 2], resnet34: [3, 4, 6, 3] } as const satisfies Record<
  string,
  readonly number[]
>;

/**
 * ResNet as the notes compare against it (Dive into Deep Learning's form), a Sequential with one for each stage,
 * `[N, 1, 96, 96]` to `[N, 10]`. It ends in logits unless `softmax` is set.
 */
export function notesResNet(options: NotesResNetOptions = {}): Sequential {
  const { inChannels = 1, numClasses = 10, numResiduals = NOTES_RESNETS.resnet18, numChannels = 64 } = options;
  checkCounts('ResNet', { inChannels, numClasses, numResiduals, numChannels });
  const stem = new Sequential(
    new Conv2d(inChannels, numChannels, { kernelSize: 7, stride: 2, padding: 3 }),
    new BatchNorm2d(numChannels),
    new ReLU(),
    new MaxPool2d({ kernelSize: 3, stride: 2, padding: 1 }),
  );
  const widthAt = (stage: number): number => numChannels * 2 ** Math.max(stage, 0);
  const stages = numResiduals.map((count, stage) => {
    const blocks = Array.from({ length: count }, (_, index) => {
      const halve = index === 0 && stage > 0;
      return new Residual(widthAt(halve ? stage - 1 : stage), widthAt(stage), halve);
    });
    return new Sequential(...blocks);
  });
  return new Sequential(
    stem,
    ...stages,
    new AdaptiveAvgPool2d([1, 1]),
    new Flatten(),
    new Linear(widthAt(numResiduals.length - 1), numClasses),
    ...ending({ softmax: options.softmax ?? false }),
  );
}
