import { float, ops, scope, type Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { sizes, type Dimensions, type Pair, type Single, type SizesOrOne, type Triple } from './pair.js';

/** Options of the max pooling functions, for sizes of their number of dimensions. */
export interface MaxPoolOptions<Size> {
  readonly kernelSize: Size;
  /** Default `kernelSize`. */
  readonly stride?: Size | null;
  readonly padding?: Size;
  readonly dilation?: Size;
  /** Round the output size up instead of down; default false. */
  readonly ceilMode?: boolean;
}

/** Options of {@link maxPool1d}. */
export type MaxPool1dFunctionOptions = MaxPoolOptions<Single>;
/** Options of {@link maxPool2d}; pixels. */
export type MaxPool2dFunctionOptions = MaxPoolOptions<Pair>;
/** Options of {@link maxPool3d}. */
export type MaxPool3dFunctionOptions = MaxPoolOptions<Triple>;

export const MAX_POOL_OPTIONS: OptionNames<MaxPoolOptions<unknown>> = {
  kernelSize: true,
  stride: false,
  padding: false,
  dilation: false,
  ceilMode: false,
};

type MaxPoolArguments = readonly [number[], number[], number[], number[], boolean];

function maxPoolArguments<D extends Dimensions>(
  dimensions: D,
  name: string,
  options: MaxPoolOptions<SizesOrOne<D>>,
): MaxPoolArguments {
  checkOptionBag(name, options, MAX_POOL_OPTIONS);
  const { kernelSize, stride, padding = 0, dilation = 1, ceilMode = false } = options;
  const all = (value: SizesOrOne<D>): number[] => sizes(dimensions, value);
  return [all(kernelSize), all(stride ?? kernelSize), all(padding), all(dilation), ceilMode];
}

/**
 * The largest value of each window.
 * @param x `[N, C, L]` or `[C, L]`.
 * @returns new `[N, C, L']`, owned by the current scope.
 * @see torch.nn.functional.max_pool1d
 */
export function maxPool1d(x: Tensor, options: MaxPool1dFunctionOptions): Tensor {
  return ops.maxPool1d(x, ...maxPoolArguments(1, 'maxPool1d', options));
}

/**
 * The largest value of each window.
 * @param x `[N, C, H, W]` or `[C, H, W]`.
 * @returns new `[N, C, H', W']`, owned by the current scope.
 * @see torch.nn.functional.max_pool2d
 */
export function maxPool2d(x: Tensor, options: MaxPool2dFunctionOptions): Tensor {
  return ops.maxPool2d(x, ...maxPoolArguments(2, 'maxPool2d', options));
}

/**
 * The largest value of each window.
 * @param x `[N, C, D, H, W]` or `[C, D, H, W]`.
 * @returns new `[N, C, D', H', W']`, owned by the current scope.
 * @see torch.nn.functional.max_pool3d
 */
export function maxPool3d(x: Tensor, options: MaxPool3dFunctionOptions): Tensor {
  return ops.maxPool3d(x, ...maxPoolArguments(3, 'maxPool3d', options));
}

/** {@link maxPool1d}, and where in `L` each value was, int64. @see torch.nn.functional.max_pool1d_with_indices */
export function maxPool1dWithIndices(x: Tensor, options: MaxPool1dFunctionOptions): [Tensor, Tensor] {
  return ops.maxPool1dWithIndices(x, ...maxPoolArguments(1, 'maxPool1dWithIndices', options));
}

/** {@link maxPool2d}, and where in `H·W` each value was, int64. @see torch.nn.functional.max_pool2d_with_indices */
export function maxPool2dWithIndices(x: Tensor, options: MaxPool2dFunctionOptions): [Tensor, Tensor] {
  return ops.maxPool2dWithIndices(x, ...maxPoolArguments(2, 'maxPool2dWithIndices', options));
}

/** {@link maxPool3d}, and where in `D·H·W` each value was, int64. @see torch.nn.functional.max_pool3d_with_indices */
export function maxPool3dWithIndices(x: Tensor, options: MaxPool3dFunctionOptions): [Tensor, Tensor] {
  return ops.maxPool3dWithIndices(x, ...maxPoolArguments(3, 'maxPool3dWithIndices', options));
}

/** Options of {@link avgPool1d}. */
export interface AvgPool1dFunctionOptions extends Omit<MaxPoolOptions<Single>, 'dilation'> {
  /** Count the zeros of the padding in the mean; default true. */
  readonly countIncludePad?: boolean;
}

/** Options of {@link avgPool2d} and {@link avgPool3d}, for sizes of their number of dimensions. */
export interface AvgPoolOptions<Size> extends Omit<MaxPoolOptions<Size>, 'dilation'> {
  /** Count the zeros of the padding in the mean; default true. */
  readonly countIncludePad?: boolean;
  /** Divide by this instead of the size of the window. */
  readonly divisorOverride?: number | null;
}

/** Options of {@link avgPool2d}; pixels. */
export type AvgPool2dFunctionOptions = AvgPoolOptions<Pair>;
/** Options of {@link avgPool3d}. */
export type AvgPool3dFunctionOptions = AvgPoolOptions<Triple>;

export const AVG_POOL1D_OPTIONS: OptionNames<AvgPool1dFunctionOptions> = {
  kernelSize: true,
  stride: false,
  padding: false,
  ceilMode: false,
  countIncludePad: false,
};

export const AVG_POOL_OPTIONS: OptionNames<AvgPoolOptions<unknown>> = { ...AVG_POOL1D_OPTIONS, divisorOverride: false };

/**
 * The mean of each window.
 * @param x `[N, C, L]` or `[C, L]`.
 * @returns new `[N, C, L']`, owned by the current scope.
 * @see torch.nn.functional.avg_pool1d
 */
export function avgPool1d(x: Tensor, options: AvgPool1dFunctionOptions): Tensor {
  checkOptionBag('avgPool1d', options, AVG_POOL1D_OPTIONS);
  const { kernelSize, stride, padding = 0, ceilMode = false, countIncludePad = true } = options;
  return ops.avgPool1d(
    x,
    sizes(1, kernelSize),
    sizes(1, stride ?? kernelSize),
    sizes(1, padding),
    ceilMode,
    countIncludePad,
  );
}

type AvgPoolArguments = readonly [number[], number[], number[], boolean, boolean, number | null];

function avgPoolArguments<D extends Dimensions>(
  dimensions: D,
  name: string,
  options: AvgPoolOptions<SizesOrOne<D>>,
): AvgPoolArguments {
  checkOptionBag(name, options, AVG_POOL_OPTIONS);
  const { kernelSize, stride, padding = 0, ceilMode = false, countIncludePad = true, divisorOverride = null } = options;
  const all = (value: SizesOrOne<D>): number[] => sizes(dimensions, value);
  return [all(kernelSize), all(stride ?? kernelSize), all(padding), ceilMode, countIncludePad, divisorOverride];
}

/**
 * The mean of each window.
 * @param x `[N, C, H, W]` or `[C, H, W]`.
 * @returns new `[N, C, H', W']`, owned by the current scope.
 * @see torch.nn.functional.avg_pool2d
 */
export function avgPool2d(x: Tensor, options: AvgPool2dFunctionOptions): Tensor {
  return ops.avgPool2d(x, ...avgPoolArguments(2, 'avgPool2d', options));
}

/**
 * The mean of each window.
 * @param x `[N, C, D, H, W]` or `[C, D, H, W]`.
 * @returns new `[N, C, D', H', W']`, owned by the current scope.
 * @see torch.nn.functional.avg_pool3d
 */
export function avgPool3d(x: Tensor, options: AvgPool3dFunctionOptions): Tensor {
  return ops.avgPool3d(x, ...avgPoolArguments(3, 'avgPool3d', options));
}

/** Options of the power-average pooling functions, for sizes of their number of dimensions. */
export interface LPPoolOptions<Size> {
  /** The power; `Infinity` takes the largest absolute value of each window. */
  readonly normType: number;
  readonly kernelSize: Size;
  /** Default `kernelSize`. */
  readonly stride?: Size | null;
  /** Round the output size up instead of down; default false. */
  readonly ceilMode?: boolean;
}

export const LP_POOL_OPTIONS: OptionNames<LPPoolOptions<unknown>> = {
  normType: true,
  kernelSize: true,
  stride: false,
  ceilMode: false,
};

function lpPool<D extends Dimensions>(
  dimensions: D,
  x: Tensor,
  options: LPPoolOptions<SizesOrOne<D>>,
  pool: { max(x: Tensor, options: object): Tensor; mean(x: Tensor, options: object): Tensor },
): Tensor {
  checkOptionBag(`lpPool${dimensions}d`, options, LP_POOL_OPTIONS);
  const { normType, kernelSize, stride = null, ceilMode = false } = options;
  const window = { kernelSize, stride, ceilMode };
  return scope(() => {
    if (normType === Infinity) return pool.max(x.abs(), window);
    if (normType === -Infinity) return pool.max(x.abs().neg(), window).neg();
    const mean = pool.mean(x.pow(float(normType)), window);
    const elements = sizes(dimensions, kernelSize).reduce((product: number, size: number) => product * size, 1);
    return mean
      .sign()
      .mul(mean.abs().relu())
      .mul(elements)
      .pow(float(1 / normType));
  });
}

/**
 * The `p`-norm of each window: `(sum of x^p)^(1/p)`.
 * @param x `[N, C, L]` or `[C, L]`.
 * @returns new `[N, C, L']`, owned by the current scope.
 * @see torch.nn.functional.lp_pool1d
 */
export function lpPool1d(x: Tensor, options: LPPoolOptions<Single>): Tensor {
  return lpPool(1, x, options, { max: maxPool1d, mean: avgPool1d });
}

/**
 * The `p`-norm of each window: `(sum of x^p)^(1/p)`.
 * @param x `[N, C, H, W]` or `[C, H, W]`.
 * @returns new `[N, C, H', W']`, owned by the current scope.
 * @see torch.nn.functional.lp_pool2d
 */
export function lpPool2d(x: Tensor, options: LPPoolOptions<Pair>): Tensor {
  return lpPool(2, x, options, { max: maxPool2d, mean: avgPool2d });
}

/**
 * The `p`-norm of each window: `(sum of x^p)^(1/p)`.
 * @param x `[N, C, D, H, W]` or `[C, D, H, W]`.
 * @returns new `[N, C, D', H', W']`, owned by the current scope.
 * @see torch.nn.functional.lp_pool3d
 */
export function lpPool3d(x: Tensor, options: LPPoolOptions<Triple>): Tensor {
  return lpPool(3, x, options, { max: maxPool3d, mean: avgPool3d });
}
