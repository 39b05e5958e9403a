import {
  BatchNorm2d,
  Conv2d,
  functional,
  init,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  replaceBy,
  Sequential,
} from '../nn/index.js';
import { normReluConv, normReluPool } from '../nn/norm-relu-conv.js';
import { noGrad, scope, TorchError, type Tensor } from '../tensor/index.js';
import { DenseBlock } from './dense-layer.js';
import { transitionPool } from './transition-pool.js';
import type { TransitionPool } from './transition-pools.js';
import { EFFICIENT_MODES, type EfficientMode } from './efficient.js';
import { isOf } from './fused-dense-block.js';
import { fusedNormPool, fusedTransition } from './fused-norm-pool.js';

/** Whose names and initialisation a network has: torchvision's, or those of the efficient_densenet_pytorch script. */
export type DenseNetStyle = 'torchvision' | 'cifar';

/** Options of {@link DenseNet}. The defaults are those of the class that `style` names. */
export interface DenseNetOptions {
  /** Default `torchvision`. */
  readonly style?: DenseNetStyle;
  /** Channels that a layer adds, `k` in the paper; default 32 (cifar: 12). */
  readonly growthRate?: number;
  /** Layers of each block; default 6, 12, 24, 16 (cifar: 16, 16, 16). */
  readonly blockConfig?: readonly number[];
  /** Part of the channels that a transition lets through, above 0 to 1; default 0.5. */
  readonly compression?: number;
  /** Channels of the first convolution; default 64 (cifar: 24). */
  readonly numInitFeatures?: number;
  /** Channels of a bottleneck in growth rates; default 4. */
  readonly bnSize?: number;
  /** Whether layers have a 1×1 convolution before the 3×3 one; default true. */
  readonly bottleneck?: boolean;
  /** Probability with which a layer's outputs are dropped while training; default 0. */
  readonly dropRate?: number;
  /** Default 1000 (cifar: 10). */
  readonly numClasses?: number;
  /** Channels of a picture; default 3. */
  readonly inChannels?: number;
  /** How transitions halve height and width: `avg` (default), or `max` in its place. */
  readonly transitionPool?: TransitionPool;
  /** Pictures of about 32×32: the first convolution is 3×3 and nothing is pooled; default false (cifar: true). */
  readonly smallInputs?: boolean;
  /** How the dense layers trade memory for time while training; default `none`. */
  readonly efficient?: EfficientMode;
}

/** The options of a {@link DenseNet}, none left out. */
export type DenseNetConfig = Required<DenseNetOptions>;

const DEFAULTS: Record<DenseNetStyle, Omit<DenseNetConfig, 'style'>> = {
  torchvision: {
    growthRate: 32,
    blockConfig: [6, 12, 24, 16],
    compression: 0.5,
    numInitFeatures: 64,
    bnSize: 4,
    bottleneck: true,
    dropRate: 0,
    numClasses: 1000,
    inChannels: 3,
    transitionPool: 'avg',
    smallInputs: false,
    efficient: 'none',
  },
  cifar: {
    growthRate: 12,
    blockConfig: [16, 16, 16],
    compression: 0.5,
    numInitFeatures: 24,
    bnSize: 4,
    bottleneck: true,
    dropRate: 0,
    numClasses: 10,
    inChannels: 3,
    transitionPool: 'avg',
    smallInputs: true,
    efficient: 'none',
  },
};

/** Halves height and width, and lets `outputs` channels through. */
class Transition extends Sequential {
  private readonly efficient: EfficientMode;

  constructor(inputs: number, outputs: number, pool: TransitionPool, efficient: EfficientMode) {
    super(
      new Map<string, Module>([
        ['norm', new BatchNorm2d(inputs)],
        ['relu', new ReLU({ inplace: true })],
        ['conv', new Conv2d(inputs, outputs, { kernelSize: 1, bias: false })],
        ['pool', transitionPool(pool)],
      ]),
    );
    this.efficient = efficient;
  }

  override forward(x: Tensor): Tensor {
    if (this.efficient === 'fused') return fusedTransition(x, this.children()) ?? super.forward(x);
    const [norm, relu, conv, ...rest] = this.efficient === 'shared' ? this.children() : [];
    if (!(norm instanceof BatchNorm2d && relu instanceof ReLU && conv instanceof Conv2d)) return super.forward(x);
    const whole = normReluConv([x], norm, relu, conv);
    if (whole === undefined) return super.forward(x);
    return rest.reduce((current, layer) => replaceBy(current, layer.call(current) as Tensor), whole);
  }

  override className(): string {
    return '_Transition';
  }
}

/** Everything before the classifier. */
class Features extends Sequential {
  private readonly efficient: EfficientMode;

  constructor(layers: Map<string, Module>, efficient: EfficientMode) {
    super(layers);
    this.efficient = efficient;
  }

  override forward(x: Tensor): Tensor {
    return this.run(x, this.children());
  }

  /** What {@link forward} gives, rectified, and the mean over all pixels: `[N, C, 1, 1]`. */
  pooled(x: Tensor): Tensor {
    const layers = this.children();
    const norm = layers.pop()!;
    const features = this.run(x, layers);
    const [height = 0, width = 0] = features.shape.slice(2);
    const whole = fusedNormPool(features, norm, height, width);
    return replaceBy(features, whole ?? rectifiedMean(norm.call(features) as Tensor));
  }

  private run(x: Tensor, layers: readonly Module[]): Tensor {
    const saves = this.efficient === 'shared' || this.efficient === 'fused';
    const [conv, norm, relu, pool, ...rest] = layers;
    const follow = (start: Tensor, left: readonly Module[]): Tensor =>
      left.reduce((current, layer) => {
        const next = layer.call(current) as Tensor;
        return current === x ? next : replaceBy(current, next);
      }, start);
    const isStem =
      conv instanceof Conv2d && norm instanceof BatchNorm2d && relu instanceof ReLU && pool instanceof MaxPool2d;
    if (!saves || !isStem) return follow(x, layers);
    const convolved = conv.call(x);
    const pooled = normReluPool(convolved, norm, relu, pool);
    if (pooled === undefined) return follow(convolved, layers.slice(1));
    return follow(replaceBy(convolved, pooled), rest);
  }

  override className(): string {
    return 'Sequential';
  }
}

/**
 * Densely connected network, `[N, 3, H, W]` pictures to `[N, classes]` logits. All draws happen in PyTorch's order:
 * those of the layers as they are made, then those of the style's own initialisation.
 * @see https://arxiv.org/abs/1608.06993
 */
export class DenseNet extends Module {
  readonly features: Sequential;
  readonly classifier: Linear;
  private readonly built: DenseNetConfig;

  /** @throws TorchError `value` naming the option that cannot be. */
  constructor(options: DenseNetOptions = {}) {
    super();
    const config = denseNetConfig(options);
    this.built = config;
    const { style, growthRate, compression, dropRate, efficient } = config;
    const bnSize = config.bottleneck ? config.bnSize : null;

    this.features = new Features(stem(config), efficient);
    let channels = config.numInitFeatures;
    config.blockConfig.forEach((layers, index) => {
      const version = style === 'torchvision' ? 2 : 1;
      const block = new DenseBlock(layers, channels, {
        growthRate,
        bnSize,
        dropRate,
        efficient,
        reentrant: style === 'cifar',
        version,
      });
      this.features.addModule(`denseblock${index + 1}`, block);
      channels += layers * growthRate;
      if (index === config.blockConfig.length - 1) return;
      const outputs = Math.trunc(channels * compression);
      this.features.addModule(
        `transition${index + 1}`,
        new Transition(channels, outputs, config.transitionPool, efficient),
      );
      channels = outputs;
    });
    this.features.addModule(style === 'torchvision' ? 'norm5' : 'norm_final', new BatchNorm2d(channels));
    this.classifier = new Linear(channels, config.numClasses);

    scope(() => (style === 'torchvision' ? initialiseAsTorchvision(this) : initialiseAsCifarScript(this)));
  }

  /** The options that the network was made with, none left out: `new DenseNet(model.config)` is one of the same form. */
  get config(): DenseNetConfig {
    return this.built;
  }

  /** @param x `[N, 3, H, W]`. */
  forward(x: Tensor): Tensor {
    const { features } = this;
    const isFused = this.config.efficient === 'fused' && features instanceof Features && isOf(features, Features);
    const pooled = isFused ? features.pooled(x) : rectifiedMean(features.call(x));
    return this.classifier.call(pooled.flatten(1));
  }
}

/** @param x is let go. @returns the mean over all pixels. */
function rectifiedMean(x: Tensor): Tensor {
  const rectified = functional.relu(x, { inplace: true });
  return replaceBy(rectified, functional.adaptiveAvgPool2d(rectified, [1, 1]));
}

function stem({ inChannels, numInitFeatures: width, smallInputs }: DenseNetConfig): Map<string, Module> {
  if (smallInputs)
    return new Map([['conv0', new Conv2d(inChannels, width, { kernelSize: 3, padding: 1, bias: false })]]);
  return new Map<string, Module>([
    ['conv0', new Conv2d(inChannels, width, { kernelSize: 7, stride: 2, padding: 3, bias: false })],
    ['norm0', new BatchNorm2d(width)],
    ['relu0', new ReLU({ inplace: true })],
    ['pool0', new MaxPool2d({ kernelSize: 3, stride: 2, padding: 1 })],
  ]);
}

/** He initialisation by fan in, in the order of the modules. */
function initialiseAsTorchvision(model: Module): void {
  for (const module of model.modules()) {
    if (module instanceof Conv2d) {
      init.kaimingNormal_(module.weight);
    } else if (module instanceof BatchNorm2d) {
      if (module.weight !== null) init.constant_(module.weight, 1);
      if (module.bias !== null) init.constant_(module.bias, 0);
    } else if (module instanceof Linear && module.bias !== null) {
      init.constant_(module.bias, 0);
    }
  }
}

/** He initialisation by fan out, in the order of the parameters, which the script tells apart by their names. */
function initialiseAsCifarScript(model: Module): void {
  for (const [name, parameter] of model.namedParameters()) {
    if (name.includes('conv') && name.includes('weight')) {
      const [outputs = 0, , height = 1, width = 1] = parameter.shape;
      // Drawn, then scaled: normal_(0, std) would round otherwise.
      noGrad(() => parameter.normal_().mul_(Math.sqrt(2 / (outputs * height * width))));
    } else if (name.includes('norm') && name.includes('weight')) {
      init.constant_(parameter, 1);
    } else if ((name.includes('norm') || name.includes('classifier')) && name.includes('bias')) {
      init.constant_(parameter, 0);
    }
  }
}

/** All options of a network, none left out, without making it. @throws TorchError `value`, as the constructor. */
export function denseNetConfig(options: DenseNetOptions): DenseNetConfig {
  const style = options.style ?? 'torchvision';
  if (!Object.hasOwn(DEFAULTS, style)) refuse('style', "'torchvision' or 'cifar'", style);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const config: DenseNetConfig = { ...DEFAULTS[style], ...given, style };
  const { blockConfig, compression, dropRate } = config;
  for (const name of ['growthRate', 'numInitFeatures', 'bnSize', 'numClasses'] as const) {
    if (!isCount(config[name])) refuse(name, 'a positive integer', config[name]);
  }
  if (!Array.isArray(blockConfig) || blockConfig.length === 0 || !blockConfig.every(isCount)) {
    refuse('blockConfig', 'positive integers, one for each block', blockConfig);
  }
  if (!(compression > 0 && compression <= 1)) refuse('compression', 'a number above 0, at most 1', compression);
  if (!(dropRate >= 0 && dropRate <= 1)) refuse('dropRate', 'a number from 0 to 1', dropRate);
  if (!EFFICIENT_MODES.includes(config.efficient))
    refuse('efficient', `one of ${EFFICIENT_MODES.join(', ')}`, config.efficient);
  checkTransitions(config);
  return config;
}

/** A convolution without outputs can be made, and would fail only when the network is used. */
function checkTransitions({ blockConfig, numInitFeatures, growthRate, compression }: DenseNetConfig): void {
  let channels = numInitFeatures;
  for (const layers of blockConfig.slice(0, -1)) {
    const offered = channels + layers * growthRate;
    channels = Math.trunc(offered * compression);
    if (channels > 0) continue;
    refuse('compression', `a number that leaves a transition at least one of its ${offered} channels`, compression);
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function refuse(name: string, wanted: string, given: unknown): never {
  throw new TorchError('value', `DenseNet: expected ${name} to be ${wanted}, but got ${String(given)}`);
}
