import { native } from '../native/load.js';
import { BatchNorm2d, Conv2d, ReLU, type Module } from '../nn/index.js';
import { batchSettings } from '../nn/batch-norm.js';
import { isAutocastEnabled, type Tensor } from '../tensor/index.js';
import { writeTape } from '../tensor/tape.js';
import { tensorAt } from '../tensor/tensor.js';
import type { DenseLayer } from './dense-layer.js';

/** What the kernels compute with. */
export const FUSED_DTYPES: readonly string[] = ['float32', 'float64', 'bfloat16'];

/**
 * All layers of a dense block as one function of autograd: `[N, C, H, W]` to `[N, C + layers·growthRate, H, W]` in
 * channels_last, whatever the format of `x`. It keeps its output and the outputs of the 1×1 convolutions, and rebuilds the
 * rest in backward. Values and gradients are those of the layers but for rounding; running statistics are updated once.
 * @param x float32, float64 or bfloat16, on the CPU; the convolutions' weights are of the same dtype.
 * @returns new tensor, owned by the current scope; undefined where the layers themselves must do it: another device or
 *   dtype, an empty batch, autocast, a module with hooks or of a class of its own.
 * @throws TorchError `notImplemented` for forward-mode derivatives, `runtime` for second derivatives.
 */
export function fusedDenseBlock(x: Tensor, layers: readonly DenseLayer[]): Tensor | undefined {
  if (layers.length === 0 || x.ndim !== 4 || x.numel() === 0 || isAutocastEnabled('cpu')) return undefined;
  if (x.device !== 'cpu' || !FUSED_DTYPES.includes(x.dtype) || !layers.every((layer) => isPlain(layer, x)))
    return undefined;
  const [pictures = 0, , height = 0, width = 0] = x.shape;
  const isOneValue = pictures * height * width === 1;
  const norms = layers.flatMap(({ norm1, norm2 }) => (norm2 === undefined ? [norm1] : [norm1, norm2]));
  // The layers say what is wrong with one value a channel.
  if (isOneValue && norms.some((norm) => norm.training)) return undefined;

  const tensors: (Tensor | null)[] = [x];
  const numbers: number[] = [];
  const add = (norm: BatchNorm2d | undefined, conv: Conv2d | undefined): void => {
    const settings = norm && batchSettings(norm);
    tensors.push(norm?.weight ?? null, norm?.bias ?? null, settings?.mean ?? null, settings?.variance ?? null);
    tensors.push(conv?.weight ?? null);
    numbers.push(settings?.training === true ? 1 : 0, settings?.momentum ?? 0, norm?.eps ?? 0);
  };
  for (const { norm1, conv1, norm2, conv2, dropRate, training } of layers) {
    add(norm1, conv1);
    add(norm2, conv2);
    numbers.push(training ? dropRate : 0);
  }
  writeTape(tensors, numbers);
  return tensorAt(native.denseBlock());
}

/** Whether the layer does what its class does, nobody looks on, and its tensors suit `x`. */
function isPlain(layer: DenseLayer, x: Tensor): boolean {
  const { norm1, relu1, conv1, norm2, relu2, conv2 } = layer;
  return (
    !layer.hasHooks() &&
    isOf(norm1, BatchNorm2d) &&
    isOf(relu1, ReLU) &&
    isConvolution(conv1, x, norm2 === undefined ? 3 : 1) &&
    (norm2 === undefined ||
      (isOf(norm2, BatchNorm2d) && isOf(relu2, ReLU) && conv2 !== undefined && isConvolution(conv2, x, 3)))
  );
}

/** @internal A convolution with windows of `kernel`×`kernel` pixels around each, and nothing else to it. */
export function isConvolution(conv: Conv2d, x: Tensor, kernel: number): boolean {
  const { weight, bias, stride, padding, dilation, groups } = conv;
  const border = (kernel - 1) / 2;
  return (
    isOf(conv, Conv2d) &&
    weight.dtype === x.dtype &&
    weight.device === 'cpu' &&
    weight.shape[2] === kernel &&
    weight.shape[3] === kernel &&
    bias === null &&
    groups === 1 &&
    conv.paddingMode === 'zeros' &&
    [stride, dilation].flat().every((each) => each === 1) &&
    [padding].flat().every((each) => each === border)
  );
}

/** @internal Whether a module does what its class does, and nobody looks on. */
export function isOf(module: Module | undefined, kind: { readonly prototype: Module }): boolean {
  return (
    module !== undefined &&
    Object.getPrototypeOf(module) === kind.prototype &&
    !module.hasHooks() &&
    module.forward === kind.prototype.forward &&
    module.call === kind.prototype.call
  );
}
