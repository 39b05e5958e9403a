import type { Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { Module } from './module.js';
import { pyValue } from './python-text.js';
import { logSoftmax, softmax } from './softmax-functional.js';

/** Options of {@link Softmax} and {@link LogSoftmax}. */
export interface SoftmaxOptions {
  /** The dimension along which the values sum to 1; null lets it be guessed, with PyTorch's warning. */
  readonly dim?: number | null;
}

const SOFTMAX_OPTIONS: OptionNames<SoftmaxOptions> = { dim: false };

abstract class SoftmaxBase extends Module {
  readonly dim: number | null;

  constructor(options: SoftmaxOptions = {}) {
    checkOptionBag(new.target.name, options, SOFTMAX_OPTIONS);
    super();
    this.dim = options.dim ?? null;
  }

  override extraRepr(): string {
    return `dim=${pyValue(this.dim)}`;
  }
}

/**
 * `exp(x) / sum(exp(x))` over a dimension.
 * @see torch.nn.Softmax
 */
export class Softmax extends SoftmaxBase {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }
}

/**
 * The logarithm of {@link Softmax}.
 * @see torch.nn.LogSoftmax
 */
export class LogSoftmax extends SoftmaxBase {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return logSoftmax(x, this.dim);
  }
}
