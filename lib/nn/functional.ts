import { ops, pyNumber, TorchError, type DType, type Tensor } from '../tensor/index.js';
import { checkOptionNames, type OptionNames } from '../tensor/option-bag.js';
import { pair, type Pair } from './pair.js';
import { pySize } from './python-text.js';
import { warnOnce } from '../tensor/warn-once.js';

export {
  crossEntropy,
  l1Loss,
  mseLoss,
  nllLoss,
  type CrossEntropyOptions,
  type ElementLossOptions,
  type NLLLossOptions,
  type Reduction,
} from './losses-functional.js';
export {
  adaptiveAvgPool2d,
  avgPool2d,
  maxPool2d,
  type AvgPool2dFunctionOptions,
  type MaxPool2dFunctionOptions,
  type OutputSize,
} from './pooling-functional.js';
export { pair, type Pair } from './pair.js';

/** How values beyond the edge are made up: 0, mirrored, the edge repeated, or taken from the other side. */
export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

/** Options of {@link conv2d}; pixels. */
export interface Conv2dFunctionOptions {
  readonly bias?: Tensor | null;
  readonly stride?: Pair;
  readonly padding?: Pair | 'same' | 'valid';
  readonly dilation?: Pair;
  readonly groups?: number;
}

const CONV_OPTIONS: OptionNames<Conv2dFunctionOptions> = {
  bias: false,
  stride: false,
  padding: false,
  dilation: false,
  groups: false,
};

/**
 * 2-D cross-correlation.
 * @param x `[N, Cin, H, W]` or `[Cin, H, W]`, floating point.
 * @param weight `[Cout, Cin/groups, kH, kW]`, dtype and device of `x`.
 * @returns new `[N, Cout, H', W']`, owned by the current scope.
 * @see torch.nn.functional.conv2d
 */
export function conv2d(x: Tensor, weight: Tensor, options: Conv2dFunctionOptions = {}): Tensor {
  checkOptionNames('conv2d', options, CONV_OPTIONS);
  const { bias = null, stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  // Two overloads of one operator: the border as a word, or in pixels.
  if (typeof padding === 'string') return ops.conv2d(x, weight, bias, pair(stride), padding, pair(dilation), groups);
  return ops.conv2d(x, weight, bias, pair(stride), pair(padding), pair(dilation), groups);
}

/**
 * Adds a border.
 * @param x any shape of at least `amounts.length / 2` dimensions.
 * @param amounts `[left, right, top, bottom, ...]`, the last dimension first.
 * @returns new tensor, owned by the current scope.
 * @see torch.nn.functional.pad
 */
export function pad(
  x: Tensor,
  amounts: readonly number[],
  mode: 'constant' | 'reflect' | 'replicate' | 'circular' = 'constant',
  value: number | null = null,
): Tensor {
  return ops.pad(x, [...amounts], mode, value);
}

/**
 * `x · weightᵀ + bias`.
 * @param x `[..., in]`.
 * @param weight `[out, in]`.
 * @param bias `[out]` or null.
 * @returns new `[..., out]`, owned by the current scope.
 * @see torch.nn.functional.linear
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  return ops.linear(x, weight, bias);
}

const INPLACE: OptionNames<{ readonly inplace?: boolean }> = { inplace: false };

/**
 * `max(x, 0)`.
 * @returns with `inplace` the very same object, else a new tensor owned by the current scope.
 * @see torch.nn.functional.relu
 */
export function relu(x: Tensor, options: { readonly inplace?: boolean } = {}): Tensor {
  checkOptionNames('relu', options, INPLACE);
  return options.inplace === true ? x.relu_() : x.relu();
}

/** Options of {@link dropout} and {@link dropout2d}. */
export interface DropoutFunctionOptions {
  /** Probability of a zero, default 0.5. */
  readonly p?: number;
  /** Whether to drop at all; default true. */
  readonly training?: boolean;
  readonly inplace?: boolean;
}

const DROPOUT_OPTIONS: OptionNames<DropoutFunctionOptions> = { p: false, training: false, inplace: false };

/**
 * Sets elements to zero with probability `p` and scales the rest by `1/(1-p)`.
 * @returns `x` itself where nothing is to be done (`training: false`, `p: 0`) or with `inplace`; else a new tensor.
 * @throws TorchError `value` for a `p` outside 0 to 1.
 * @see torch.nn.functional.dropout
 */
export function dropout(x: Tensor, options: DropoutFunctionOptions = {}): Tensor {
  checkOptionNames('dropout', options, DROPOUT_OPTIONS);
  const { p = 0.5, training = true, inplace = false } = options;
  checkProbability(p);
  // libtorch returns its argument in these cases too; the same object here spares a second handle to it.
  if (!training || p === 0) return x;
  return inplace ? ops.dropout_(x, p, training) : ops.dropout(x, p, training);
}

/**
 * Sets whole channels to zero with probability `p` and scales the rest by `1/(1-p)`.
 * @param x `[N, C, H, W]`; `[N, C, L]`, with PyTorch's warning, has its channels at dimension 1 too.
 * @returns `x` itself where nothing is to be done or with `inplace`; else a new tensor.
 * @throws TorchError `value` for a `p` outside 0 to 1.
 * @see torch.nn.functional.dropout2d
 */
export function dropout2d(x: Tensor, options: DropoutFunctionOptions = {}): Tensor {
  checkOptionNames('dropout2d', options, DROPOUT_OPTIONS);
  const { p = 0.5, training = true, inplace = false } = options;
  checkProbability(p);
  const { ndim } = x;
  if (ndim !== 3 && ndim !== 4) {
    warnOnce(
      `dropout2d: Received a ${ndim}-D input to dropout2d, which is deprecated and will result in an error in a ` +
        'future release. To retain the behavior and silence this warning, please use dropout instead. Note that ' +
        'dropout2d exists to provide channel-wise dropout on inputs with 2 spatial dimensions, a channel dimension, ' +
        'and an optional batch dimension (i.e. 3D or 4D inputs).',
    );
  }
  if (ndim === 3) {
    warnOnce(
      'dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - ' +
        'input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a future ' +
        'release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D ' +
        'channel-wise dropout behavior, please switch to using dropout1d instead.',
    );
  }
  if (!training || p === 0) return x;
  return inplace ? ops.featureDropout_(x, p, training) : ops.featureDropout(x, p, training);
}

/** @throws TorchError `value` in PyTorch's words. */
export function checkProbability(p: number): void {
  if (!(p >= 0 && p <= 1)) {
    throw new TorchError('value', `dropout probability has to be between 0 and 1, but got ${pyNumber(p)}`);
  }
}

/** Options of {@link batchNorm}. */
export interface BatchNormFunctionOptions {
  readonly weight?: Tensor | null;
  readonly bias?: Tensor | null;
  /** Normalise with the statistics of the batch, not with the running ones; default false. */
  readonly training?: boolean;
  readonly momentum?: number;
  readonly eps?: number;
}

const BATCH_NORM_OPTIONS: OptionNames<BatchNormFunctionOptions> = {
  weight: false,
  bias: false,
  training: false,
  momentum: false,
  eps: false,
};

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
    if (values === 1) {
      throw new TorchError(
        'value',
        `Expected more than 1 value per channel when training, got input size ${pySize(shape)}`,
      );
    }
    if (eps <= 0) {
      throw new TorchError('value', `batch_norm eps must be positive during training, but got ${pyNumber(eps)}`);
    }
  } else if (eps < 0) {
    throw new TorchError('value', `batch_norm eps must be non-negative, but got ${pyNumber(eps)}`);
  }
  return ops.batchNorm(x, weight, bias, runningMean, runningVar, training, momentum, eps, true);
}

/** Options of {@link softmax} and {@link logSoftmax}. */
export interface SoftmaxFunctionOptions {
  /** The input is converted to this type before. */
  readonly dtype?: DType | null;
}

const SOFTMAX_OPTIONS: OptionNames<SoftmaxFunctionOptions> = { dtype: false };

/**
 * Logarithm of the softmax over `dim`.
 * @param dim null lets it be guessed, with PyTorch's warning: 0 for 0, 1 and 3 dimensions, else 1.
 * @see torch.nn.functional.log_softmax
 */
export function logSoftmax(x: Tensor, dim: number | null = null, options: SoftmaxFunctionOptions = {}): Tensor {
  checkOptionNames('logSoftmax', options, SOFTMAX_OPTIONS);
  return x.logSoftmax(dim ?? guessDim('log_softmax', x.ndim), options.dtype ?? null);
}

/**
 * Softmax over `dim`.
 * @param dim null lets it be guessed, with PyTorch's warning: 0 for 0, 1 and 3 dimensions, else 1.
 * @see torch.nn.functional.softmax
 */
export function softmax(x: Tensor, dim: number | null = null, options: SoftmaxFunctionOptions = {}): Tensor {
  checkOptionNames('softmax', options, SOFTMAX_OPTIONS);
  return x.softmax(dim ?? guessDim('softmax', x.ndim), options.dtype ?? null);
}

function guessDim(name: string, ndim: number): number {
  warnOnce(
    `Implicit dimension choice for ${name} has been deprecated. Change the call to include dim=X as an argument.`,
  );
  return ndim === 0 || ndim === 1 || ndim === 3 ? 0 : 1;
}
