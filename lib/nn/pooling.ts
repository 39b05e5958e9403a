import { pyNumber, type Tensor } from '../tensor/index.js';
import { checkOptionBag } from '../tensor/option-bag.js';
import { Module } from './module.js';
import { sizes, type Pair, type Single, type Triple } from './pair.js';
import {
  AVG_POOL_OPTIONS,
  AVG_POOL1D_OPTIONS,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  LP_POOL_OPTIONS,
  lpPool1d,
  lpPool2d,
  lpPool3d,
  MAX_POOL_OPTIONS,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  type AvgPool1dFunctionOptions,
  type AvgPoolOptions,
  type LPPoolOptions,
  type MaxPoolOptions,
} from './pooling-functional.js';
import { pyValue } from './python-text.js';

/** What the max poolings have in common. */
abstract class MaxPool<Size> extends Module {
  // As given, a number or one for each dimension: that is what is printed.
  readonly kernelSize: Size;
  readonly stride: Size;
  readonly padding: Size | number;
  readonly dilation: Size | number;
  readonly ceilMode: boolean;

  constructor(options: MaxPoolOptions<Size>) {
    checkOptionBag(new.target.name, options, MAX_POOL_OPTIONS);
    super();
    this.kernelSize = options.kernelSize;
    this.stride = options.stride ?? options.kernelSize;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
    this.ceilMode = options.ceilMode ?? false;
  }

  override extraRepr(): string {
    return (
      `kernel_size=${pyValue(this.kernelSize)}, stride=${pyValue(this.stride)}, padding=${pyValue(this.padding)}, ` +
      `dilation=${pyValue(this.dilation)}, ceil_mode=${pyValue(this.ceilMode)}`
    );
  }
}

/**
 * The largest value of each window of `[N, C, L]`.
 * @see torch.nn.MaxPool1d
 */
export class MaxPool1d extends MaxPool<Single> {
  /** @param x `[N, C, L]` or `[C, L]`. */
  forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return maxPool1d(x, { kernelSize, stride, padding, dilation, ceilMode });
  }
}

/**
 * The largest value of each window of `[N, C, H, W]`.
 * @see torch.nn.MaxPool2d
 */
export class MaxPool2d extends MaxPool<Pair> {
  /** @param x `[N, C, H, W]` or `[C, H, W]`. */
  forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return maxPool2d(x, { kernelSize, stride, padding, dilation, ceilMode });
  }
}

/**
 * The largest value of each window of `[N, C, D, H, W]`.
 * @see torch.nn.MaxPool3d
 */
export class MaxPool3d extends MaxPool<Triple> {
  /** @param x `[N, C, D, H, W]` or `[C, D, H, W]`. */
  forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return maxPool3d(x, { kernelSize, stride, padding, dilation, ceilMode });
  }
}

/**
 * The mean of each window of `[N, C, L]`.
 * @see torch.nn.AvgPool1d
 */
export class AvgPool1d extends Module {
  readonly kernelSize: readonly [number];
  readonly stride: readonly [number];
  readonly padding: readonly [number];
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;

  constructor(options: AvgPool1dFunctionOptions) {
    checkOptionBag('AvgPool1d', options, AVG_POOL1D_OPTIONS);
    super();
    this.kernelSize = sizes(1, options.kernelSize);
    this.stride = sizes(1, options.stride ?? options.kernelSize);
    this.padding = sizes(1, options.padding ?? 0);
    this.ceilMode = options.ceilMode ?? false;
    this.countIncludePad = options.countIncludePad ?? true;
  }

  /** @param x `[N, C, L]` or `[C, L]`. */
  forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad } = this;
    return avgPool1d(x, { kernelSize, stride, padding, ceilMode, countIncludePad });
  }

  override extraRepr(): string {
    return `kernel_size=${pyValue(this.kernelSize)}, stride=${pyValue(this.stride)}, padding=${pyValue(this.padding)}`;
  }
}

abstract class AvgPool<Size> extends Module {
  readonly kernelSize: Size;
  readonly stride: Size;
  readonly padding: Size | number;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
  readonly divisorOverride: number | null;

  constructor(options: AvgPoolOptions<Size>) {
    checkOptionBag(new.target.name, options, AVG_POOL_OPTIONS);
    super();
    this.kernelSize = options.kernelSize;
    this.stride = options.stride ?? options.kernelSize;
    this.padding = options.padding ?? 0;
    this.ceilMode = options.ceilMode ?? false;
    this.countIncludePad = options.countIncludePad ?? true;
    this.divisorOverride = options.divisorOverride ?? null;
  }

  override extraRepr(): string {
    return `kernel_size=${pyValue(this.kernelSize)}, stride=${pyValue(this.stride)}, padding=${pyValue(this.padding)}`;
  }
}

/**
 * The mean of each window of `[N, C, H, W]`.
 * @see torch.nn.AvgPool2d
 */
export class AvgPool2d extends AvgPool<Pair> {
  /** @param x `[N, C, H, W]` or `[C, H, W]`. */
  forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    return avgPool2d(x, { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride });
  }
}

/**
 * The mean of each window of `[N, C, D, H, W]`.
 * @see torch.nn.AvgPool3d
 */
export class AvgPool3d extends AvgPool<Triple> {
  /** @param x `[N, C, D, H, W]` or `[C, D, H, W]`. */
  forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    return avgPool3d(x, { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride });
  }
}

abstract class LPPool<Size> extends Module {
  readonly normType: number;
  readonly kernelSize: Size;
  readonly stride: Size | null;
  readonly ceilMode: boolean;

  constructor(options: LPPoolOptions<Size>) {
    checkOptionBag(new.target.name, options, LP_POOL_OPTIONS);
    super();
    this.normType = options.normType;
    this.kernelSize = options.kernelSize;
    this.stride = options.stride ?? null;
    this.ceilMode = options.ceilMode ?? false;
  }

  override extraRepr(): string {
    return (
      `norm_type=${pyNumber(this.normType)}, kernel_size=${pyValue(this.kernelSize)}, ` +
      `stride=${pyValue(this.stride)}, ceil_mode=${pyValue(this.ceilMode)}`
    );
  }
}

/**
 * The `p`-norm of each window of `[N, C, L]`: `(sum of x^p)^(1/p)`.
 * @see torch.nn.LPPool1d
 */
export class LPPool1d extends LPPool<Single> {
  /** @param x `[N, C, L]` or `[C, L]`. */
  forward(x: Tensor): Tensor {
    const { normType, kernelSize, stride, ceilMode } = this;
    return lpPool1d(x, { normType, kernelSize, stride, ceilMode });
  }
}

/**
 * The `p`-norm of each window of `[N, C, H, W]`: `(sum of x^p)^(1/p)`.
 * @see torch.nn.LPPool2d
 */
export class LPPool2d extends LPPool<Pair> {
  /** @param x `[N, C, H, W]` or `[C, H, W]`. */
  forward(x: Tensor): Tensor {
    const { normType, kernelSize, stride, ceilMode } = this;
    return lpPool2d(x, { normType, kernelSize, stride, ceilMode });
  }
}

/**
 * The `p`-norm of each window of `[N, C, D, H, W]`: `(sum of x^p)^(1/p)`.
 * @see torch.nn.LPPool3d
 */
export class LPPool3d extends LPPool<Triple> {
  /** @param x `[N, C, D, H, W]` or `[C, D, H, W]`. */
  forward(x: Tensor): Tensor {
    const { normType, kernelSize, stride, ceilMode } = this;
    return lpPool3d(x, { normType, kernelSize, stride, ceilMode });
  }
}
