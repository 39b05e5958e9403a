import { ops, type Tensor } from '../tensor/index.js';

/** How values beyond the edge are made up: 0, mirrored, the edge repeated, or taken from the other side. */
export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

/**
 * Adds a border.
 * @param x any shape of at least `amounts.length / 2` dimensions.
 * @param amounts `[left, right, top, bottom, ...]`, the last dimension first.
 * @returns new tensor, owned by the current scope.
 * @see torch.nn.functional.pad
 */
export function pad(
  x: Tensor,
  amounts: readonly number[],
  mode: 'constant' | 'reflect' | 'replicate' | 'circular' = 'constant',
  value: number | null = null,
): Tensor {
  return ops.pad(x, [...amounts], mode, value);
}
