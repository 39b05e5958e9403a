import { ops, TorchError, type Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { pair, type Pair } from './pair.js';

/** Options of the pooling functions; pixels. */
export interface MaxPool2dFunctionOptions {
  readonly kernelSize: Pair;
  /** Default `kernelSize`. */
  readonly stride?: Pair | null;
  readonly padding?: Pair;
  readonly dilation?: Pair;
  /** Round the output size up instead of down; default false. */
  readonly ceilMode?: boolean;
}

export const MAX_POOL_OPTIONS: OptionNames<MaxPool2dFunctionOptions> = {
  kernelSize: true,
  stride: false,
  padding: false,
  dilation: false,
  ceilMode: false,
};

/**
 * The largest value of each window.
 * @param x `[N, C, H, W]` or `[C, H, W]`.
 * @returns new `[N, C, H', W']`, owned by the current scope.
 * @see torch.nn.functional.max_pool2d
 */
export function maxPool2d(x: Tensor, options: MaxPool2dFunctionOptions): Tensor {
  checkOptionBag('maxPool2d', options, MAX_POOL_OPTIONS);
  const { kernelSize, stride = null, padding = 0, dilation = 1, ceilMode = false } = options;
  return ops.maxPool2d(x, pair(kernelSize), pair(stride ?? kernelSize), pair(padding), pair(dilation), ceilMode);
}

/** Options of {@link avgPool2d}; pixels. */
export interface AvgPool2dFunctionOptions extends Omit<MaxPool2dFunctionOptions, 'dilation'> {
  /** Count the zeros of the padding in the mean; default true. */
  readonly countIncludePad?: boolean;
  /** Divide by this instead of the size of the window. */
  readonly divisorOverride?: number | null;
}

export const AVG_POOL_OPTIONS: OptionNames<AvgPool2dFunctionOptions> = {
  kernelSize: true,
  stride: false,
  padding: false,
  ceilMode: false,
  countIncludePad: false,
  divisorOverride: false,
};

/**
 * The mean of each window.
 * @param x `[N, C, H, W]` or `[C, H, W]`.
 * @returns new `[N, C, H', W']`, owned by the current scope.
 * @see torch.nn.functional.avg_pool2d
 */
export function avgPool2d(x: Tensor, options: AvgPool2dFunctionOptions): Tensor {
  checkOptionBag('avgPool2d', options, AVG_POOL_OPTIONS);
  const { kernelSize, stride = null, padding = 0, ceilMode = false, countIncludePad = true } = options;
  return ops.avgPool2d(
    x,
    pair(kernelSize),
    pair(stride ?? kernelSize),
    pair(padding),
    ceilMode,
    countIncludePad,
    options.divisorOverride ?? null,
  );
}

/** A size, or null for the input's own. */
export type OutputSize = number | readonly [number | null, number | null];

/**
 * The mean over a grid of `size` cells, whatever the size of the input.
 * @param x `[N, C, H, W]` or `[C, H, W]`.
 * @returns new `[N, C, H', W']`, owned by the current scope.
 * @see torch.nn.functional.adaptive_avg_pool2d
 */
export function adaptiveAvgPool2d(x: Tensor, size: OutputSize): Tensor {
  if (typeof size === 'number') return ops.adaptiveAvgPool2d(x, [size, size]);
  checkOutputSize(size);
  const [height, width] = x.shape.slice(-2);
  if (x.ndim <= 2 || height === undefined || width === undefined) {
    throw new TorchError('value', 'Input dimension should be at least 3');
  }
  return ops.adaptiveAvgPool2d(x, [size[0] ?? height, size[1] ?? width]);
}

/** What callers without types may get wrong. @throws TorchError `type`. */
export function checkOutputSize(size: unknown): void {
  const isSize = (value: unknown): boolean => value === null || typeof value === 'number';
  if (typeof size === 'number' || (Array.isArray(size) && size.length === 2 && size.every(isSize))) return;
  const got = Array.isArray(size) ? `${size.length} values` : size === null ? 'null' : typeof size;
  throw new TorchError('type', `expected an output size, a number or [height, width], but got ${got}`);
}
