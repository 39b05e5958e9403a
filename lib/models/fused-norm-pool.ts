import { native } from '../native/load.js';
import { batchSettings } from '../nn/batch-norm.js';
import { AvgPool2d, BatchNorm2d, Conv2d, MaxPool2d, ReLU, replaceBy, type Module } from '../nn/index.js';
import { isAutocastEnabled, type Tensor } from '../tensor/index.js';
import { writeTape } from '../tensor/tape.js';
import { tensorAt } from '../tensor/tensor.js';
import { FUSED_DTYPES, isConvolution, isOf } from './fused-dense-block.js';

/**
 * A transition with the mean of windows taken before the 1×1 convolution, with which it commutes: a quarter of the
 * multiplications, and nothing kept but the input and the means. Largest values do not commute: there norm and ReLU alone are
 * one function. Values and gradients are those of the four modules but for rounding; running statistics are updated once.
 * @param x `[N, C, H, W]`, float32, float64 or bfloat16, on the CPU; best in channels_last.
 * @returns `[N, outputs, H / 2, W / 2]`; undefined where the modules themselves must do it, as in `fusedDenseBlock`.
 */
export function fusedTransition(
  x: Tensor,
  [norm, relu, conv, pool]: readonly (Module | undefined)[],
): Tensor | undefined {
  if (!(conv instanceof Conv2d) || !isConvolution(conv, x, 1) || !isOf(relu, ReLU)) return undefined;
  if (pool instanceof MaxPool2d) {
    const rectified = fusedNormPool(x, norm, 1, 1);
    const convolved = rectified && replaceBy(rectified, conv.call(rectified));
    return convolved && replaceBy(convolved, pool.call(convolved));
  }
  if (!(pool instanceof AvgPool2d) || !isPlainPool(pool)) return undefined;
  const [height, width] = [pool.kernelSize].flat();
  const pooled = fusedNormPool(x, norm, height ?? 0, width ?? height ?? 0);
  return pooled && replaceBy(pooled, conv.call(pooled));
}

/**
 * Batch norm, ReLU and the mean of windows of `height`×`width` pixels, side by side, as one function of autograd that keeps
 * its input alone; what fills no window is left out, as by average pooling.
 * @returns `[N, C, H / height, W / width]` in channels_last; undefined where the modules themselves must do it.
 */
export function fusedNormPool(x: Tensor, norm: Module | undefined, height: number, width: number): Tensor | undefined {
  if (x.ndim !== 4 || x.numel() === 0 || isAutocastEnabled('cpu')) return undefined;
  if (x.device !== 'cpu' || !FUSED_DTYPES.includes(x.dtype)) return undefined;
  if (!(norm instanceof BatchNorm2d) || !isOf(norm, BatchNorm2d)) return undefined;
  const [pictures = 0, , rows = 0, columns = 0] = x.shape;
  if (height > rows || width > columns) return undefined;
  // The module says what is wrong with one value a channel.
  if (norm.training && pictures * rows * columns === 1) return undefined;
  const { mean, variance, momentum, training } = batchSettings(norm);
  writeTape([x, norm.weight, norm.bias, mean, variance], [training ? 1 : 0, momentum, norm.eps, height, width]);
  return tensorAt(native.fusedNormPool());
}

/** Whether windows lie side by side, within the picture. */
function isPlainPool(pool: AvgPool2d): boolean {
  const { kernelSize, stride, padding, ceilMode, divisorOverride } = pool;
  const pair = (size: number | readonly [number, number]): readonly number[] =>
    typeof size === 'number' ? [size, size] : size;
  const [height, width] = pair(kernelSize);
  const [down, across] = pair(stride);
  const isWhole = [padding].flat().every((each) => each === 0) && !ceilMode && divisorOverride === null;
  return isOf(pool, AvgPool2d) && isWhole && height === down && width === across;
}
