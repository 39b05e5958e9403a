import { ops, pyNumber, scope, TorchError, type Tensor } from '../tensor/index.js';
import { checkOptionNames, type OptionNames } from '../tensor/option-bag.js';
import { replaceBy } from './intermediate.js';
import { warnOnce } from '../tensor/warn-once.js';

/** Options of {@link dropout} and its relatives. */
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
    warnOnce(oddInput('dropout2d', ndim, 2, '3D or 4D'));
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

/**
 * Sets whole channels to zero with probability `p` and scales the rest by `1/(1-p)`.
 * @param x `[N, C, L]` or `[C, L]`.
 * @returns `x` itself where nothing is to be done or with `inplace`; else a new tensor.
 * @throws TorchError `value` for a `p` outside 0 to 1, `runtime` for another number of dimensions.
 * @see torch.nn.functional.dropout1d
 */
export function dropout1d(x: Tensor, options: DropoutFunctionOptions = {}): Tensor {
  checkOptionNames('dropout1d', options, DROPOUT_OPTIONS);
  checkProbability(options.p ?? 0.5);
  const { ndim } = x;
  if (ndim !== 2 && ndim !== 3) {
    throw new TorchError(
      'runtime',
      `dropout1d: Expected 2D or 3D input, but received a ${ndim}D input. Note that dropout1d exists to provide ` +
        'channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension ' +
        '(i.e. 2D or 3D inputs).',
    );
  }
  return featureDropout(x, options, ndim === 3);
}

/**
 * Sets whole channels to zero with probability `p` and scales the rest by `1/(1-p)`.
 * @param x `[N, C, D, H, W]` or `[C, D, H, W]`; another number of dimensions gets PyTorch's warning.
 * @returns `x` itself where nothing is to be done or with `inplace`; else a new tensor.
 * @throws TorchError `value` for a `p` outside 0 to 1.
 * @see torch.nn.functional.dropout3d
 */
export function dropout3d(x: Tensor, options: DropoutFunctionOptions = {}): Tensor {
  checkOptionNames('dropout3d', options, DROPOUT_OPTIONS);
  checkProbability(options.p ?? 0.5);
  const { ndim } = x;
  if (ndim !== 4 && ndim !== 5) warnOnce(oddInput('dropout3d', ndim, 3, '4D or 5D'));
  return featureDropout(x, options, ndim === 5);
}

function oddInput(name: string, ndim: number, spatial: number, taken: string): string {
  return (
    `${name}: Received a ${ndim}-D input to ${name}, which is deprecated and will result in an error in a future ` +
    `release. To retain the behavior and silence this warning, please use dropout instead. Note that ${name} exists to ` +
    `provide channel-wise dropout on inputs with ${spatial} spatial dimensions, a channel dimension, and an optional ` +
    `batch dimension (i.e. ${taken} inputs).`
  );
}

/** Whole channels, those of an input without a batch too. */
function featureDropout(x: Tensor, options: DropoutFunctionOptions, batched: boolean): Tensor {
  const { p = 0.5, training = true, inplace = false } = options;
  if (!training || p === 0) return x;
  if (inplace)
    return batched ? ops.featureDropout_(x, p, true) : ops.featureDropout_(x.unsqueeze_(0), p, true).squeeze_(0);
  if (batched) return ops.featureDropout(x, p, true);
  return scope(() => {
    const batch = x.unsqueeze(0);
    return replaceBy(batch, ops.featureDropout(batch, p, true)).squeeze(0);
  });
}

/** Options of {@link alphaDropout} and {@link featureAlphaDropout}: as of {@link dropout}, but `training` is false by default. */
export type AlphaDropoutFunctionOptions = DropoutFunctionOptions;

/**
 * Dropout that keeps mean and variance of what `selu` gives: elements become its lowest value, the rest is shifted.
 * @param options.training default false, as in PyTorch.
 * @returns `x` itself where nothing is to be done or with `inplace`; else a new tensor.
 * @throws TorchError `value` for a `p` outside 0 to 1.
 * @see torch.nn.functional.alpha_dropout
 */
export function alphaDropout(x: Tensor, options: AlphaDropoutFunctionOptions = {}): Tensor {
  checkOptionNames('alphaDropout', options, DROPOUT_OPTIONS);
  const { p = 0.5, training = false, inplace = false } = options;
  checkProbability(p);
  if (!training || p === 0) return x;
  return inplace ? ops.alphaDropout_(x, p, true) : ops.alphaDropout(x, p, true);
}

/**
 * {@link alphaDropout} of whole channels.
 * @param x `[N, C, ...]`.
 * @param options.training default false, as in PyTorch.
 * @returns `x` itself where nothing is to be done or with `inplace`; else a new tensor.
 * @throws TorchError `value` for a `p` outside 0 to 1.
 * @see torch.nn.functional.feature_alpha_dropout
 */
export function featureAlphaDropout(x: Tensor, options: AlphaDropoutFunctionOptions = {}): Tensor {
  checkOptionNames('featureAlphaDropout', options, DROPOUT_OPTIONS);
  const { p = 0.5, training = false, inplace = false } = options;
  checkProbability(p);
  if (!training || p === 0) return x;
  return inplace ? ops.featureAlphaDropout_(x, p, true) : ops.featureAlphaDropout(x, p, true);
}

/** @throws TorchError `value` in PyTorch's words. */
export function checkProbability(p: number): void {
  if (!(p >= 0 && p <= 1)) {
    throw new TorchError('value', `dropout probability has to be between 0 and 1, but got ${pyNumber(p)}`);
  }
}
