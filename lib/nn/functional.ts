import { ops, pyNumber, TorchError, type Tensor } from '../tensor/index.js';
import { pySize } from './python-text.js';

/** One number for both dimensions, or `[height, width]`. */
export type Pair = number | readonly [number, number];

/** How values beyond the edge are made up: 0, mirrored, the edge repeated, or taken from the other side. */
export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

/** What becomes of the losses of a batch. */
export type Reduction = 'none' | 'mean' | 'sum';

/** `[height, width]` of a {@link Pair}. */
export function pair(value: Pair): [number, number] {
  if (typeof value === 'number') return [value, value];
  // As JavaScript callers may give them.
  const given: unknown = value;
  if (Array.isArray(given) && given.length === 2) return [value[0], value[1]];
  const got = Array.isArray(given) ? `${given.length} values` : given === null ? 'null' : typeof given;
  throw new TorchError('type', `expected a number or [height, width], but got ${got}`);
}

/** Options of {@link conv2d}; pixels. */
export interface Conv2dFunctionOptions {
  readonly bias?: Tensor | null;
  readonly stride?: Pair;
  readonly padding?: Pair | 'same' | 'valid';
  readonly dilation?: Pair;
  readonly groups?: number;
}

/**
 * 2-D cross-correlation.
 * @param x `[N, Cin, H, W]` or `[Cin, H, W]`, floating point.
 * @param weight `[Cout, Cin/groups, kH, kW]`, dtype and device of `x`.
 * @returns new `[N, Cout, H', W']`, owned by the current scope.
 * @see torch.nn.functional.conv2d
 */
export function conv2d(x: Tensor, weight: Tensor, options: Conv2dFunctionOptions = {}): Tensor {
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

/**
 * `max(x, 0)`.
 * @returns with `inplace` the very same object, else a new tensor owned by the current scope.
 * @see torch.nn.functional.relu
 */
export function relu(x: Tensor, options: { readonly inplace?: boolean } = {}): Tensor {
  return options.inplace === true ? x.relu_() : x.relu();
}

/**
 * Sets elements to zero with probability `p` and scales the rest by `1/(1-p)`.
 * @returns `x` itself where nothing is to be done (`training: false`, `p: 0`) or with `inplace`; else a new tensor.
 * @throws TorchError `value` for a `p` outside 0 to 1.
 * @see torch.nn.functional.dropout
 */
export function dropout(
  x: Tensor,
  options: { readonly p?: number; readonly training?: boolean; readonly inplace?: boolean } = {},
): Tensor {
  const { p = 0.5, training = true, inplace = false } = options;
  checkProbability(p);
  // libtorch returns its argument in these cases too; the same object here spares a second handle to it.
  if (!training || p === 0) return x;
  return inplace ? ops.dropout_(x, p, training) : ops.dropout(x, p, training);
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

/** Options of the pooling functions; pixels. */
export interface MaxPool2dFunctionOptions {
  readonly kernelSize: Pair;
  /** Default `kernelSize`. */
  readonly stride?: Pair | null;
  readonly padding?: Pair;
  readonly dilation?: Pair;
  /** Round the output size up instead of down; default false. */
  readonly ceilMode?: boolean;
}

/**
 * The largest value of each window.
 * @param x `[N, C, H, W]` or `[C, H, W]`.
 * @returns new `[N, C, H', W']`, owned by the current scope.
 * @see torch.nn.functional.max_pool2d
 */
export function maxPool2d(x: Tensor, options: MaxPool2dFunctionOptions): Tensor {
  const { kernelSize, stride = null, padding = 0, dilation = 1, ceilMode = false } = options;
  return ops.maxPool2d(x, pair(kernelSize), pair(stride ?? kernelSize), pair(padding), pair(dilation), ceilMode);
}

/** Options of {@link avgPool2d}; pixels. */
export interface AvgPool2dFunctionOptions extends Omit<MaxPool2dFunctionOptions, 'dilation'> {
  /** Count the zeros of the padding in the mean; default true. */
  readonly countIncludePad?: boolean;
  /** Divide by this instead of the size of the window. */
  readonly divisorOverride?: number | null;
}

/**
 * The mean of each window.
 * @param x `[N, C, H, W]` or `[C, H, W]`.
 * @returns new `[N, C, H', W']`, owned by the current scope.
 * @see torch.nn.functional.avg_pool2d
 */
export function avgPool2d(x: Tensor, options: AvgPool2dFunctionOptions): Tensor {
  const { kernelSize, stride = null, padding = 0, ceilMode = false, countIncludePad = true } = options;
  return ops.avgPool2d(
    x,
    pair(kernelSize),
    pair(stride ?? kernelSize),
    pair(padding),
    ceilMode,
    countIncludePad,
    options.divisorOverride ?? null,
  );
}

/** A size, or null for the input's own. */
export type OutputSize = number | readonly [number | null, number | null];

/**
 * The mean over a grid of `size` cells, whatever the size of the input.
 * @param x `[N, C, H, W]` or `[C, H, W]`.
 * @returns new `[N, C, H', W']`, owned by the current scope.
 * @see torch.nn.functional.adaptive_avg_pool2d
 */
export function adaptiveAvgPool2d(x: Tensor, size: OutputSize): Tensor {
  if (typeof size === 'number') return ops.adaptiveAvgPool2d(x, [size, size]);
  const [height, width] = x.shape.slice(-2);
  if (x.ndim <= 2 || height === undefined || width === undefined) {
    throw new TorchError('value', 'Input dimension should be at least 3');
  }
  return ops.adaptiveAvgPool2d(x, [size[0] ?? height, size[1] ?? width]);
}

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions {
  /** `[C]`, a factor for each class. */
  readonly weight?: Tensor | null;
  /** A class that counts nothing; default −100. */
  readonly ignoreIndex?: number;
  /** Default `mean`. */
  readonly reduction?: Reduction;
  /** 0 to 1: how much of the target is spread evenly over the classes; default 0. */
  readonly labelSmoothing?: number;
}

/**
 * Cross entropy of logits.
 * @param logits `[N, C]`, `[C]` or `[N, C, ...]`.
 * @param target `[N]` (or `[]`, `[N, ...]`) int64 classes, or probabilities of the shape of `logits`.
 * @returns new scalar, with reduction `none` a tensor of the targets' shape; owned by the current scope.
 * @see torch.nn.functional.cross_entropy
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { weight = null, ignoreIndex = -100, reduction = 'mean', labelSmoothing = 0 } = options;
  return ops.crossEntropyLoss(logits, target, weight, reductionCode(reduction), ignoreIndex, labelSmoothing);
}

function reductionCode(reduction: Reduction): number {
  const code = ['none', 'mean', 'sum'].indexOf(reduction);
  if (code < 0) throw new TorchError('value', `${reduction} is not a valid value for reduction`);
  return code;
}

/**
 * Logarithm of the softmax over `dim`.
 * @see torch.nn.functional.log_softmax
 */
export function logSoftmax(x: Tensor, dim: number): Tensor {
  return x.logSoftmax(dim);
}

/**
 * Softmax over `dim`.
 * @see torch.nn.functional.softmax
 */
export function softmax(x: Tensor, dim: number): Tensor {
  return x.softmax(dim);
}
