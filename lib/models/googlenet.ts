import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  functional,
  init,
  Linear,
  MaxPool2d,
  Module,
  replaceBy,
  Sequential,
  type Conv2dOptions,
} from '../nn/index.js';
import { ops, scope, type Tensor } from '../tensor/index.js';
import { initialise } from './initialise.js';
import { checkCounts } from './network-options.js';
import { published, type Published } from './published.js';
import { flatten, through } from './through.js';

/** Options of {@link GoogLeNet}. */
export interface GoogLeNetOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Whether there are two more classifiers, half-way, which speak while training; default true (with weights false). */
  readonly auxLogits?: boolean;
  /** Whether pictures scaled as for ImageNet are scaled anew to −1…1; default false (with published weights true). */
  readonly transformInput?: boolean;
  /** Whether the weights are drawn as the class draws them, not as its layers do; default true. */
  readonly initWeights?: boolean;
  /** Probability with which the classifier's inputs are dropped while training; default 0.2. */
  readonly dropout?: number;
  /** The same for the auxiliary classifiers; default 0.7. */
  readonly dropoutAux?: number;
}

/** What a {@link GoogLeNet} with auxiliary classifiers gives while training, `[N, classes]` each. */
export interface GoogLeNetOutputs {
  readonly logits: Tensor;
  /** Of the later one. */
  readonly auxLogits2: Tensor;
  readonly auxLogits1: Tensor;
}

/** A convolution without bias, batch normalisation, ReLU. @see torchvision.models.googlenet.BasicConv2d */
export class BasicConv2d extends Module {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;

  constructor(inputs: number, outputs: number, options: Conv2dOptions) {
    super();
    this.conv = new Conv2d(inputs, outputs, { bias: false, ...options });
    this.bn = new BatchNorm2d(outputs, { eps: 0.001 });
  }

  /** @param x `[N, C, H, W]`. */
  forward(x: Tensor): Tensor {
    return through(x, this.conv, this.bn, relu_);
  }
}

function relu_(x: Tensor): Tensor {
  return functional.relu(x, { inplace: true });
}

/**
 * Four branches side by side, whose channels are joined. The third has a 3×3 convolution where the paper has one of 5×5:
 * torchvision's weights are trained so.
 * @see torchvision.models.googlenet.Inception
 */
export class Inception extends Module {
  readonly branch1: BasicConv2d;
  readonly branch2: Sequential;
  readonly branch3: Sequential;
  readonly branch4: Sequential;

  /**
   * @param inputs channels.
   * @param c1 channels of the 1×1 branch.
   * @param c2 of the 3×3 branch: after its 1×1 convolution, and at its end.
   * @param c3 of the branch for 5×5, the same.
   * @param c4 of the branch that pools.
   */
  constructor(inputs: number, c1: number, c2: readonly [number, number], c3: readonly [number, number], c4: number) {
    super();
    this.branch1 = new BasicConv2d(inputs, c1, { kernelSize: 1 });
    this.branch2 = new Sequential(
      new BasicConv2d(inputs, c2[0], { kernelSize: 1 }),
      new BasicConv2d(c2[0], c2[1], { kernelSize: 3, padding: 1 }),
    );
    this.branch3 = new Sequential(
      new BasicConv2d(inputs, c3[0], { kernelSize: 1 }),
      new BasicConv2d(c3[0], c3[1], { kernelSize: 3, padding: 1 }),
    );
    this.branch4 = new Sequential(
      new MaxPool2d({ kernelSize: 3, stride: 1, padding: 1, ceilMode: true }),
      new BasicConv2d(inputs, c4, { kernelSize: 1 }),
    );
  }

  /** @param x `[N, C, H, W]`. */
  forward(x: Tensor): Tensor {
    return ops.cat([this.branch1.call(x), this.branch2.call(x), this.branch3.call(x), this.branch4.call(x)], 1);
  }
}

/** A classifier half-way. @see torchvision.models.googlenet.InceptionAux */
export class InceptionAux extends Module {
  readonly conv: BasicConv2d;
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly dropout: Dropout;

  constructor(inputs: number, numClasses: number, dropout: number) {
    super();
    this.conv = new BasicConv2d(inputs, 128, { kernelSize: 1 });
    this.fc1 = new Linear(2048, 1024);
    this.fc2 = new Linear(1024, numClasses);
    this.dropout = new Dropout({ p: dropout });
  }

  /** @param x `[N, C, H, W]`. @returns `[N, classes]`. */
  forward(x: Tensor): Tensor {
    const pool = (each: Tensor): Tensor => functional.adaptiveAvgPool2d(each, [4, 4]);
    return through(x, pool, this.conv, flatten, this.fc1, relu_, this.dropout, this.fc2);
  }
}

/**
 * GoogLeNet as torchvision has it, `[N, 3, 224, 224]` (15×15 at least) to `[N, classes]` logits; while training, with its
 * auxiliary classifiers, to {@link GoogLeNetOutputs}. `logitsOf` takes either.
 * @see torchvision.models.GoogLeNet
 * @see https://arxiv.org/abs/1409.4842
 */
export class GoogLeNet extends Module {
  readonly conv1: BasicConv2d;
  readonly maxpool1: MaxPool2d;
  readonly conv2: BasicConv2d;
  readonly conv3: BasicConv2d;
  readonly maxpool2: MaxPool2d;
  readonly inception3a: Inception;
  readonly inception3b: Inception;
  readonly maxpool3: MaxPool2d;
  readonly inception4a: Inception;
  readonly inception4b: Inception;
  readonly inception4c: Inception;
  readonly inception4d: Inception;
  readonly inception4e: Inception;
  readonly maxpool4: MaxPool2d;
  readonly inception5a: Inception;
  readonly inception5b: Inception;
  // Declared only: they come into being in the order of the state dict.
  declare aux1?: InceptionAux;
  declare aux2?: InceptionAux;
  declare readonly avgpool: AdaptiveAvgPool2d;
  declare readonly dropout: Dropout;
  declare readonly fc: Linear;
  readonly transformInput: boolean;

  constructor(options: GoogLeNetOptions = {}) {
    super();
    const { numClasses = 1000, auxLogits = true, transformInput = false, initWeights = true } = options;
    checkCounts('GoogLeNet', { numClasses });
    this.transformInput = transformInput;
    this.conv1 = new BasicConv2d(3, 64, { kernelSize: 7, stride: 2, padding: 3 });
    this.maxpool1 = halving(3);
    this.conv2 = new BasicConv2d(64, 64, { kernelSize: 1 });
    this.conv3 = new BasicConv2d(64, 192, { kernelSize: 3, padding: 1 });
    this.maxpool2 = halving(3);
    this.inception3a = new Inception(192, 64, [96, 128], [16, 32], 32);
    this.inception3b = new Inception(256, 128, [128, 192], [32, 96], 64);
    this.maxpool3 = halving(3);
    this.inception4a = new Inception(480, 192, [96, 208], [16, 48], 64);
    this.inception4b = new Inception(512, 160, [112, 224], [24, 64], 64);
    this.inception4c = new Inception(512, 128, [128, 256], [24, 64], 64);
    this.inception4d = new Inception(512, 112, [144, 288], [32, 64], 64);
    this.inception4e = new Inception(528, 256, [160, 320], [32, 128], 128);
    this.maxpool4 = halving(2);
    this.inception5a = new Inception(832, 256, [160, 320], [32, 128], 128);
    this.inception5b = new Inception(832, 384, [192, 384], [48, 128], 128);
    if (auxLogits) {
      this.aux1 = new InceptionAux(512, numClasses, options.dropoutAux ?? 0.7);
      this.aux2 = new InceptionAux(528, numClasses, options.dropoutAux ?? 0.7);
    }
    this.avgpool = new AdaptiveAvgPool2d([1, 1]);
    this.dropout = new Dropout({ p: options.dropout ?? 0.2 });
    this.fc = new Linear(1024, numClasses);
    if (!initWeights) return;
    const draw = (layer: Conv2d | Linear): void => {
      init.truncNormal_(layer.weight, { mean: 0, std: 0.01, a: -2, b: 2 });
    };
    initialise(this, { conv: draw, linear: draw });
  }

  /** @param x `[N, 3, H, W]`. */
  forward(x: Tensor): Tensor | GoogLeNetOutputs {
    const input = (each: Tensor): Tensor => (this.transformInput ? scaledAnew(each) : each);
    const { conv1, maxpool1, conv2, conv3, maxpool2, inception3a, inception3b, maxpool3, inception4a } = this;
    const { inception4b, inception4c, inception4d, inception4e, maxpool4, inception5a, inception5b } = this;
    const { aux1, aux2, avgpool, dropout, fc } = this;

    const early = [input, conv1, maxpool1, conv2, conv3, maxpool2, inception3a, inception3b, maxpool3, inception4a];
    const at4a = through(x, ...early);
    const auxLogits1 = this.training ? aux1?.call(at4a) : undefined;
    const at4d = replaceBy(at4a, through(at4a, inception4b, inception4c, inception4d));
    const auxLogits2 = this.training ? aux2?.call(at4d) : undefined;
    const at4e = replaceBy(at4d, inception4e.call(at4d));
    const at5b = replaceBy(at4e, through(at4e, maxpool4, inception5a, inception5b));
    const logits = replaceBy(at5b, through(at5b, avgpool, flatten, dropout, fc));
    return auxLogits1 && auxLogits2 ? { logits, auxLogits2, auxLogits1 } : logits;
  }

  /** Takes the auxiliary classifiers away and frees them. */
  dropAuxiliary(): void {
    for (const each of [this.aux1, this.aux2]) {
      for (const tensor of [...(each?.parameters() ?? []), ...(each?.buffers() ?? [])]) tensor.dispose();
    }
    delete this.aux1;
    delete this.aux2;
  }
}

function halving(kernelSize: number): MaxPool2d {
  return new MaxPool2d({ kernelSize, stride: 2, ceilMode: true });
}

/** From ImageNet's means and deviations to a mean and deviation of 0.5. */
function scaledAnew(x: Tensor): Tensor {
  const scales = [
    [0.229 / 0.5, (0.485 - 0.5) / 0.5],
    [0.224 / 0.5, (0.456 - 0.5) / 0.5],
    [0.225 / 0.5, (0.406 - 0.5) / 0.5],
  ] as const;
  return scope(() =>
    ops.cat(
      scales.map(([scale, offset], channel) => x.select(1, channel).unsqueeze(1).mul(scale).add(offset)),
      1,
    ),
  );
}

/**
 * GoogLeNet for ImageNet: 6,624,904 parameters, with its auxiliary classifiers 13,004,888. With weights the auxiliary
 * classifiers are left away unless `auxLogits` is set, and published weights set `transformInput`, as in torchvision.
 * @see torchvision.models.googlenet
 */
export const googlenet: Published<GoogLeNetOptions, GoogLeNet> = published(
  'googlenet',
  ['fc', 'aux1.fc2', 'aux2.fc2'],
  (options, given) => {
    if (given === undefined) return new GoogLeNet(options);
    const { transformInput = given.published } = options;
    const inFile = given.names.some((name) => name.endsWith('aux1.fc2.weight'));
    const auxLogits = options.auxLogits === true || inFile;
    return new GoogLeNet({ ...options, transformInput, auxLogits, initWeights: false });
  },
  (model, options) => {
    if (options.auxLogits !== true) model.dropAuxiliary();
  },
);
