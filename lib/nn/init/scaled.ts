import { TorchError, type Tensor } from '../../tensor/index.js';
import { checkOptionNames, type OptionNames } from '../../tensor/option-bag.js';
import { calculateFans, calculateGain, type FanMode, type Nonlinearity } from './fans.js';
import { normal_, uniform_, type DrawOptions } from './fill.js';

/** What the kaiming initialisers take; the defaults are PyTorch's. */
export interface KaimingOptions extends DrawOptions {
  /** Negative slope of the leaky ReLU that follows; default 0. */
  readonly a?: number;
  /** Default `fan_in`. */
  readonly mode?: FanMode;
  /** Default `leaky_relu`. */
  readonly nonlinearity?: Nonlinearity;
}

const KAIMING_OPTIONS: OptionNames<KaimingOptions> = { a: false, mode: false, nonlinearity: false, generator: false };

/** What the xavier initialisers take. */
export interface XavierOptions extends DrawOptions {
  /** A factor, default 1. */
  readonly gain?: number;
}

const XAVIER_OPTIONS: OptionNames<XavierOptions> = { gain: false, generator: false };

/**
 * Fills `weight` in place from a uniform distribution, bounds `±gain·sqrt(3/fan)`.
 * @param weight `[out, in, ...kernel]`, floating point.
 * @returns `weight`.
 * @see torch.nn.init.kaiming_uniform_
 */
export function kaimingUniform_<T extends Tensor>(weight: T, options: KaimingOptions = {}): T {
  checkOptionNames('kaimingUniform_', options, KAIMING_OPTIONS);
  if (isEmpty(weight)) return weight;
  const bound = Math.sqrt(3) * kaimingStd(weight, options);
  return uniform_(weight, -bound, bound, drawn(options));
}

/**
 * Fills `weight` in place from a normal distribution of mean 0 and standard deviation `gain/sqrt(fan)`.
 * @param weight `[out, in, ...kernel]`, floating point.
 * @returns `weight`.
 * @see torch.nn.init.kaiming_normal_
 */
export function kaimingNormal_<T extends Tensor>(weight: T, options: KaimingOptions = {}): T {
  checkOptionNames('kaimingNormal_', options, KAIMING_OPTIONS);
  if (isEmpty(weight)) return weight;
  return normal_(weight, 0, kaimingStd(weight, options), drawn(options));
}

/**
 * Fills `weight` in place from a uniform distribution, bounds `±gain·sqrt(6/(fanIn + fanOut))`.
 * @param weight `[out, in, ...kernel]`, floating point.
 * @returns `weight`.
 * @see torch.nn.init.xavier_uniform_
 */
export function xavierUniform_<T extends Tensor>(weight: T, options: XavierOptions = {}): T {
  checkOptionNames('xavierUniform_', options, XAVIER_OPTIONS);
  const bound = Math.sqrt(3) * xavierStd(weight, options);
  return uniform_(weight, -bound, bound, drawn(options));
}

/**
 * Fills `weight` in place from a normal distribution of mean 0 and standard deviation `gain·sqrt(2/(fanIn + fanOut))`.
 * @param weight `[out, in, ...kernel]`, floating point.
 * @returns `weight`.
 * @see torch.nn.init.xavier_normal_
 */
export function xavierNormal_<T extends Tensor>(weight: T, options: XavierOptions = {}): T {
  checkOptionNames('xavierNormal_', options, XAVIER_OPTIONS);
  return normal_(weight, 0, xavierStd(weight, options), drawn(options));
}

function fanOf(weight: Tensor, mode: string): number {
  if (mode !== 'fan_in' && mode !== 'fan_out') {
    throw new TorchError('value', `Mode ${mode} not supported, please use one of ['fan_in', 'fan_out']`);
  }
  const { fanIn, fanOut } = calculateFans(weight);
  return mode === 'fan_in' ? fanIn : fanOut;
}

function kaimingStd(weight: Tensor, options: KaimingOptions): number {
  const fan = fanOf(weight, options.mode ?? 'fan_in');
  return calculateGain(options.nonlinearity ?? 'leaky_relu', options.a ?? 0) / Math.sqrt(fan);
}

function xavierStd(weight: Tensor, { gain = 1 }: XavierOptions): number {
  const { fanIn, fanOut } = calculateFans(weight);
  if (fanIn + fanOut === 0) throw new TorchError('value', 'float division by zero');
  return gain * Math.sqrt(2 / (fanIn + fanOut));
}

function isEmpty(weight: Tensor): boolean {
  if (!weight.shape.includes(0)) return false;
  process.emitWarning('Initializing zero-element tensors is a no-op');
  return true;
}

function drawn({ generator = null }: DrawOptions): DrawOptions {
  return { generator };
}
