import type { Tensor } from '../tensor/index.js';
import { checkOptionBag } from '../tensor/option-bag.js';
import {
  adaptiveAvgPool2d,
  AVG_POOL_OPTIONS,
  avgPool2d,
  checkOutputSize,
  MAX_POOL_OPTIONS,
  maxPool2d,
  type AvgPool2dFunctionOptions,
  type MaxPool2dFunctionOptions,
  type OutputSize,
} from './pooling-functional.js';
import type { Pair } from './pair.js';
import { Module } from './module.js';
import { pyValue } from './python-text.js';

/**
 * The largest value of each window of `[N, C, H, W]`.
 * @see torch.nn.MaxPool2d
 */
export class MaxPool2d extends Module {
  // As given, a number or a pair: that is what is printed.
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly ceilMode: boolean;

  constructor(options: MaxPool2dFunctionOptions) {
    checkOptionBag('MaxPool2d', options, MAX_POOL_OPTIONS);
    super();
    this.kernelSize = options.kernelSize;
    this.stride = options.stride ?? options.kernelSize;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
    this.ceilMode = options.ceilMode ?? false;
  }

  /** @param x `[N, C, H, W]` or `[C, H, W]`. */
  forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return maxPool2d(x, { kernelSize, stride, padding, dilation, ceilMode });
  }

  override extraRepr(): string {
    return (
      `kernel_size=${pyValue(this.kernelSize)}, stride=${pyValue(this.stride)}, padding=${pyValue(this.padding)}, ` +
      `dilation=${pyValue(this.dilation)}, ceil_mode=${pyValue(this.ceilMode)}`
    );
  }
}

/**
 * The mean of each window of `[N, C, H, W]`.
 * @see torch.nn.AvgPool2d
 */
export class AvgPool2d extends Module {
  readonly kernelSize: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
  readonly divisorOverride: number | null;

  constructor(options: AvgPool2dFunctionOptions) {
    checkOptionBag('AvgPool2d', options, AVG_POOL_OPTIONS);
    super();
    this.kernelSize = options.kernelSize;
    this.stride = options.stride ?? options.kernelSize;
    this.padding = options.padding ?? 0;
    this.ceilMode = options.ceilMode ?? false;
    this.countIncludePad = options.countIncludePad ?? true;
    this.divisorOverride = options.divisorOverride ?? null;
  }

  /** @param x `[N, C, H, W]` or `[C, H, W]`. */
  forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    return avgPool2d(x, { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride });
  }

  override extraRepr(): string {
    return `kernel_size=${pyValue(this.kernelSize)}, stride=${pyValue(this.stride)}, padding=${pyValue(this.padding)}`;
  }
}

/**
 * The mean over a grid of `outputSize` cells, whatever the size of the input.
 * @see torch.nn.AdaptiveAvgPool2d
 */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: OutputSize;

  constructor(outputSize: OutputSize) {
    checkOutputSize(outputSize);
    super();
    this.outputSize = outputSize;
  }

  /** @param x `[N, C, H, W]` or `[C, H, W]`. */
  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }

  override extraRepr(): string {
    return `output_size=${pyValue(this.outputSize)}`;
  }
}
