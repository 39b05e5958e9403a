import type { Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import {
  alphaDropout,
  checkProbability,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  featureAlphaDropout,
} from './dropout-functional.js';
import { Module } from './module.js';
import { pyValue } from './python-text.js';

/** Options of {@link Dropout} and its relatives. */
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

/**
 * While training, sets whole channels to zero with probability `p` and scales the rest by `1/(1-p)`; else returns its input.
 * @throws TorchError `value` for a `p` outside 0 to 1.
 * @see torch.nn.Dropout1d
 */
export class Dropout1d extends DropoutBase {
  /** @param x `[N, C, L]` or `[C, L]`. */
  forward(x: Tensor): Tensor {
    return dropout1d(x, { p: this.p, training: this.training, inplace: this.inplace });
  }
}

/**
 * While training, sets whole channels to zero with probability `p` and scales the rest by `1/(1-p)`; else returns its input.
 * @throws TorchError `value` for a `p` outside 0 to 1.
 * @see torch.nn.Dropout3d
 */
export class Dropout3d extends DropoutBase {
  /** @param x `[N, C, D, H, W]` or `[C, D, H, W]`. */
  forward(x: Tensor): Tensor {
    return dropout3d(x, { p: this.p, training: this.training, inplace: this.inplace });
  }
}

/**
 * Dropout that keeps mean and variance of what `SELU` gives, while training; else returns its input. As in
 * PyTorch, `inplace` is printed only.
 * @throws TorchError `value` for a `p` outside 0 to 1.
 * @see torch.nn.AlphaDropout
 */
export class AlphaDropout extends DropoutBase {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return alphaDropout(x, { p: this.p, training: this.training });
  }
}

/**
 * {@link AlphaDropout} of whole channels.
 * @throws TorchError `value` for a `p` outside 0 to 1.
 * @see torch.nn.FeatureAlphaDropout
 */
export class FeatureAlphaDropout extends DropoutBase {
  /** @param x `[N, C, ...]`. */
  forward(x: Tensor): Tensor {
    return featureAlphaDropout(x, { p: this.p, training: this.training });
  }
}
