import { ops, type Tensor } from '../tensor/index.js';
import { checkOptionNames, type OptionNames } from '../tensor/option-bag.js';
import { sizes, type Dimensions, type Pair, type Single, type SizesOrOne, type Triple } from './pair.js';

/** Options of {@link conv1d}, {@link conv2d} and {@link conv3d}, for sizes of their number of dimensions. */
export interface ConvFunctionOptions<Size> {
  /** `[Cout]`. */
  readonly bias?: Tensor | null;
  /** Default 1. */
  readonly stride?: Size;
  /** A border of zeros on all sides, or `same` for an output of the input's size; default 0. */
  readonly padding?: Size | 'same' | 'valid';
  /** Distance between the points of the kernel; default 1. */
  readonly dilation?: Size;
  /** Default 1. */
  readonly groups?: number;
}

/** Options of {@link conv1d}. */
export type Conv1dFunctionOptions = ConvFunctionOptions<Single>;
/** Options of {@link conv2d}; pixels. */
export type Conv2dFunctionOptions = ConvFunctionOptions<Pair>;
/** Options of {@link conv3d}. */
export type Conv3dFunctionOptions = ConvFunctionOptions<Triple>;

const CONV_OPTIONS: OptionNames<ConvFunctionOptions<unknown>> = {
  bias: false,
  stride: false,
  padding: false,
  dilation: false,
  groups: false,
};

/**
 * 1-D cross-correlation.
 * @param x `[N, Cin, L]` or `[Cin, L]`, floating point or complex.
 * @param weight `[Cout, Cin/groups, kL]`, dtype and device of `x`.
 * @returns new `[N, Cout, L']`, owned by the current scope.
 * @see torch.nn.functional.conv1d
 */
export function conv1d(x: Tensor, weight: Tensor, options: Conv1dFunctionOptions = {}): Tensor {
  checkOptionNames('conv1d', options, CONV_OPTIONS);
  const { bias = null, stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  // Two overloads of one operator: the border as a word, or in elements.
  const border = typeof padding === 'string' ? padding : sizes(1, padding);
  return ops.conv1d(x, weight, bias, sizes(1, stride), border as [number], sizes(1, dilation), groups);
}

/**
 * 2-D cross-correlation.
 * @param x `[N, Cin, H, W]` or `[Cin, H, W]`, floating point or complex.
 * @param weight `[Cout, Cin/groups, kH, kW]`, dtype and device of `x`.
 * @returns new `[N, Cout, H', W']`, owned by the current scope.
 * @see torch.nn.functional.conv2d
 */
export function conv2d(x: Tensor, weight: Tensor, options: Conv2dFunctionOptions = {}): Tensor {
  checkOptionNames('conv2d', options, CONV_OPTIONS);
  const { bias = null, stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  const border = typeof padding === 'string' ? padding : sizes(2, padding);
  return ops.conv2d(x, weight, bias, sizes(2, stride), border as [number, number], sizes(2, dilation), groups);
}

/**
 * 3-D cross-correlation.
 * @param x `[N, Cin, D, H, W]` or `[Cin, D, H, W]`, floating point or complex.
 * @param weight `[Cout, Cin/groups, kD, kH, kW]`, dtype and device of `x`.
 * @returns new `[N, Cout, D', H', W']`, owned by the current scope.
 * @see torch.nn.functional.conv3d
 */
export function conv3d(x: Tensor, weight: Tensor, options: Conv3dFunctionOptions = {}): Tensor {
  checkOptionNames('conv3d', options, CONV_OPTIONS);
  const { bias = null, stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  const border = typeof padding === 'string' ? padding : sizes(3, padding);
  return ops.conv3d(x, weight, bias, sizes(3, stride), border as [number, number, number], sizes(3, dilation), groups);
}

/** Options of {@link convTranspose1d}, {@link convTranspose2d} and {@link convTranspose3d}. */
export interface ConvTransposeFunctionOptions<Size> extends Omit<ConvFunctionOptions<Size>, 'padding'> {
  /** How much of the border of the output is cut off (as if the convolution of the other way had had a border); default 0. */
  readonly padding?: Size;
  /** Added to the size of the output at its end, where several sizes would lead back to the input's; default 0. */
  readonly outputPadding?: Size;
}

/** Options of {@link convTranspose1d}. */
export type ConvTranspose1dFunctionOptions = ConvTransposeFunctionOptions<Single>;
/** Options of {@link convTranspose2d}; pixels. */
export type ConvTranspose2dFunctionOptions = ConvTransposeFunctionOptions<Pair>;
/** Options of {@link convTranspose3d}. */
export type ConvTranspose3dFunctionOptions = ConvTransposeFunctionOptions<Triple>;

const TRANSPOSE_OPTIONS: OptionNames<ConvTransposeFunctionOptions<unknown>> = { ...CONV_OPTIONS, outputPadding: false };

function convTranspose<D extends Dimensions>(
  dimensions: D,
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeFunctionOptions<SizesOrOne<D>>,
): Tensor {
  checkOptionNames(`convTranspose${dimensions}d`, options, TRANSPOSE_OPTIONS);
  const { bias = null, stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups = 1 } = options;
  const all = (value: SizesOrOne<D>): readonly number[] => sizes(dimensions, value);
  const given = [x, weight, bias, all(stride), all(padding), all(outputPadding), groups, all(dilation)] as const;
  if (dimensions === 1) return ops.convTranspose1d(...given);
  return dimensions === 2 ? ops.convTranspose2d(...given) : ops.convTranspose3d(...given);
}

/**
 * What leads from the output of {@link conv1d} back to the size of its input: its gradient.
 * @param x `[N, Cin, L]` or `[Cin, L]`.
 * @param weight `[Cin, Cout/groups, kL]`, dtype and device of `x`.
 * @returns new `[N, Cout, L']`, owned by the current scope.
 * @see torch.nn.functional.conv_transpose1d
 */
export function convTranspose1d(x: Tensor, weight: Tensor, options: ConvTranspose1dFunctionOptions = {}): Tensor {
  return convTranspose(1, x, weight, options);
}

/**
 * What leads from the output of {@link conv2d} back to the size of its input: its gradient.
 * @param x `[N, Cin, H, W]` or `[Cin, H, W]`.
 * @param weight `[Cin, Cout/groups, kH, kW]`, dtype and device of `x`.
 * @returns new `[N, Cout, H', W']`, owned by the current scope.
 * @see torch.nn.functional.conv_transpose2d
 */
export function convTranspose2d(x: Tensor, weight: Tensor, options: ConvTranspose2dFunctionOptions = {}): Tensor {
  return convTranspose(2, x, weight, options);
}

/**
 * What leads from the output of {@link conv3d} back to the size of its input: its gradient.
 * @param x `[N, Cin, D, H, W]` or `[Cin, D, H, W]`.
 * @param weight `[Cin, Cout/groups, kD, kH, kW]`, dtype and device of `x`.
 * @returns new `[N, Cout, D', H', W']`, owned by the current scope.
 * @see torch.nn.functional.conv_transpose3d
 */
export function convTranspose3d(x: Tensor, weight: Tensor, options: ConvTranspose3dFunctionOptions = {}): Tensor {
  return convTranspose(3, x, weight, options);
}
