import type { Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import {
  adaptiveAvgPool2d,
  avgPool2d,
  maxPool2d,
  type AvgPool2dFunctionOptions,
  type MaxPool2dFunctionOptions,
  type OutputSize,
  type Pair,
} from './functional.js';
import { Module } from './module.js';
import { pyValue } from './python-text.js';

const MAX_OPTIONS: OptionNames<MaxPool2dFunctionOptions> = {
  kernelSize: true,
  stride: false,
  padding: false,
  dilation: false,
  ceilMode: false,
};

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
    checkOptionBag('MaxPool2d', options, MAX_OPTIONS);
    super();
    this.kernelSize = options.kernelSize;
    this.stride = options.stride ?? options.kernelSize;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
    this.ceilMode = options.ceilMode ?? false;
  }

  /** @param x `[N, C, H, W]` or `[C, H, W]`. */
  forward(x: Tensor): Tensor {
    return maxPool2d(x, this);
  }

  override extraRepr(): string {
    return (
      `kernel_size=${pyValue(this.kernelSize)}, stride=${pyValue(this.stride)}, padding=${pyValue(this.padding)}, ` +
      `dilation=${pyValue(this.dilation)}, ceil_mode=${pyValue(this.ceilMode)}`
    );
  }
}

const AVERAGE_OPTIONS: OptionNames<AvgPool2dFunctionOptions> = {
  kernelSize: true,
  stride: false,
  padding: false,
  ceilMode: false,
  countIncludePad: false,
  divisorOverride: false,
};

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
    checkOptionBag('AvgPool2d', options, AVERAGE_OPTIONS);
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
    return avgPool2d(x, this);
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
