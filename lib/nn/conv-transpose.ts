import { TorchError, type Tensor } from '../tensor/index.js';
import type { OptionNames } from '../tensor/option-bag.js';
import { ConvBase, CONV_OPTIONS, type ConvOptions } from './conv-base.js';
import {
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type ConvTransposeFunctionOptions,
} from './conv-functional.js';
import type { Dimensions, Pair, Single, Sizes, SizesOrOne, Triple } from './pair.js';
import { pyClass, pyList, pySize, pyValue } from './python-text.js';

/** Options of the transposed convolutions, for sizes of their number of dimensions. */
export interface ConvTransposeOptions<Size> extends Omit<ConvOptions<Size>, 'padding' | 'paddingMode'> {
  /** How much of the border of the output is cut off; default 0. */
  readonly padding?: Size;
  /** Added to the size of the output at its end; default 0. */
  readonly outputPadding?: Size;
  /** There is no other. */
  readonly paddingMode?: 'zeros';
}

/** Options of {@link ConvTranspose1d}. */
export type ConvTranspose1dOptions = ConvTransposeOptions<Single>;
/** Options of {@link ConvTranspose2d}; pixels. */
export type ConvTranspose2dOptions = ConvTransposeOptions<Pair>;
/** Options of {@link ConvTranspose3d}. */
export type ConvTranspose3dOptions = ConvTransposeOptions<Triple>;

const OPTIONS: OptionNames<ConvTransposeOptions<unknown>> = { ...CONV_OPTIONS, outputPadding: false };

abstract class ConvTranspose<D extends Dimensions> extends ConvBase<D> {
  declare readonly padding: Sizes<D>;

  constructor(dimensions: D, inChannels: number, outChannels: number, options: ConvTransposeOptions<SizesOrOne<D>>) {
    // As JavaScript callers may give them: the base checks that it is a bag at all.
    const { paddingMode = 'zeros', padding, outputPadding = 0 } = (options as typeof options | undefined) ?? {};
    if ((paddingMode as string) !== 'zeros') {
      throw new TorchError('value', `Only "zeros" padding mode is supported for ${new.target.name}`);
    }
    if (typeof (padding as unknown) === 'string') {
      throw new TorchError('type', `Expected numbers for padding but received ${pyClass(padding)}`);
    }
    super(inChannels, outChannels, options, {
      dimensions,
      options: OPTIONS,
      channels: (groups) => [inChannels, outChannels / groups],
      outputPadding,
    });
  }

  /** The transposed convolution itself. */
  protected abstract convolve(x: Tensor, options: ConvTransposeFunctionOptions<Sizes<D>>): Tensor;

  /**
   * @param x `[N, Cin, ...]` or `[Cin, ...]`.
   * @param outputSize the output's size, of those that the input's may come from; default the smallest and `outputPadding`.
   * @throws TorchError `value` in PyTorch's words for a size that cannot be.
   */
  forward(x: Tensor, outputSize: readonly number[] | null = null): Tensor {
    const { bias, stride, padding, dilation, groups } = this;
    const outputPadding = outputSize === null ? this.outputPadding : paddingFor(this, x, outputSize);
    return this.convolve(x, { bias, stride, padding, dilation, groups, outputPadding });
  }
}

/** What has to be added to reach a size. */
function paddingFor<D extends Dimensions>(layer: ConvTranspose<D>, x: Tensor, wanted: readonly number[]): Sizes<D> {
  const dimensions = layer.kernelSize.length;
  const spatial = x.ndim === dimensions + 2 ? 2 : 1;
  const size = wanted.length === spatial + dimensions ? wanted.slice(spatial) : wanted;
  if (size.length !== dimensions) {
    throw new TorchError(
      'value',
      `ConvTranspose${dimensions}D: for ${x.ndim}D input, output_size must have ${dimensions} ` +
        `or ${spatial + dimensions} elements (got ${size.length})`,
    );
  }
  const { stride, padding, dilation, kernelSize } = layer;
  const shape = x.shape;
  const least = kernelSize.map(
    (kernel, dim) => (shape[dim + spatial]! - 1) * stride[dim]! - 2 * padding[dim]! + dilation[dim]! * (kernel - 1) + 1,
  );
  const most = least.map((value, dim) => value + stride[dim]! - 1);
  if (size.some((value, dim) => value < least[dim]! || value > most[dim]!)) {
    throw new TorchError(
      'value',
      `requested an output size of ${pyValue(size)}, but valid sizes range from ${pyList(least)} to ${pyList(most)} ` +
        `(for an input of ${pySize(shape.slice(2))})`,
    );
  }
  return size.map((value, dim) => value - least[dim]!) as Sizes<D>;
}

/**
 * 1-D transposed convolution, `[N, Cin, L]` to `[N, Cout, L']`; starts with PyTorch's draws, the weight first.
 * @throws TorchError `value` for options that do not go together, in PyTorch's words.
 * @see torch.nn.ConvTranspose1d
 */
export class ConvTranspose1d extends ConvTranspose<1> {
  constructor(inChannels: number, outChannels: number, options: ConvTranspose1dOptions) {
    super(1, inChannels, outChannels, options);
  }

  protected override convolve(x: Tensor, options: ConvTransposeFunctionOptions<[number]>): Tensor {
    return convTranspose1d(x, this.weight, options);
  }
}

/**
 * 2-D transposed convolution, `[N, Cin, H, W]` to `[N, Cout, H', W']`; starts with PyTorch's draws, the weight first.
 * @throws TorchError `value` for options that do not go together, in PyTorch's words.
 * @see torch.nn.ConvTranspose2d
 */
export class ConvTranspose2d extends ConvTranspose<2> {
  constructor(inChannels: number, outChannels: number, options: ConvTranspose2dOptions) {
    super(2, inChannels, outChannels, options);
  }

  protected override convolve(x: Tensor, options: ConvTransposeFunctionOptions<[number, number]>): Tensor {
    return convTranspose2d(x, this.weight, options);
  }
}

/**
 * 3-D transposed convolution, `[N, Cin, D, H, W]` to `[N, Cout, D', H', W']`; starts with PyTorch's draws.
 * @throws TorchError `value` for options that do not go together, in PyTorch's words.
 * @see torch.nn.ConvTranspose3d
 */
export class ConvTranspose3d extends ConvTranspose<3> {
  constructor(inChannels: number, outChannels: number, options: ConvTranspose3dOptions) {
    super(3, inChannels, outChannels, options);
  }

  protected override convolve(x: Tensor, options: ConvTransposeFunctionOptions<[number, number, number]>): Tensor {
    return convTranspose3d(x, this.weight, options);
  }
}
