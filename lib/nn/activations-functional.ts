import { ops, scope, TorchError, type Tensor } from '../tensor/index.js';
import { checkOptionNames, type OptionNames } from '../tensor/option-bag.js';
import { replaceBy } from './intermediate.js';

/** What the activations that can change their input take. */
export interface InplaceOptions {
  /** Change the input and return it; default false. */
  readonly inplace?: boolean;
}

export const INPLACE: OptionNames<InplaceOptions> = { inplace: false };

/**
 * `max(x, 0)`.
 * @returns with `inplace` the very same object, else a new tensor owned by the current scope.
 * @see torch.nn.functional.relu
 */
export function relu(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkOptionNames('relu', options, INPLACE);
  return options.inplace === true ? x.relu_() : x.relu();
}

/**
 * `min(max(x, 0), 6)`.
 * @returns with `inplace` the very same object, else a new tensor owned by the current scope.
 * @see torch.nn.functional.relu6
 */
export function relu6(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkOptionNames('relu6', options, INPLACE);
  return options.inplace === true ? ops.relu6_(x) : ops.relu6(x);
}

/** Options of {@link hardtanh}. */
export interface HardtanhOptions extends InplaceOptions {
  /** Default −1. */
  readonly minVal?: number;
  /** Default 1. */
  readonly maxVal?: number;
}

export const HARDTANH_OPTIONS: OptionNames<HardtanhOptions> = { ...INPLACE, minVal: false, maxVal: false };

/**
 * `min(max(x, minVal), maxVal)`.
 * @returns with `inplace` the very same object, else a new tensor owned by the current scope.
 * @throws TorchError `value` for a `minVal` above `maxVal`.
 * @see torch.nn.functional.hardtanh
 */
export function hardtanh(x: Tensor, options: HardtanhOptions = {}): Tensor {
  checkOptionNames('hardtanh', options, HARDTANH_OPTIONS);
  const { minVal = -1, maxVal = 1, inplace = false } = options;
  if (minVal > maxVal) throw new TorchError('value', 'min_val cannot be greater than max_val');
  return inplace ? ops.hardtanh_(x, minVal, maxVal) : ops.hardtanh(x, minVal, maxVal);
}

/** Options of {@link elu} and {@link celu}. */
export interface ELUOptions extends InplaceOptions {
  /** Minus the value far below 0; default 1. */
  readonly alpha?: number;
}

export const ELU_OPTIONS: OptionNames<ELUOptions> = { ...INPLACE, alpha: false };

/**
 * `x` above 0, else `alpha · (exp(x) − 1)`.
 * @returns with `inplace` the very same object, else a new tensor owned by the current scope.
 * @see torch.nn.functional.elu
 */
export function elu(x: Tensor, options: ELUOptions = {}): Tensor {
  checkOptionNames('elu', options, ELU_OPTIONS);
  const { alpha = 1, inplace = false } = options;
  return inplace ? ops.elu_(x, alpha) : ops.elu(x, alpha);
}

/**
 * `max(x, 0) + min(alpha · (exp(x / alpha) − 1), 0)`.
 * @returns with `inplace` the very same object, else a new tensor owned by the current scope.
 * @see torch.nn.functional.celu
 */
export function celu(x: Tensor, options: ELUOptions = {}): Tensor {
  checkOptionNames('celu', options, ELU_OPTIONS);
  const { alpha = 1, inplace = false } = options;
  return inplace ? ops.celu_(x, alpha) : ops.celu(x, alpha);
}

/**
 * {@link elu} with the scales that keep mean 0 and variance 1.
 * @returns with `inplace` the very same object, else a new tensor owned by the current scope.
 * @see torch.nn.functional.selu
 */
export function selu(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkOptionNames('selu', options, INPLACE);
  return options.inplace === true ? ops.selu_(x) : ops.selu(x);
}

/** Options of {@link leakyRelu}. */
export interface LeakyReLUOptions extends InplaceOptions {
  /** Factor below 0; default 0.01. */
  readonly negativeSlope?: number;
}

export const LEAKY_RELU_OPTIONS: OptionNames<LeakyReLUOptions> = { ...INPLACE, negativeSlope: false };

/**
 * `x` above 0, else `negativeSlope · x`.
 * @returns with `inplace` the very same object, else a new tensor owned by the current scope.
 * @see torch.nn.functional.leaky_relu
 */
export function leakyRelu(x: Tensor, options: LeakyReLUOptions = {}): Tensor {
  checkOptionNames('leakyRelu', options, LEAKY_RELU_OPTIONS);
  const { negativeSlope = 0.01, inplace = false } = options;
  return inplace ? ops.leakyRelu_(x, negativeSlope) : ops.leakyRelu(x, negativeSlope);
}

/**
 * `x` above 0, else `weight · x`.
 * @param x `[N, C, ...]`.
 * @param weight `[1]`, or `[C]` for a slope of each channel.
 * @returns new tensor, owned by the current scope.
 * @see torch.nn.functional.prelu
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  return ops.prelu(x, weight);
}

/** Options of {@link gelu}. */
export interface GELUOptions {
  /** `tanh` for the approximation by it; default `none`. */
  readonly approximate?: 'none' | 'tanh';
}

export const GELU_OPTIONS: OptionNames<GELUOptions> = { approximate: false };

/**
 * `x · Φ(x)`, Φ being the distribution function of the normal distribution.
 * @returns new tensor, owned by the current scope.
 * @throws TorchError for another `approximate`.
 * @see torch.nn.functional.gelu
 */
export function gelu(x: Tensor, options: GELUOptions = {}): Tensor {
  checkOptionNames('gelu', options, GELU_OPTIONS);
  return ops.gelu(x, { approximate: options.approximate ?? 'none' });
}

/** Options of {@link softplus}. */
export interface SoftplusOptions {
  /** Default 1. */
  readonly beta?: number;
  /** Above this `beta · x` the result is `x`; default 20. */
  readonly threshold?: number;
}

export const SOFTPLUS_OPTIONS: OptionNames<SoftplusOptions> = { beta: false, threshold: false };

/**
 * `log(1 + exp(beta · x)) / beta`.
 * @returns new tensor, owned by the current scope.
 * @see torch.nn.functional.softplus
 */
export function softplus(x: Tensor, options: SoftplusOptions = {}): Tensor {
  checkOptionNames('softplus', options, SOFTPLUS_OPTIONS);
  return ops.softplus(x, options.beta ?? 1, options.threshold ?? 20);
}

/** `x / (1 + |x|)`, a new tensor owned by the current scope. @see torch.nn.functional.softsign */
export function softsign(x: Tensor): Tensor {
  return scope(() => {
    const magnitude = x.abs();
    const divisor = replaceBy(magnitude, magnitude.add(1));
    return x.div(divisor);
  });
}

/**
 * `x · sigmoid(x)`.
 * @returns with `inplace` the very same object, else a new tensor owned by the current scope.
 * @see torch.nn.functional.silu
 */
export function silu(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkOptionNames('silu', options, INPLACE);
  return options.inplace === true ? ops.silu_(x) : ops.silu(x);
}

/**
 * `x · tanh(softplus(x))`.
 * @returns with `inplace` the very same object, else a new tensor owned by the current scope.
 * @see torch.nn.functional.mish
 */
export function mish(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkOptionNames('mish', options, INPLACE);
  return options.inplace === true ? ops.mish_(x) : ops.mish(x);
}

/**
 * `relu6(x + 3) / 6`.
 * @returns with `inplace` the very same object, else a new tensor owned by the current scope.
 * @see torch.nn.functional.hardsigmoid
 */
export function hardsigmoid(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkOptionNames('hardsigmoid', options, INPLACE);
  return options.inplace === true ? ops.hardsigmoid_(x) : ops.hardsigmoid(x);
}

/**
 * `x · relu6(x + 3) / 6`.
 * @returns with `inplace` the very same object, else a new tensor owned by the current scope.
 * @see torch.nn.functional.hardswish
 */
export function hardswish(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkOptionNames('hardswish', options, INPLACE);
  return options.inplace === true ? ops.hardswish_(x) : ops.hardswish(x);
}

/** `log(sigmoid(x))`, a new tensor owned by the current scope. @see torch.nn.functional.logsigmoid */
export function logsigmoid(x: Tensor): Tensor {
  return ops.logSigmoid(x);
}

/** `1 / (1 + exp(−x))`, a new tensor owned by the current scope. @see torch.nn.functional.sigmoid */
export function sigmoid(x: Tensor): Tensor {
  return x.sigmoid();
}

/** The hyperbolic tangent, a new tensor owned by the current scope. @see torch.nn.functional.tanh */
export function tanh(x: Tensor): Tensor {
  return x.tanh();
}
