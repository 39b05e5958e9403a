import type { Tensor } from '../tensor/index.js';
import { checkProbability, dropout, relu } from './functional.js';
import { Module } from './module.js';
import { pyValue } from './python-text.js';

/**
 * `max(x, 0)`. With `inplace` it changes its input and returns it.
 * @see torch.nn.ReLU
 */
export class ReLU extends Module {
  readonly inplace: boolean;

  constructor(options: { readonly inplace?: boolean } = {}) {
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

/**
 * While training, sets elements to zero with probability `p` and scales the rest by `1/(1-p)`; else returns its input.
 * @throws TorchError `value` for a `p` outside 0 to 1.
 * @see torch.nn.Dropout
 */
export class Dropout extends Module {
  /** Probability of a zero. */
  readonly p: number;
  readonly inplace: boolean;

  constructor(options: { readonly p?: number; readonly inplace?: boolean } = {}) {
    super();
    this.p = options.p ?? 0.5;
    this.inplace = options.inplace ?? false;
    checkProbability(this.p);
  }

  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return dropout(x, { p: this.p, training: this.training, inplace: this.inplace });
  }

  override extraRepr(): string {
    return `p=${pyValue(this.p)}, inplace=${pyValue(this.inplace)}`;
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

/**
 * Makes one dimension of several.
 * @see torch.nn.Flatten
 */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(options: { readonly startDim?: number; readonly endDim?: number } = {}) {
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
