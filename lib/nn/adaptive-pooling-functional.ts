import { ops, TorchError, type Tensor } from '../tensor/index.js';
import type { Dimensions, Single } from './pair.js';

/** A size, or null for the input's own. */
export type OutputSize = number | readonly [number | null, number | null];
/** A size, or null for the input's own. */
export type OutputSize3d = number | readonly [number | null, number | null, number | null];

/** The number of cells for each dimension, those of the input where it says null. */
function cells(dimensions: Dimensions, x: Tensor, size: OutputSize | OutputSize3d): number[] {
  checkOutputSize(size, dimensions);
  if (typeof size === 'number') return new Array<number>(dimensions).fill(size);
  const own = x.shape.slice(-dimensions);
  if (x.ndim <= dimensions) {
    throw new TorchError('value', `Input dimension should be at least ${dimensions + 1}`);
  }
  return own.map((length, dim) => size[dim] ?? length);
}

function cell(size: Single): number {
  checkOutputSize(size, 1);
  return typeof size === 'number' ? size : size[0];
}

/**
 * The mean over a row of `size` cells, whatever the size of the input.
 * @param x `[N, C, L]` or `[C, L]`.
 * @returns new `[N, C, L']`, owned by the current scope.
 * @see torch.nn.functional.adaptive_avg_pool1d
 */
export function adaptiveAvgPool1d(x: Tensor, size: Single): Tensor {
  return ops.adaptiveAvgPool1d(x, [cell(size)]);
}

/**
 * The mean over a grid of `size` cells, whatever the size of the input.
 * @param x `[N, C, H, W]` or `[C, H, W]`.
 * @returns new `[N, C, H', W']`, owned by the current scope.
 * @see torch.nn.functional.adaptive_avg_pool2d
 */
export function adaptiveAvgPool2d(x: Tensor, size: OutputSize): Tensor {
  return ops.adaptiveAvgPool2d(x, cells(2, x, size));
}

/**
 * The mean over a grid of `size` cells, whatever the size of the input.
 * @param x `[N, C, D, H, W]` or `[C, D, H, W]`.
 * @returns new `[N, C, D', H', W']`, owned by the current scope.
 * @see torch.nn.functional.adaptive_avg_pool3d
 */
export function adaptiveAvgPool3d(x: Tensor, size: OutputSize3d): Tensor {
  return ops.adaptiveAvgPool3d(x, cells(3, x, size));
}

/** {@link adaptiveMaxPool1d}, and where in `L` each value was, int64. @see torch.nn.functional.adaptive_max_pool1d_with_indices */
export function adaptiveMaxPool1dWithIndices(x: Tensor, size: Single): [Tensor, Tensor] {
  return ops.adaptiveMaxPool1d(x, [cell(size)]);
}

/** {@link adaptiveMaxPool2d}, and where in `H·W` each value was, int64. @see torch.nn.functional.adaptive_max_pool2d_with_indices */
export function adaptiveMaxPool2dWithIndices(x: Tensor, size: OutputSize): [Tensor, Tensor] {
  return ops.adaptiveMaxPool2d(x, cells(2, x, size));
}

/** {@link adaptiveMaxPool3d}, and where in `D·H·W` each value was, int64. @see torch.nn.functional.adaptive_max_pool3d_with_indices */
export function adaptiveMaxPool3dWithIndices(x: Tensor, size: OutputSize3d): [Tensor, Tensor] {
  return ops.adaptiveMaxPool3d(x, cells(3, x, size));
}

function valuesOf([values, indices]: [Tensor, Tensor]): Tensor {
  indices.dispose();
  return values;
}

/**
 * The largest value of each of `size` cells in a row, whatever the size of the input.
 * @param x `[N, C, L]` or `[C, L]`.
 * @returns new `[N, C, L']`, owned by the current scope.
 * @see torch.nn.functional.adaptive_max_pool1d
 */
export function adaptiveMaxPool1d(x: Tensor, size: Single): Tensor {
  return valuesOf(adaptiveMaxPool1dWithIndices(x, size));
}

/**
 * The largest value of each cell of a grid of `size`, whatever the size of the input.
 * @param x `[N, C, H, W]` or `[C, H, W]`.
 * @returns new `[N, C, H', W']`, owned by the current scope.
 * @see torch.nn.functional.adaptive_max_pool2d
 */
export function adaptiveMaxPool2d(x: Tensor, size: OutputSize): Tensor {
  return valuesOf(adaptiveMaxPool2dWithIndices(x, size));
}

/**
 * The largest value of each cell of a grid of `size`, whatever the size of the input.
 * @param x `[N, C, D, H, W]` or `[C, D, H, W]`.
 * @returns new `[N, C, D', H', W']`, owned by the current scope.
 * @see torch.nn.functional.adaptive_max_pool3d
 */
export function adaptiveMaxPool3d(x: Tensor, size: OutputSize3d): Tensor {
  return valuesOf(adaptiveMaxPool3dWithIndices(x, size));
}

const NAMES = ['[length]', '[height, width]', '[depth, height, width]'];

/** What callers without types may get wrong. @throws TorchError `type`. */
export function checkOutputSize(size: unknown, dimensions: Dimensions): void {
  // A row of one dimension has no size of its own to fall back to.
  const isSize = (value: unknown): boolean => (value === null && dimensions > 1) || typeof value === 'number';
  if (typeof size === 'number' || (Array.isArray(size) && size.length === dimensions && size.every(isSize))) return;
  const got = Array.isArray(size) ? `${size.length} values` : size === null ? 'null' : typeof size;
  const names = NAMES[dimensions - 1]!;
  throw new TorchError('type', `expected an output size, a number or ${names}, but got ${got}`);
}
