import type { Tensor } from '../tensor/index.js';
import { ConvBase, CONV_OPTIONS, type ConvOptions } from './conv-base.js';
import { conv1d, conv2d, conv3d, type ConvFunctionOptions } from './conv-functional.js';
import { replaceBy } from './intermediate.js';
import { pad } from './padding-functional.js';
import type { Dimensions, Pair, Single, Sizes, SizesOrOne, Triple } from './pair.js';

/** Options of {@link Conv1d}. */
export type Conv1dOptions = ConvOptions<Single>;
/** Options of {@link Conv2d}; pixels. */
export type Conv2dOptions = ConvOptions<Pair>;
/** Options of {@link Conv3d}. */
export type Conv3dOptions = ConvOptions<Triple>;

abstract class Conv<D extends Dimensions> extends ConvBase<D> {
  constructor(dimensions: D, inChannels: number, outChannels: number, options: ConvOptions<SizesOrOne<D>>) {
    super(inChannels, outChannels, options, {
      dimensions,
      options: CONV_OPTIONS,
      channels: (groups) => [outChannels, inChannels / groups],
    });
  }

  /** The convolution itself, of an input that has its border. */
  protected abstract convolve(x: Tensor, options: ConvFunctionOptions<Sizes<D>>): Tensor;

  /** @param x `[N, Cin, ...]` or `[Cin, ...]`. */
  forward(x: Tensor): Tensor {
    const { bias, stride, dilation, groups, padding } = this;
    if (this.paddingMode === 'zeros') return this.convolve(x, { bias, stride, padding, dilation, groups });
    const padded = pad(x, borderOf(this), this.paddingMode);
    return replaceBy(padded, this.convolve(padded, { bias, stride, dilation, groups }));
  }
}

/**
 * 1-D convolution, `[N, Cin, L]` to `[N, Cout, L']`. Weight and bias start as PyTorch's, with the same draws: both
 * uniform over `±1/sqrt(fanIn)`, the weight first.
 * @throws TorchError `value` for options that do not go together, in PyTorch's words.
 * @see torch.nn.Conv1d
 */
export class Conv1d extends Conv<1> {
  constructor(inChannels: number, outChannels: number, options: Conv1dOptions) {
    super(1, inChannels, outChannels, options);
  }

  protected override convolve(x: Tensor, options: ConvFunctionOptions<[number]>): Tensor {
    return conv1d(x, this.weight, options);
  }
}

/**
 * 2-D convolution, `[N, Cin, H, W]` to `[N, Cout, H', W']`. Weight and bias start as PyTorch's, with the same draws:
 * both uniform over `±1/sqrt(fanIn)`, the weight first.
 * @throws TorchError `value` for options that do not go together, in PyTorch's words.
 * @see torch.nn.Conv2d
 */
export class Conv2d extends Conv<2> {
  constructor(inChannels: number, outChannels: number, options: Conv2dOptions) {
    super(2, inChannels, outChannels, options);
  }

  protected override convolve(x: Tensor, options: ConvFunctionOptions<[number, number]>): Tensor {
    return conv2d(x, this.weight, options);
  }
}

/**
 * 3-D convolution, `[N, Cin, D, H, W]` to `[N, Cout, D', H', W']`. Weight and bias start as PyTorch's, with the same
 * draws: both uniform over `±1/sqrt(fanIn)`, the weight first.
 * @throws TorchError `value` for options that do not go together, in PyTorch's words.
 * @see torch.nn.Conv3d
 */
export class Conv3d extends Conv<3> {
  constructor(inChannels: number, outChannels: number, options: Conv3dOptions) {
    super(3, inChannels, outChannels, options);
  }

  protected override convolve(x: Tensor, options: ConvFunctionOptions<[number, number, number]>): Tensor {
    return conv3d(x, this.weight, options);
  }
}

/** `[left, right, top, bottom, ...]`: the last dimension first. */
function borderOf({ padding, dilation, kernelSize }: ConvBase<Dimensions>): number[] {
  return kernelSize
    .map((size, dim) => {
      if (padding === 'valid') return [0, 0];
      if (padding !== 'same') return [padding[dim]!, padding[dim]!];
      const total = dilation[dim]! * (size - 1);
      const before = Math.floor(total / 2);
      return [before, total - before];
    })
    .reverse()
    .flat();
}
