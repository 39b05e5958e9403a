import { ops, type Tensor } from '../tensor/index.js';

/**
 * `x · weightᵀ + bias`.
 * @param x `[..., in]`.
 * @param weight `[out, in]`.
 * @param bias `[out]` or null.
 * @returns new `[..., out]`, owned by the current scope.
 * @see torch.nn.functional.linear
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  return ops.linear(x, weight, bias);
}

/**
 * `x1ᵀ · weight · x2 + bias` for each output.
 * @param x1 `[..., in1]`.
 * @param x2 `[..., in2]`, otherwise the shape of `x1`.
 * @param weight `[out, in1, in2]`.
 * @param bias `[out]` or null.
 * @returns new `[..., out]`, owned by the current scope.
 * @see torch.nn.functional.bilinear
 */
export function bilinear(x1: Tensor, x2: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  return ops.bilinear(x1, x2, weight, bias);
}
