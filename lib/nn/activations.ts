import type { Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { checkProbability, dropout, dropout2d, logSoftmax, relu, softmax } from './functional.js';
import { Module } from './module.js';
import { pyValue } from './python-text.js';

/** Options of {@link ReLU}. */
export interface ReLUOptions {
  readonly inplace?: boolean;
}

const RELU_OPTIONS: OptionNames<ReLUOptions> = {
  inplace: false,
};

/**
 * `max(x, 0)`. With `inplace` it changes its input and returns it.
 * @see torch.nn.ReLU
 */
export class ReLU extends Module {
  readonly inplace: boolean;

  constructor(options: ReLUOptions = {}) {
    checkOptionBag('ReLU', options, RELU_OPTIONS);
    super();
    this.inplace = options.inplace ?? false;
  }

  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return relu(x, { inplace: this.inplace });
  }

  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/** Options of {@link Dropout}. */
export interface DropoutOptions {
  readonly p?: number;
  readonly inplace?: boolean;
}

const DROPOUT_OPTIONS: OptionNames<DropoutOptions> = {
  p: false,
  inplace: false,
};

abstract class DropoutBase extends Module {
  /** Probability of a zero. */
  readonly p: number;
  readonly inplace: boolean;

  constructor(options: DropoutOptions = {}) {
    checkOptionBag(new.target.name, options, DROPOUT_OPTIONS);
    super();
    this.p = options.p ?? 0.5;
    this.inplace = options.inplace ?? false;
    checkProbability(this.p);
  }

  override extraRepr(): string {
    return `p=${pyValue(this.p)}, inplace=${pyValue(this.inplace)}`;
  }
}

/**
 * While training, sets elements to zero with probability `p` and scales the rest by `1/(1-p)`; else returns its input.
 * @throws TorchError `value` for a `p` outside 0 to 1.
 * @see torch.nn.Dropout
 */
export class Dropout extends DropoutBase {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return dropout(x, { p: this.p, training: this.training, inplace: this.inplace });
  }
}

/**
 * While training, sets whole channels to zero with probability `p` and scales the rest by `1/(1-p)`; else returns its input.
 * @throws TorchError `value` for a `p` outside 0 to 1.
 * @see torch.nn.Dropout2d
 */
export class Dropout2d extends DropoutBase {
  /** @param x `[N, C, H, W]`; `[N, C, L]`, with PyTorch's warning. */
  forward(x: Tensor): Tensor {
    return dropout2d(x, { p: this.p, training: this.training, inplace: this.inplace });
  }
}

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

/**
 * Returns its input.
 * @see torch.nn.Identity
 */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Options of {@link Flatten}. */
export interface FlattenOptions {
  readonly startDim?: number;
  readonly endDim?: number;
}

const FLATTEN_OPTIONS: OptionNames<FlattenOptions> = {
  startDim: false,
  endDim: false,
};

/**
 * Makes one dimension of several.
 * @see torch.nn.Flatten
 */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(options: FlattenOptions = {}) {
    checkOptionBag('Flatten', options, FLATTEN_OPTIONS);
    super();
    this.startDim = options.startDim ?? 1;
    this.endDim = options.endDim ?? -1;
  }

  /** @param x at least as many dimensions as `startDim` needs. */
  forward(x: Tensor): Tensor {
    return x.flatten(this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}
