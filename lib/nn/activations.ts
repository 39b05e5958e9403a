import { TorchError, type Tensor } from '../tensor/index.js';
import { checkOptionBag } from '../tensor/option-bag.js';
import {
  gelu,
  GELU_OPTIONS,
  hardsigmoid,
  hardswish,
  hardtanh,
  HARDTANH_OPTIONS,
  INPLACE,
  logsigmoid,
  mish,
  relu,
  silu,
  softplus,
  SOFTPLUS_OPTIONS,
  softsign,
  type GELUOptions,
  type HardtanhOptions,
  type InplaceOptions,
  type SoftplusOptions,
} from './activations-functional.js';
import { Module } from './module.js';
import { pyFloatOption, pyString } from './python-text.js';

/** Options of {@link ReLU}. */
export type ReLUOptions = InplaceOptions;

/** An activation whose only option is `inplace`. */
export abstract class InplaceActivation extends Module {
  readonly inplace: boolean;

  constructor(options: InplaceOptions = {}) {
    checkOptionBag(new.target.name, options, INPLACE);
    super();
    this.inplace = options.inplace ?? false;
  }

  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/**
 * `max(x, 0)`. With `inplace` it changes its input and returns it.
 * @see torch.nn.ReLU
 */
export class ReLU extends InplaceActivation {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return relu(x, { inplace: this.inplace });
  }
}

/**
 * `x · sigmoid(x)`, also called swish. With `inplace` it changes its input and returns it.
 * @see torch.nn.SiLU
 */
export class SiLU extends InplaceActivation {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return silu(x, { inplace: this.inplace });
  }
}

/**
 * `x · tanh(softplus(x))`. With `inplace` it changes its input and returns it.
 * @see torch.nn.Mish
 */
export class Mish extends InplaceActivation {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return mish(x, { inplace: this.inplace });
  }
}

/**
 * `relu6(x + 3) / 6`. With `inplace` it changes its input and returns it.
 * @see torch.nn.Hardsigmoid
 */
export class Hardsigmoid extends InplaceActivation {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return hardsigmoid(x, { inplace: this.inplace });
  }

  // PyTorch does not print it here.
  override extraRepr(): string {
    return '';
  }
}

/**
 * `x · relu6(x + 3) / 6`. With `inplace` it changes its input and returns it.
 * @see torch.nn.Hardswish
 */
export class Hardswish extends InplaceActivation {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return hardswish(x, { inplace: this.inplace });
  }

  // PyTorch does not print it here.
  override extraRepr(): string {
    return '';
  }
}

/**
 * `min(max(x, minVal), maxVal)`.
 * @throws TorchError `value` in PyTorch's words for a `maxVal` that is not above `minVal`.
 * @see torch.nn.Hardtanh
 */
export class Hardtanh extends Module {
  readonly minVal: number;
  readonly maxVal: number;
  readonly inplace: boolean;

  constructor(options: HardtanhOptions = {}) {
    checkOptionBag(new.target.name, options, HARDTANH_OPTIONS);
    super();
    this.minVal = options.minVal ?? -1;
    this.maxVal = options.maxVal ?? 1;
    this.inplace = options.inplace ?? false;
    if (this.maxVal <= this.minVal) {
      const [min, max] = [pyFloatOption(this.minVal, -1), pyFloatOption(this.maxVal, 1)];
      throw new TorchError('value', `max_val (${max}) must be greater than min_val (${min})`);
    }
  }

  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    const { minVal, maxVal, inplace } = this;
    return hardtanh(x, { minVal, maxVal, inplace });
  }

  override extraRepr(): string {
    const [min, max] = [pyFloatOption(this.minVal, -1), pyFloatOption(this.maxVal, 1)];
    return `min_val=${min}, max_val=${max}${this.inplace ? ', inplace=True' : ''}`;
  }
}

/**
 * `min(max(x, 0), 6)`.
 * @see torch.nn.ReLU6
 */
export class ReLU6 extends Hardtanh {
  constructor(options: InplaceOptions = {}) {
    checkOptionBag('ReLU6', options, INPLACE);
    super({ ...options, minVal: 0, maxVal: 6 });
  }

  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/**
 * `x · Φ(x)`, Φ being the distribution function of the normal distribution.
 * @see torch.nn.GELU
 */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';

  constructor(options: GELUOptions = {}) {
    checkOptionBag('GELU', options, GELU_OPTIONS);
    super();
    this.approximate = options.approximate ?? 'none';
  }

  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return gelu(x, { approximate: this.approximate });
  }

  override extraRepr(): string {
    return `approximate=${pyString(this.approximate)}`;
  }
}

/**
 * `log(1 + exp(beta · x)) / beta`.
 * @see torch.nn.Softplus
 */
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;

  constructor(options: SoftplusOptions = {}) {
    checkOptionBag('Softplus', options, SOFTPLUS_OPTIONS);
    super();
    this.beta = options.beta ?? 1;
    this.threshold = options.threshold ?? 20;
  }

  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return softplus(x, { beta: this.beta, threshold: this.threshold });
  }

  override extraRepr(): string {
    return `beta=${pyFloatOption(this.beta, 1)}, threshold=${pyFloatOption(this.threshold, 20)}`;
  }
}

/**
 * `1 / (1 + exp(−x))`.
 * @see torch.nn.Sigmoid
 */
export class Sigmoid extends Module {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return x.sigmoid();
  }
}

/**
 * The hyperbolic tangent.
 * @see torch.nn.Tanh
 */
export class Tanh extends Module {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return x.tanh();
  }
}

/**
 * `log(sigmoid(x))`.
 * @see torch.nn.LogSigmoid
 */
export class LogSigmoid extends Module {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return logsigmoid(x);
  }
}

/**
 * `x / (1 + |x|)`.
 * @see torch.nn.Softsign
 */
export class Softsign extends Module {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return softsign(x);
  }
}
