import { TorchError, type Tensor } from '../../tensor/index.js';
import { pyPow } from '../../tensor/python-float.js';

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
      return Math.sqrt(2 / (1 + pyPow(slope, 2)));
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
