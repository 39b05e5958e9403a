import { pyNumber, type DType, type Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { InplaceActivation } from './activations.js';
import {
  celu,
  elu,
  ELU_OPTIONS,
  leakyRelu,
  LEAKY_RELU_OPTIONS,
  prelu,
  selu,
  type ELUOptions,
  type LeakyReLUOptions,
} from './activations-functional.js';
import { constant_ } from './init/index.js';
import { Module } from './module.js';
import { newParameter, type Parameter } from './parameter.js';
import { pyFloatOption } from './python-text.js';

/**
 * ELU with the scales that keep mean 0 and variance 1. With `inplace` it changes its input and returns it.
 * @see torch.nn.SELU
 */
export class SELU extends InplaceActivation {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return selu(x, { inplace: this.inplace });
  }
}

abstract class ELUBase extends Module {
  readonly alpha: number;
  readonly inplace: boolean;

  constructor(options: ELUOptions = {}) {
    checkOptionBag(new.target.name, options, ELU_OPTIONS);
    super();
    this.alpha = options.alpha ?? 1;
    this.inplace = options.inplace ?? false;
  }

  override extraRepr(): string {
    return `alpha=${pyFloatOption(this.alpha, 1)}${this.inplace ? ', inplace=True' : ''}`;
  }
}

/**
 * `x` above 0, else `alpha · (exp(x) − 1)`.
 * @see torch.nn.ELU
 */
export class ELU extends ELUBase {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return elu(x, { alpha: this.alpha, inplace: this.inplace });
  }
}

/**
 * `max(x, 0) + min(alpha · (exp(x / alpha) − 1), 0)`.
 * @see torch.nn.CELU
 */
export class CELU extends ELUBase {
  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return celu(x, { alpha: this.alpha, inplace: this.inplace });
  }
}

/**
 * `x` above 0, else `negativeSlope · x`.
 * @see torch.nn.LeakyReLU
 */
export class LeakyReLU extends Module {
  readonly negativeSlope: number;
  readonly inplace: boolean;

  constructor(options: LeakyReLUOptions = {}) {
    checkOptionBag('LeakyReLU', options, LEAKY_RELU_OPTIONS);
    super();
    this.negativeSlope = options.negativeSlope ?? 0.01;
    this.inplace = options.inplace ?? false;
  }

  /** @param x any shape. */
  forward(x: Tensor): Tensor {
    return leakyRelu(x, { negativeSlope: this.negativeSlope, inplace: this.inplace });
  }

  override extraRepr(): string {
    return `negative_slope=${pyNumber(this.negativeSlope)}${this.inplace ? ', inplace=True' : ''}`;
  }
}

/** Options of {@link PReLU}. */
export interface PReLUOptions {
  /** 1, or the number of channels; default 1. */
  readonly numParameters?: number;
  /** What the slopes start with; default 0.25. */
  readonly init?: number;
  readonly dtype?: DType;
  readonly device?: string;
}

const PRELU_OPTIONS: OptionNames<PReLUOptions> = { numParameters: false, init: false, dtype: false, device: false };

/**
 * {@link LeakyReLU} with a slope that is learnt: one for all of `[N, C, ...]` or one for each channel.
 * @see torch.nn.PReLU
 */
export class PReLU extends Module {
  readonly numParameters: number;
  readonly init: number;
  readonly weight: Parameter;

  constructor(options: PReLUOptions = {}) {
    checkOptionBag('PReLU', options, PRELU_OPTIONS);
    super();
    const { dtype, device } = options;
    this.numParameters = options.numParameters ?? 1;
    this.init = options.init ?? 0.25;
    const place = { ...(dtype !== undefined && { dtype }), ...(device !== undefined && { device }) };
    this.weight = newParameter([this.numParameters], place);
    this.resetParameters();
  }

  /** Sets the slopes to `init`. */
  resetParameters(): void {
    constant_(this.weight, this.init);
  }

  /** @param x `[N, C, ...]`; any shape with one parameter. */
  forward(x: Tensor): Tensor {
    return prelu(x, this.weight);
  }

  override extraRepr(): string {
    return `num_parameters=${this.numParameters}`;
  }
}
