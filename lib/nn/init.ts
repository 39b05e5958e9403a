import { noGrad, TorchError, type Generator, type Tensor } from '../tensor/index.js';

/** Which count of a weight's connections keeps its variance: those that come in or those that go out. */
export type FanMode = 'fan_in' | 'fan_out';

/** The functions {@link calculateGain} knows. */
export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'conv_transpose1d'
  | 'conv_transpose2d'
  | 'conv_transpose3d'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leaky_relu'
  | 'selu';

/** What the kaiming initialisers take; the defaults are PyTorch's. */
export interface KaimingOptions {
  /** Negative slope of the leaky ReLU that follows; default 0. */
  readonly a?: number;
  /** Default `fan_in`. */
  readonly mode?: FanMode;
  /** Default `leaky_relu`. */
  readonly nonlinearity?: Nonlinearity;
  /** Source of the draws; default the process-wide generator. */
  readonly generator?: Generator | null;
}

const GAIN_ONE = new Set<string>([
  'linear',
  'conv1d',
  'conv2d',
  'conv3d',
  'conv_transpose1d',
  'conv_transpose2d',
  'conv_transpose3d',
  'sigmoid',
]);

/**
 * The factor by which a nonlinearity's weights are scaled.
 * @param parameter negative slope, for `leaky_relu` only; default 0.01.
 * @throws TorchError `value` for an unknown nonlinearity.
 * @see torch.nn.init.calculate_gain
 */
export function calculateGain(nonlinearity: Nonlinearity, parameter: number | null = null): number {
  if (GAIN_ONE.has(nonlinearity)) return 1;
  switch (nonlinearity) {
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.sqrt(2);
    case 'leaky_relu': {
      const slope = parameter ?? 0.01;
      if (typeof slope !== 'number')
        throw new TorchError('value', `negative_slope ${String(slope)} not a valid number`);
      return Math.sqrt(2 / (1 + slope * slope));
    }
    case 'selu':
      return 3 / 4;
    default:
      throw new TorchError('value', `Unsupported nonlinearity ${nonlinearity}`);
  }
}

/**
 * Fan in and fan out of a weight of shape `[out, in, ...kernel]`.
 * @throws TorchError `value` below two dimensions.
 */
export function calculateFans(weight: Tensor): { fanIn: number; fanOut: number } {
  const [outputs, inputs, ...kernel] = weight.shape;
  if (outputs === undefined || inputs === undefined) {
    throw new TorchError('value', 'Fan in and fan out can not be computed for tensor with fewer than 2 dimensions');
  }
  const field = kernel.reduce((product, size) => product * size, 1);
  return { fanIn: inputs * field, fanOut: outputs * field };
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

function isEmpty(weight: Tensor): boolean {
  if (!weight.shape.includes(0)) return false;
  process.emitWarning('Initializing zero-element tensors is a no-op');
  return true;
}

/**
 * Fills `weight` in place from a uniform distribution, bounds `±gain·sqrt(3/fan)`.
 * @param weight `[out, in, ...kernel]`, floating point.
 * @returns `weight`.
 * @see torch.nn.init.kaiming_uniform_
 */
export function kaimingUniform_<T extends Tensor>(weight: T, options: KaimingOptions = {}): T {
  if (isEmpty(weight)) return weight;
  const bound = Math.sqrt(3) * kaimingStd(weight, options);
  return uniform_(weight, -bound, bound, options.generator);
}

/**
 * Fills `weight` in place from a normal distribution of mean 0 and standard deviation `gain/sqrt(fan)`.
 * @param weight `[out, in, ...kernel]`, floating point.
 * @returns `weight`.
 * @see torch.nn.init.kaiming_normal_
 */
export function kaimingNormal_<T extends Tensor>(weight: T, options: KaimingOptions = {}): T {
  if (isEmpty(weight)) return weight;
  return normal_(weight, 0, kaimingStd(weight, options), options.generator);
}

/** Fills `target` in place from the uniform distribution over `[from, to)`; no autograd. Returns `target`. */
export function uniform_<T extends Tensor>(target: T, from = 0, to = 1, generator: Generator | null = null): T {
  noGrad(() => target.uniform_(from, to, { generator }));
  return target;
}

/** Fills `target` in place from the normal distribution; no autograd. Returns `target`. */
export function normal_<T extends Tensor>(target: T, mean = 0, std = 1, generator: Generator | null = null): T {
  noGrad(() => target.normal_(mean, std, { generator }));
  return target;
}

/** Sets every element of `target` to `value`; no autograd. Returns `target`. */
export function constant_<T extends Tensor>(target: T, value: number): T {
  noGrad(() => target.fill_(value));
  return target;
}

/** Sets every element of `target` to 1; no autograd. Returns `target`. */
export function ones_<T extends Tensor>(target: T): T {
  return constant_(target, 1);
}

/** Sets every element of `target` to 0; no autograd. Returns `target`. */
export function zeros_<T extends Tensor>(target: T): T {
  noGrad(() => target.zero_());
  return target;
}
