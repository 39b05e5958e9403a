import { ops, pyNumber, scope, TorchError, type Tensor } from '../tensor/index.js';
import { checkOptionNames, type OptionNames } from '../tensor/option-bag.js';
import { replaceBy } from './intermediate.js';
import { pad } from './padding-functional.js';
import { avgPool2d, avgPool3d } from './pooling-functional.js';
import { pyList, pySize } from './python-text.js';

/** What {@link layerNorm} and {@link groupNorm} take. */
export interface NormFunctionOptions {
  readonly weight?: Tensor | null;
  readonly bias?: Tensor | null;
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
}

const NORM_OPTIONS: OptionNames<NormFunctionOptions> = { weight: false, bias: false, eps: false };

/** Options of {@link batchNorm}. */
export interface BatchNormFunctionOptions extends NormFunctionOptions {
  /** Normalise with the statistics of the batch, not with the running ones; default false. */
  readonly training?: boolean;
  readonly momentum?: number;
}

const BATCH_NORM_OPTIONS: OptionNames<BatchNormFunctionOptions> = { ...NORM_OPTIONS, training: false, momentum: false };

/**
 * Normalises each channel.
 * @param x `[N, C, ...]`.
 * @param runningMean `[C]` or null; with `training` it is updated in place.
 * @param runningVar `[C]` or null; with `training` it is updated in place.
 * @returns new tensor of the shape of `x`, owned by the current scope.
 * @throws TorchError `value` when a batch to train with has one value per channel.
 * @see torch.nn.functional.batch_norm
 */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options: BatchNormFunctionOptions = {},
): Tensor {
  checkOptionNames('batchNorm', options, BATCH_NORM_OPTIONS);
  const { weight = null, bias = null, training = false, momentum = 0.1, eps = 1e-5 } = options;
  if (training) {
    const shape = x.shape;
    const values = shape.reduce((product, size, dim) => (dim === 1 ? product : product * size), 1);
    if (values === 1) refuseSingle('value per channel', pySize(shape));
    if (eps <= 0) {
      throw new TorchError('value', `batch_norm eps must be positive during training, but got ${pyNumber(eps)}`);
    }
  } else if (eps < 0) {
    throw new TorchError('value', `batch_norm eps must be non-negative, but got ${pyNumber(eps)}`);
  }
  return ops.batchNorm(x, weight, bias, runningMean, runningVar, training, momentum, eps, true);
}

/** Options of {@link instanceNorm}. */
export interface InstanceNormFunctionOptions extends NormFunctionOptions {
  /** `[C]`, what stands in for the mean with `useInputStats: false`, else updated in place. */
  readonly runningMean?: Tensor | null;
  /** `[C]`, as `runningMean`. */
  readonly runningVar?: Tensor | null;
  /** Normalise with the statistics of each instance, not with the running ones; default true. */
  readonly useInputStats?: boolean;
  readonly momentum?: number;
}

const INSTANCE_NORM_OPTIONS: OptionNames<InstanceNormFunctionOptions> = {
  ...NORM_OPTIONS,
  runningMean: false,
  runningVar: false,
  useInputStats: false,
  momentum: false,
};

/**
 * Normalises each channel of each instance by itself.
 * @param x `[N, C, ...]`.
 * @returns new tensor of the shape of `x`, owned by the current scope.
 * @throws TorchError `value` when there is one element to take statistics of.
 * @see torch.nn.functional.instance_norm
 */
export function instanceNorm(x: Tensor, options: InstanceNormFunctionOptions = {}): Tensor {
  checkOptionNames('instanceNorm', options, INSTANCE_NORM_OPTIONS);
  const { weight = null, bias = null, useInputStats = true, momentum = 0.1, eps = 1e-5 } = options;
  if (useInputStats) {
    const shape = x.shape;
    const elements = shape.slice(2).reduce((product, size) => product * size, 1);
    if (elements === 1) refuseSingle('spatial element', pySize(shape));
  }
  const { runningMean = null, runningVar = null } = options;
  return ops.instanceNorm(x, weight, bias, runningMean, runningVar, useInputStats, momentum, eps, true);
}

/**
 * Normalises over the last dimensions.
 * @param x `[..., *normalizedShape]`.
 * @param normalizedShape the sizes of the dimensions to normalise over.
 * @param options weight and bias have the shape `normalizedShape`.
 * @returns new tensor of the shape of `x`, owned by the current scope.
 * @see torch.nn.functional.layer_norm
 */
export function layerNorm(x: Tensor, normalizedShape: readonly number[], options: NormFunctionOptions = {}): Tensor {
  checkOptionNames('layerNorm', options, NORM_OPTIONS);
  const { weight = null, bias = null, eps = 1e-5 } = options;
  return ops.layerNorm(x, normalizedShape, weight, bias, eps, true);
}

/** Options of {@link rmsNorm}. */
export interface RMSNormFunctionOptions {
  readonly weight?: Tensor | null;
  /** Added to the mean of the squares; default the smallest step of the dtype. */
  readonly eps?: number | null;
}

const RMS_NORM_OPTIONS: OptionNames<RMSNormFunctionOptions> = { weight: false, eps: false };

/**
 * Divides by the root of the mean square over the last dimensions.
 * @param x `[..., *normalizedShape]`.
 * @returns new tensor of the shape of `x`, owned by the current scope.
 * @see torch.nn.functional.rms_norm
 */
export function rmsNorm(x: Tensor, normalizedShape: readonly number[], options: RMSNormFunctionOptions = {}): Tensor {
  checkOptionNames('rmsNorm', options, RMS_NORM_OPTIONS);
  return ops.rmsNorm(x, normalizedShape, options.weight ?? null, options.eps ?? null);
}

/**
 * Normalises each group of channels of each instance by itself.
 * @param x `[N, C, ...]`.
 * @param numGroups divides C.
 * @param options weight and bias are `[C]`.
 * @returns new tensor of the shape of `x`, owned by the current scope.
 * @throws TorchError `value` when a group has one value.
 * @see torch.nn.functional.group_norm
 */
export function groupNorm(x: Tensor, numGroups: number, options: NormFunctionOptions = {}): Tensor {
  checkOptionNames('groupNorm', options, NORM_OPTIONS);
  const { weight = null, bias = null, eps = 1e-5 } = options;
  const [batch, channels, ...rest] = x.shape;
  if (batch === undefined || channels === undefined) {
    throw new TorchError('runtime', `Expected at least 2 dimensions for input tensor but received ${x.ndim}`);
  }
  const perGroup = Math.floor((batch * channels) / numGroups);
  if (rest.reduce((product, size) => product * size, perGroup) === 1) {
    refuseSingle('value per channel', pyList([perGroup, numGroups, ...rest]));
  }
  return ops.groupNorm(x, numGroups, weight, bias, eps, true);
}

/** @throws TorchError `value` in PyTorch's words. */
function refuseSingle(what: string, size: string): never {
  throw new TorchError('value', `Expected more than 1 ${what} when training, got input size ${size}`);
}

/** Options of {@link localResponseNorm}. */
export interface LocalResponseNormOptions {
  /** Default 0.0001. */
  readonly alpha?: number;
  /** Default 0.75. */
  readonly beta?: number;
  /** Default 1. */
  readonly k?: number;
}

export const LOCAL_RESPONSE_OPTIONS: OptionNames<LocalResponseNormOptions> = { alpha: false, beta: false, k: false };

/**
 * Divides by `(k + alpha · mean of the squares of the neighbouring channels)^beta`.
 * @param x `[N, C, ...]` of three dimensions or more.
 * @param size how many channels are neighbours.
 * @returns new tensor of the shape of `x`, owned by the current scope; an empty `x` itself.
 * @throws TorchError `value` for fewer dimensions.
 * @see torch.nn.functional.local_response_norm
 */
export function localResponseNorm(x: Tensor, size: number, options: LocalResponseNormOptions = {}): Tensor {
  checkOptionNames('localResponseNorm', options, LOCAL_RESPONSE_OPTIONS);
  const { alpha = 1e-4, beta = 0.75, k = 1 } = options;
  const shape = x.shape;
  const [batch, channels, height] = shape;
  if (batch === undefined || channels === undefined || height === undefined) {
    // The gap is PyTorch's own.
    const gap = ' '.repeat(26);
    throw new TorchError('value', `Expected 3D or higher dimensionality${gap}input (got ${x.ndim} dimensions)`);
  }
  if (x.numel() === 0) return x;
  const border = [Math.floor(size / 2), Math.floor((size - 1) / 2)];
  const steps: ((value: Tensor) => Tensor)[] =
    x.ndim === 3
      ? [
          (value) => value.unsqueeze(1),
          (value) => pad(value, [0, 0, ...border]),
          (value) => avgPool2d(value, { kernelSize: [size, 1], stride: 1 }),
          (value) => value.squeeze(1),
        ]
      : [
          (value) => value.view([batch, 1, channels, height, -1]),
          (value) => pad(value, [0, 0, 0, 0, ...border]),
          (value) => avgPool3d(value, { kernelSize: [size, 1, 1], stride: 1 }),
          (value) => value.squeeze(1),
          (value) => value.view(shape),
        ];
  steps.push(
    (value) => value.mul(alpha),
    (value) => value.add(k),
    (value) => value.pow(beta),
    (value) => x.div(value),
  );
  return scope(() => steps.reduce((value, step) => replaceBy(value, step(value)), x.mul(x)));
}
