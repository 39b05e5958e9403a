import { TorchError } from '../tensor/index.js';
import { DenseNet, denseNetConfig, type DenseNetConfig, type DenseNetOptions } from './densenet.js';

/** Options of {@link cifarDenseNet}: the paper's `L` and `k`, and what it varies. */
export interface CifarDenseNetOptions {
  /** Layers with weights, `L` in the paper: the convolutions and the classifier. */
  readonly depth: number;
  /** `k` in the paper; default 12. */
  readonly growthRate?: number | undefined;
  /** Default true. */
  readonly bottleneck?: boolean;
  /** Default 0.5 with a bottleneck (DenseNet-BC), 1 without. */
  readonly compression?: number | undefined;
  /** Default `2·growthRate` with a bottleneck, 16 without. */
  readonly numInitFeatures?: number | undefined;
  /** Default 0; the paper takes 0.2 on data without augmentation. */
  readonly dropRate?: number;
  /** Default 10. */
  readonly numClasses?: number;
  /** Channels of a picture; default 3. */
  readonly inChannels?: number;
  /** How transitions halve height and width; default `avg`. */
  readonly transitionPool?: DenseNetOptions['transitionPool'];
  /** Default `cifar`. */
  readonly style?: DenseNetOptions['style'];
  /** How memory is traded for time while training; default `none`. */
  readonly efficient?: DenseNetOptions['efficient'];
}

const BLOCKS = 3;
/** First convolution, two transitions, classifier. */
const OTHER_LAYERS = 4;

/**
 * Layers of each of the three blocks of a network of a given depth.
 * @throws TorchError `value` naming the nearest depths that fit.
 */
export function cifarBlockConfig(depth: number, bottleneck: boolean): [number, number, number] {
  const step = BLOCKS * (bottleneck ? 2 : 1);
  const layers = (depth - OTHER_LAYERS) / step;
  if (Number.isSafeInteger(layers) && layers > 0) return [layers, layers, layers];
  const kind = bottleneck ? 'a DenseNet with bottlenecks' : 'a DenseNet without bottlenecks';
  const below = OTHER_LAYERS + step * Math.floor(layers);
  const nearest =
    Number.isFinite(depth) && below > OTHER_LAYERS ? `${below} and ${below + step}` : `${OTHER_LAYERS + step}`;
  throw new TorchError(
    'value',
    `depth ${String(depth)} does not fit ${kind}: depth - ${OTHER_LAYERS} must be a positive multiple of ${step}; ` +
      `nearest: ${nearest}`,
  );
}

/**
 * A network of the paper's CIFAR set, `[N, 3, 32, 32]` (or of about that size) to `[N, classes]`.
 * ```ts
 * cifarDenseNet({ depth: 40 }); // the efficient_densenet_pytorch script's DenseNet-BC, k = 12
 * cifarDenseNet({ depth: 40, bottleneck: false }); // the plain DenseNet, L = 40, k = 12
 * ```
 * @throws TorchError `value` for a depth that does not fit, naming the nearest that do.
 */
export function cifarDenseNet(options: CifarDenseNetOptions): DenseNet {
  return new DenseNet(cifarDenseNetConfig(options));
}

/** All options of {@link cifarDenseNet}'s network, without making it. @throws TorchError `value`, as it does. */
export function cifarDenseNetConfig(options: CifarDenseNetOptions): DenseNetConfig {
  const { depth, growthRate = 12, bottleneck = true, dropRate = 0, numClasses = 10, style = 'cifar' } = options;
  const { inChannels = 3, transitionPool = 'avg', efficient = 'none' } = options;
  return denseNetConfig({
    style,
    growthRate,
    bottleneck,
    dropRate,
    numClasses,
    inChannels,
    transitionPool,
    blockConfig: cifarBlockConfig(depth, bottleneck),
    compression: options.compression ?? (bottleneck ? 0.5 : 1),
    numInitFeatures: options.numInitFeatures ?? (bottleneck ? 2 * growthRate : 16),
    smallInputs: true,
    efficient,
  });
}

/** The networks of the paper's table for CIFAR and SVHN, by name. */
export const CIFAR_DENSENETS = {
  /** 1.0 million parameters. */
  'densenet-40-12': { depth: 40, growthRate: 12, bottleneck: false },
  /** 7.0 million parameters. */
  'densenet-100-12': { depth: 100, growthRate: 12, bottleneck: false },
  /** 27.2 million parameters. */
  'densenet-100-24': { depth: 100, growthRate: 24, bottleneck: false },
  /** 0.8 million parameters. */
  'densenet-bc-100-12': { depth: 100, growthRate: 12, bottleneck: true },
  /** 15.3 million parameters. */
  'densenet-bc-250-24': { depth: 250, growthRate: 24, bottleneck: true },
  /** 25.6 million parameters. */
  'densenet-bc-190-40': { depth: 190, growthRate: 40, bottleneck: true },
} as const satisfies Record<string, CifarDenseNetOptions>;
