import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  init,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';
import { heByFanOut, initialise, zeroBias } from './initialise.js';
import { checkCounts, ending, type NotesOptions } from './network-options.js';
import { published, type Published } from './published.js';
import { flatten, through } from './through.js';

/** Blocks of a VGG: the number of 3×3 convolutions, and their channels. */
export type ConvArch = readonly (readonly [convolutions: number, channels: number])[];

/** The four networks: 11, 13, 16 and 19 layers with weights, three of which are the classifier's. */
export const VGG_ARCHS = {
  vgg11: [[1, 64], [1, 128], [2, 256], [2, 512], [2, 512]], // prettier-ignore
  vgg13: [[2, 64], [2, 128], [2, 256], [2, 512], [2, 512]], // prettier-ignore
  vgg16: [[2, 64], [2, 128], [3, 256], [3, 512], [3, 512]], // prettier-ignore
  vgg19: [[2, 64], [2, 128], [4, 256], [4, 512], [4, 512]], // prettier-ignore
} as const satisfies Record<string, ConvArch>;

/** Options of a {@link VGG} of a given depth. */
export interface VGGOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Whether the weights are drawn as the class draws them, not as its layers do; default true. */
  readonly initWeights?: boolean;
  /** Probability with which the classifier's inputs are dropped while training; default 0.5. */
  readonly dropout?: number;
  /** Channels of a picture; default 3. */
  readonly inChannels?: number;
}

/** What gives a {@link VGG} its form. */
export interface VGGForm {
  readonly convArch: ConvArch;
  /** Whether each convolution is followed by batch normalisation; default false. */
  readonly batchNorm?: boolean;
}

/**
 * VGG as torchvision has it, `[N, 3, 224, 224]` (32×32 at least) to `[N, classes]` logits.
 * @see torchvision.models.VGG
 * @see https://arxiv.org/abs/1409.1556
 */
export class VGG extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  constructor({ convArch, batchNorm = false, ...options }: VGGForm & VGGOptions) {
    super();
    const { numClasses = 1000, initWeights = true, dropout = 0.5, inChannels = 3 } = options;
    checkCounts('VGG', { numClasses, inChannels });
    this.features = new Sequential(
      ...chain(convArch, inChannels, (count, inputs, outputs) => [
        ...convolutions(count, inputs, outputs, (channels) => [
          ...(batchNorm ? [new BatchNorm2d(channels)] : []),
          new ReLU({ inplace: true }),
        ]),
        new MaxPool2d({ kernelSize: 2, stride: 2 }),
      ]),
    );
    this.avgpool = new AdaptiveAvgPool2d([7, 7]);
    this.classifier = new Sequential(
      new Linear(widthOf(convArch) * 7 * 7, 4096),
      new ReLU({ inplace: true }),
      new Dropout({ p: dropout }),
      new Linear(4096, 4096),
      new ReLU({ inplace: true }),
      new Dropout({ p: dropout }),
      new Linear(4096, numClasses),
    );
    if (!initWeights) return;
    initialise(this, {
      conv: heByFanOut,
      linear: (layer) => {
        init.normal_(layer.weight, 0, 0.01);
        zeroBias(layer);
      },
    });
  }

  /** @param x `[N, 3, H, W]`. */
  forward(x: Tensor): Tensor {
    return through(x, this.features, this.avgpool, flatten, this.classifier);
  }
}

/** What each block makes of the channels before it. */
function chain(
  convArch: ConvArch,
  inChannels: number,
  block: (count: number, inputs: number, outputs: number) => Module[],
): Module[] {
  checkCounts('VGG', { convArch: convArch.flat() });
  return convArch.flatMap(([count, outputs], index) => block(count, convArch[index - 1]?.[1] ?? inChannels, outputs));
}

function convolutions(count: number, inputs: number, outputs: number, after: (channels: number) => Module[]): Module[] {
  return Array.from({ length: count }, (_, index) => [
    new Conv2d(index === 0 ? inputs : outputs, outputs, { kernelSize: 3, padding: 1 }),
    ...after(outputs),
  ]).flat();
}

function widthOf(convArch: ConvArch): number {
  return convArch.at(-1)?.[1] ?? 0;
}

function vgg(name: string, convArch: ConvArch, batchNorm: boolean): Published<VGGOptions, VGG> {
  return published(name, ['classifier.6'], (options, given) => {
    // Draws that weights replace are left out, as in torchvision.
    return new VGG({
      ...options,
      convArch,
      batchNorm,
      initWeights: given === undefined && options.initWeights !== false,
    });
  });
}

/** VGG-11 for ImageNet: 132,863,336 parameters. @see torchvision.models.vgg11 */
export const vgg11 = vgg('vgg11', VGG_ARCHS.vgg11, false);
/** VGG-11 with batch normalisation: 132,868,840 parameters. @see torchvision.models.vgg11_bn */
export const vgg11_bn = vgg('vgg11_bn', VGG_ARCHS.vgg11, true);
/** VGG-13 for ImageNet: 133,047,848 parameters. @see torchvision.models.vgg13 */
export const vgg13 = vgg('vgg13', VGG_ARCHS.vgg13, false);
/** VGG-13 with batch normalisation: 133,053,736 parameters. @see torchvision.models.vgg13_bn */
export const vgg13_bn = vgg('vgg13_bn', VGG_ARCHS.vgg13, true);
/** VGG-16 for ImageNet: 138,357,544 parameters. @see torchvision.models.vgg16 */
export const vgg16 = vgg('vgg16', VGG_ARCHS.vgg16, false);
/** VGG-16 with batch normalisation: 138,365,992 parameters. @see torchvision.models.vgg16_bn */
export const vgg16_bn = vgg('vgg16_bn', VGG_ARCHS.vgg16, true);
/** VGG-19 for ImageNet: 143,667,240 parameters. @see torchvision.models.vgg19 */
export const vgg19 = vgg('vgg19', VGG_ARCHS.vgg19, false);
/** VGG-19 with batch normalisation: 143,678,248 parameters. @see torchvision.models.vgg19_bn */
export const vgg19_bn = vgg('vgg19_bn', VGG_ARCHS.vgg19, true);

/** Options of {@link notesVgg}. */
export interface NotesVggOptions extends NotesOptions {
  /** Default VGG-11's. */
  readonly convArch?: ConvArch;
  /** Outputs of the classifier's first two layers; default 4096. */
  readonly hidden?: number;
}

/**
 * VGG as the notes have it, a Sequential with one for each block, `[N, 1, 224, 224]` to `[N, 10]` probabilities.
 * ```ts
 * notesVgg({ convArch: [[1, 16], [1, 32], [2, 64], [2, 128], [2, 128]] }); // a quarter of the channels
 * ```
 */
export function notesVgg(options: NotesVggOptions = {}): Sequential {
  const { inChannels = 1, numClasses = 10, hidden = 4096, convArch = VGG_ARCHS.vgg11 } = options;
  checkCounts('VGG', { inChannels, numClasses, hidden });
  return new Sequential(
    ...chain(convArch, inChannels, (count, inputs, outputs) => [
      new Sequential(
        ...convolutions(count, inputs, outputs, () => [new ReLU()]),
        new MaxPool2d({ kernelSize: 2, stride: 2 }),
      ),
    ]),
    new Flatten(),
    new Linear(widthOf(convArch) * 7 * 7, hidden),
    new ReLU(),
    new Dropout({ p: 0.5 }),
    new Linear(hidden, hidden),
    new ReLU(),
    new Dropout({ p: 0.5 }),
    new Linear(hidden, numClasses),
    ...ending(options),
  );
}
