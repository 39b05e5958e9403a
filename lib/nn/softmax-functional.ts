import type { DType, Tensor } from '../tensor/index.js';
import { checkOptionNames, type OptionNames } from '../tensor/option-bag.js';
import { warnOnce } from '../tensor/warn-once.js';

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
