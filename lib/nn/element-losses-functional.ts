import { noGrad, ops, scope, TorchError, type Tensor } from '../tensor/index.js';
import { checkOptionNames, type OptionNames } from '../tensor/option-bag.js';
import { broadcastTogether, checkWeight, reductionCode, type Reduction } from './losses-functional.js';
import { pyList, pySize } from './python-text.js';
import { warnOnce } from '../tensor/warn-once.js';

/** Options of {@link binaryCrossEntropy}. */
export interface BCEOptions {
  /** A factor for each element, of a shape that broadcasts to the target's. */
  readonly weight?: Tensor | null;
  /** Default `mean`. */
  readonly reduction?: Reduction;
}

export const BCE_OPTIONS: OptionNames<BCEOptions> = { weight: false, reduction: false };

/**
 * Cross entropy of probabilities.
 * @param input any shape, from 0 to 1.
 * @param target the same shape, from 0 to 1.
 * @returns new scalar, with reduction `none` a tensor of the input's shape; owned by the current scope.
 * @throws TorchError `value` for a target of another shape.
 * @see torch.nn.functional.binary_cross_entropy
 */
export function binaryCrossEntropy(input: Tensor, target: Tensor, options: BCEOptions = {}): Tensor {
  checkOptionNames('binaryCrossEntropy', options, BCE_OPTIONS);
  const { weight = null, reduction = 'mean' } = options;
  const code = reductionCode(reduction);
  const [size, other] = [pySize(input.shape), pySize(target.shape)];
  if (size !== other) {
    throw new TorchError(
      'value',
      `Using a target size (${other}) that is different to the input size (${size}) is deprecated. ` +
        'Please ensure they have the same size.',
    );
  }
  if (weight === null) return ops.binaryCrossEntropy(input, target, null, code);
  checkBroadcast(target.shape, weight.shape);
  return scope(() => {
    const [, expanded] = ops.aten<[Tensor, Tensor]>('broadcast_tensors', [target, weight]);
    return ops.binaryCrossEntropy(input, target, expanded, code);
  });
}

/** @throws TorchError `runtime` in PyTorch's words for a weight's shape that does not broadcast with the target's. */
function checkBroadcast(target: readonly number[], weight: readonly number[]): void {
  const length = Math.max(target.length, weight.length);
  const common = [...new Array<number>(length - target.length).fill(1), ...target];
  for (let dim = -1; dim >= -weight.length; dim--) {
    const size = weight.at(dim)!;
    if (size === 1 || size === common.at(dim) || common.at(dim) === 1) continue;
    throw new TorchError(
      'runtime',
      `Attempting to broadcast a dimension of length ${size} at ${dim}! Mismatching argument at index 1 had ` +
        `${pySize(weight)}; but expected shape should be broadcastable to ${pyList(common)}`,
    );
  }
}

/** Options of {@link binaryCrossEntropyWithLogits}. */
export interface BCEWithLogitsOptions extends BCEOptions {
  /** A factor for the positive examples, of a shape that broadcasts to the target's; `[C]` for each class. */
  readonly posWeight?: Tensor | null;
}

export const BCE_LOGITS_OPTIONS: OptionNames<BCEWithLogitsOptions> = { ...BCE_OPTIONS, posWeight: false };

/**
 * Cross entropy of the sigmoid of logits, more exact than both one after the other.
 * @param input any shape.
 * @param target the same shape, from 0 to 1.
 * @returns new scalar, with reduction `none` a tensor of the input's shape; owned by the current scope.
 * @throws TorchError `value` for a target of another shape.
 * @see torch.nn.functional.binary_cross_entropy_with_logits
 */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  options: BCEWithLogitsOptions = {},
): Tensor {
  checkOptionNames('binaryCrossEntropyWithLogits', options, BCE_LOGITS_OPTIONS);
  const { weight = null, posWeight = null, reduction = 'mean' } = options;
  const code = reductionCode(reduction);
  const [size, other] = [pySize(input.shape), pySize(target.shape)];
  if (size !== other) {
    throw new TorchError('value', `Target size (${other}) must be the same as input size (${size})`);
  }
  return ops.binaryCrossEntropyWithLogits(input, target, weight, posWeight, code);
}

/** Options of {@link smoothL1Loss}. */
export interface SmoothL1Options {
  /** Where the squares end; default 1. */
  readonly beta?: number;
  /** Default `mean`. */
  readonly reduction?: Reduction;
}

export const SMOOTH_L1_OPTIONS: OptionNames<SmoothL1Options> = { beta: false, reduction: false };

/**
 * Of differences below `beta` half the square divided by it, of others the absolute value less `beta / 2`.
 * @param input any shape.
 * @param target the same shape; another that broadcasts gets PyTorch's warning.
 * @returns new scalar, with reduction `none` a tensor of the broadcast shape; owned by the current scope.
 * @see torch.nn.functional.smooth_l1_loss
 */
export function smoothL1Loss(input: Tensor, target: Tensor, options: SmoothL1Options = {}): Tensor {
  checkOptionNames('smoothL1Loss', options, SMOOTH_L1_OPTIONS);
  const { beta = 1, reduction = 'mean' } = options;
  return scope(() => {
    const [x, y] = broadcastTogether(input, target);
    const code = reductionCode(reduction);
    return beta === 0 ? ops.aten<Tensor>('l1_loss', x, y, code) : ops.smoothL1Loss(x, y, code, beta);
  });
}

/** Options of {@link huberLoss}. */
export interface HuberOptions {
  /** Where the squares end; default 1. */
  readonly delta?: number;
  /** Default `mean`. */
  readonly reduction?: Reduction;
}

/** Options of {@link huberLoss} as a function. */
export interface HuberFunctionOptions extends HuberOptions {
  /** A factor for each element, of the input's shape. */
  readonly weight?: Tensor | null;
}

export const HUBER_OPTIONS: OptionNames<HuberOptions> = { delta: false, reduction: false };
const HUBER_FUNCTION_OPTIONS: OptionNames<HuberFunctionOptions> = { ...HUBER_OPTIONS, weight: false };

/**
 * Of differences below `delta` half the square, of others `delta · (absolute value − delta / 2)`.
 * @param input any shape.
 * @param target the same shape; another that broadcasts gets PyTorch's warning.
 * @returns new scalar, with reduction `none` a tensor of the broadcast shape; owned by the current scope.
 * @throws TorchError `value` for a weight of another shape.
 * @see torch.nn.functional.huber_loss
 */
export function huberLoss(input: Tensor, target: Tensor, options: HuberFunctionOptions = {}): Tensor {
  checkOptionNames('huberLoss', options, HUBER_FUNCTION_OPTIONS);
  const { delta = 1, weight = null, reduction = 'mean' } = options;
  return scope(() => {
    const [x, y] = broadcastTogether(input, target);
    if (weight === null) return ops.huberLoss(x, y, reductionCode(reduction), delta);
    checkWeight(weight, input);
    const weighted = ops.huberLoss(x, y, 0, delta).mul(weight);
    if (!['none', 'mean', 'sum'].includes(reduction)) {
      throw new TorchError('value', `Invalid reduction mode: ${reduction}. Expected one of 'none', 'mean', 'sum'.`);
    }
    return reduced(weighted, reduction);
  });
}

/** Options of {@link klDiv}. */
export interface KLDivOptions {
  /** `batchmean` divides the sum by the number of examples, which is what the divergence is; default `mean`, of all elements. */
  readonly reduction?: Reduction | 'batchmean';
  /** Whether the target has logarithms of probabilities too; default false. */
  readonly logTarget?: boolean;
}

export const KL_DIV_OPTIONS: OptionNames<KLDivOptions> = { reduction: false, logTarget: false };

/**
 * Kullback-Leibler divergence of the target from the input.
 * @param input `[N, ...]`, logarithms of probabilities.
 * @param target the same shape, probabilities.
 * @returns new scalar, with reduction `none` a tensor of the input's shape; owned by the current scope.
 * @see torch.nn.functional.kl_div
 */
export function klDiv(input: Tensor, target: Tensor, options: KLDivOptions = {}): Tensor {
  checkOptionNames('klDiv', options, KL_DIV_OPTIONS);
  const { reduction = 'mean', logTarget = false } = options;
  if (reduction === 'mean') {
    warnOnce(
      "reduction: 'mean' divides the total loss by both the batch size and the support size." +
        "'batchmean' divides only by the batch size, and aligns with the KL div math definition." +
        "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
    );
  }
  const code = reductionCode(reduction === 'batchmean' ? 'sum' : reduction);
  if (reduction !== 'batchmean' || input.ndim === 0) return ops.klDiv(input, target, code, { logTarget });
  return scope(() => ops.klDiv(input, target, code, { logTarget }).div(input.shape[0]!));
}

/** Options of {@link gaussianNllLoss}. */
export interface GaussianNLLOptions {
  /** Whether to add the constant `log(2π) / 2`; default false. */
  readonly full?: boolean;
  /** The least variance; default 1e-6. */
  readonly eps?: number;
  /** Default `mean`. */
  readonly reduction?: Reduction;
}

export const GAUSSIAN_OPTIONS: OptionNames<GaussianNLLOptions> = { full: false, eps: false, reduction: false };

/** `log(2π) / 2` in double precision. */
const HALF_LOG_TAU = 0.9189385332046727;

/**
 * Negative log likelihood of normal distributions.
 * @param input their means, any shape.
 * @param target the same shape, or one that broadcasts.
 * @param variance the input's shape, or that without the last dimension, or with 1 in one dimension; or a number.
 * @returns new scalar, with reduction `none` a tensor of the input's shape; owned by the current scope.
 * @throws TorchError `value` for a negative variance or one of another shape.
 * @see torch.nn.functional.gaussian_nll_loss
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor | number,
  options: GaussianNLLOptions = {},
): Tensor {
  checkOptionNames('gaussianNllLoss', options, GAUSSIAN_OPTIONS);
  const { full = false, eps = 1e-6, reduction = 'mean' } = options;
  return scope(() => {
    const given = typeof variance === 'number' ? ops.onesLike(input).mul(variance) : variance;
    const negative = typeof variance === 'number' ? variance < 0 : variance.lt(0).any().item();
    if (Boolean(negative)) throw new TorchError('value', 'var has negative entry/entries');
    const fitting = fit(given, input);
    if (!['none', 'mean', 'sum'].includes(reduction)) throw new TorchError('value', `${reduction} is not valid`);
    const clamped = fitting.clone();
    noGrad(() => clamped.clampMin_(eps));
    const loss = clamped.log().add(input.sub(target).pow(2).div(clamped)).mul(0.5);
    if (full) loss.add_(HALF_LOG_TAU);
    return reduced(loss, reduction);
  });
}

/** The variance with a dimension for each of the input's. @throws TorchError `value` in PyTorch's words. */
function fit(variance: Tensor, input: Tensor): Tensor {
  const [shape, size] = [variance.shape, input.shape];
  if (pySize(shape) === pySize(size)) return variance;
  if (pySize(size.slice(0, -1)) === pySize(shape)) return variance.unsqueeze(-1);
  const others = shape.filter((length, dim) => length !== size[dim]);
  if (shape.length === size.length && others.reduce((sum, length) => sum + length, 0) === 1) return variance;
  throw new TorchError('value', 'var is of incorrect size');
}

function reduced(loss: Tensor, reduction: Reduction): Tensor {
  if (reduction === 'none') return loss;
  return reduction === 'mean' ? loss.mean() : loss.sum();
}
