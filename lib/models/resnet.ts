import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  init,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';
import { heByFanOut, initialise } from './initialise.js';
import { checkCounts } from './network-options.js';
import { published, type Published } from './published.js';
import { flatten, through } from './through.js';

/** Blocks in each of the four stages, and whether they have a bottleneck. */
export const RESNET_FORMS = {
  resnet18: { layers: [2, 2, 2, 2], bottleneck: false },
  resnet34: { layers: [3, 4, 6, 3], bottleneck: false },
  resnet50: { layers: [3, 4, 6, 3], bottleneck: true },
  resnet101: { layers: [3, 4, 23, 3], bottleneck: true },
  resnet152: { layers: [3, 8, 36, 3], bottleneck: true },
} as const satisfies Record<string, ResNetForm>;

/** What gives a {@link ResNet} its form. */
export interface ResNetForm {
  /** Blocks of each of the four stages. */
  readonly layers: readonly [number, number, number, number];
  /** Whether a block is 1×1, 3×3, 1×1 convolutions, with four times the channels at its end, not two of 3×3. */
  readonly bottleneck: boolean;
}

/** Options of a {@link ResNet} of a given depth. */
export interface ResNetOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Whether the last normalisation of a block starts with gain 0, so that the block adds nothing; default false. */
  readonly zeroInitResidual?: boolean;
  /** Channels of a picture; default 3. */
  readonly inChannels?: number;
}

function conv3x3(inputs: number, outputs: number, stride = 1): Conv2d {
  return new Conv2d(inputs, outputs, { kernelSize: 3, stride, padding: 1, bias: false });
}

function conv1x1(inputs: number, outputs: number, stride = 1): Conv2d {
  return new Conv2d(inputs, outputs, { kernelSize: 1, stride, bias: false });
}

/** Two 3×3 convolutions, and the input added to what they give. @see torchvision.models.resnet.BasicBlock */
export class BasicBlock extends Module {
  static readonly expansion = 1;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly relu: ReLU;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  declare readonly downsample?: Sequential;

  /** @param downsample makes the input of the shape of the output, where it is of another. */
  constructor(inputs: number, planes: number, stride: number, downsample: Sequential | undefined) {
    super();
    this.conv1 = conv3x3(inputs, planes, stride);
    this.bn1 = new BatchNorm2d(planes);
    this.relu = new ReLU({ inplace: true });
    this.conv2 = conv3x3(planes, planes);
    this.bn2 = new BatchNorm2d(planes);
    if (downsample !== undefined) this.downsample = downsample;
  }

  /** The normalisation before the addition. */
  get last(): BatchNorm2d {
    return this.bn2;
  }

  /** @param x `[N, C, H, W]`. */
  forward(x: Tensor): Tensor {
    const added = through(x, this.conv1, this.bn1, this.relu, this.conv2, this.bn2);
    const identity = this.downsample?.call(x) ?? x;
    return this.relu.call(added.add_(identity));
  }
}

/**
 * 1×1, 3×3 and 1×1 convolutions, and the input added to what they give. The 3×3 one has the stride, in the paper the
 * first. @see torchvision.models.resnet.Bottleneck
 */
export class Bottleneck extends Module {
  static readonly expansion = 4;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  readonly relu: ReLU;
  declare readonly downsample?: Sequential;

  /** @param downsample makes the input of the shape of the output, where it is of another. */
  constructor(inputs: number, planes: number, stride: number, downsample: Sequential | undefined) {
    super();
    this.conv1 = conv1x1(inputs, planes);
    this.bn1 = new BatchNorm2d(planes);
    this.conv2 = conv3x3(planes, planes, stride);
    this.bn2 = new BatchNorm2d(planes);
    this.conv3 = conv1x1(planes, planes * Bottleneck.expansion);
    this.bn3 = new BatchNorm2d(planes * Bottleneck.expansion);
    this.relu = new ReLU({ inplace: true });
    if (downsample !== undefined) this.downsample = downsample;
  }

  /** The normalisation before the addition. */
  get last(): BatchNorm2d {
    return this.bn3;
  }

  /** @param x `[N, C, H, W]`. */
  forward(x: Tensor): Tensor {
    const { conv1, bn1, conv2, bn2, conv3, bn3, relu } = this;
    const added = through(x, conv1, bn1, relu, conv2, bn2, relu, conv3, bn3);
    const identity = this.downsample?.call(x) ?? x;
    return relu.call(added.add_(identity));
  }
}

/** Blocks of one stage; the first has the stride. What fits the input to it is made before it, as in torchvision. */
function stage(kind: typeof BasicBlock | typeof Bottleneck, count: number, inputs: number, planes: number): Sequential {
  const outputs = planes * kind.expansion;
  const stride = planes === 64 ? 1 : 2;
  const fits = stride === 1 && inputs === outputs;
  const downsample = fits ? undefined : new Sequential(conv1x1(inputs, outputs, stride), new BatchNorm2d(outputs));
  const first = new kind(inputs, planes, stride, downsample);
  const others = Array.from({ length: count - 1 }, () => new kind(outputs, planes, 1, undefined));
  return new Sequential(first, ...others);
}

/**
 * ResNet as torchvision has it, `[N, 3, 224, 224]` to `[N, classes]` logits.
 * @see torchvision.models.ResNet
 * @see https://arxiv.org/abs/1512.03385
 */
export class ResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly relu: ReLU;
  readonly maxpool: MaxPool2d;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly fc: Linear;

  constructor({ layers, bottleneck, ...options }: ResNetForm & ResNetOptions) {
    super();
    const { numClasses = 1000, zeroInitResidual = false, inChannels = 3 } = options;
    checkCounts('ResNet', { layers, numClasses, inChannels });
    const kind = bottleneck ? Bottleneck : BasicBlock;
    const { expansion } = kind;
    this.conv1 = new Conv2d(inChannels, 64, { kernelSize: 7, stride: 2, padding: 3, bias: false });
    this.bn1 = new BatchNorm2d(64);
    this.relu = new ReLU({ inplace: true });
    this.maxpool = new MaxPool2d({ kernelSize: 3, stride: 2, padding: 1 });
    this.layer1 = stage(kind, layers[0], 64, 64);
    this.layer2 = stage(kind, layers[1], 64 * expansion, 128);
    this.layer3 = stage(kind, layers[2], 128 * expansion, 256);
    this.layer4 = stage(kind, layers[3], 256 * expansion, 512);
    this.avgpool = new AdaptiveAvgPool2d([1, 1]);
    this.fc = new Linear(512 * expansion, numClasses);

    initialise(this, { conv: heByFanOut });
    if (!zeroInitResidual) return;
    for (const module of this.modules()) {
      if (!(module instanceof BasicBlock || module instanceof Bottleneck)) continue;
      if (module.last.weight !== null) init.constant_(module.last.weight, 0);
    }
  }

  /** @param x `[N, 3, H, W]`. */
  forward(x: Tensor): Tensor {
    const { conv1, bn1, relu, maxpool, layer1, layer2, layer3, layer4, avgpool, fc } = this;
    return through(x, conv1, bn1, relu, maxpool, layer1, layer2, layer3, layer4, avgpool, flatten, fc);
  }
}

function resnet(name: keyof typeof RESNET_FORMS): Published<ResNetOptions, ResNet> {
  return published(name, ['fc'], (options) => new ResNet({ ...options, ...RESNET_FORMS[name] }));
}

/** ResNet-18 for ImageNet: 11,689,512 parameters. @see torchvision.models.resnet18 */
export const resnet18 = resnet('resnet18');
/** ResNet-34 for ImageNet: 21,797,672 parameters. @see torchvision.models.resnet34 */
export const resnet34 = resnet('resnet34');
/** ResNet-50 for ImageNet: 25,557,032 parameters. @see torchvision.models.resnet50 */
export const resnet50 = resnet('resnet50');
/** ResNet-101 for ImageNet: 44,549,160 parameters. @see torchvision.models.resnet101 */
export const resnet101 = resnet('resnet101');
/** ResNet-152 for ImageNet: 60,192,808 parameters. @see torchvision.models.resnet152 */
export const resnet152 = resnet('resnet152');
