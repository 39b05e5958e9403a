import type { Tensor } from '../tensor/index.js';
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  checkOutputSize,
  type OutputSize,
  type OutputSize3d,
} from './adaptive-pooling-functional.js';
import { Module } from './module.js';
import type { Dimensions, Single } from './pair.js';
import { pyValue } from './python-text.js';

abstract class AdaptivePool<Size> extends Module {
  readonly outputSize: Size;

  constructor(outputSize: Size, dimensions: Dimensions) {
    checkOutputSize(outputSize, dimensions);
    super();
    this.outputSize = outputSize;
  }

  override extraRepr(): string {
    return `output_size=${pyValue(this.outputSize)}`;
  }
}

/**
 * The mean over a row of `outputSize` cells, whatever the size of the input.
 * @see torch.nn.AdaptiveAvgPool1d
 */
export class AdaptiveAvgPool1d extends AdaptivePool<Single> {
  constructor(outputSize: Single) {
    super(outputSize, 1);
  }

  /** @param x `[N, C, L]` or `[C, L]`. */
  forward(x: Tensor): Tensor {
    return adaptiveAvgPool1d(x, this.outputSize);
  }
}

/**
 * The mean over a grid of `outputSize` cells, whatever the size of the input.
 * @see torch.nn.AdaptiveAvgPool2d
 */
export class AdaptiveAvgPool2d extends AdaptivePool<OutputSize> {
  constructor(outputSize: OutputSize) {
    super(outputSize, 2);
  }

  /** @param x `[N, C, H, W]` or `[C, H, W]`. */
  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }
}

/**
 * The mean over a grid of `outputSize` cells, whatever the size of the input.
 * @see torch.nn.AdaptiveAvgPool3d
 */
export class AdaptiveAvgPool3d extends AdaptivePool<OutputSize3d> {
  constructor(outputSize: OutputSize3d) {
    super(outputSize, 3);
  }

  /** @param x `[N, C, D, H, W]` or `[C, D, H, W]`. */
  forward(x: Tensor): Tensor {
    return adaptiveAvgPool3d(x, this.outputSize);
  }
}

/**
 * The largest value of each of `outputSize` cells, whatever the size of the input.
 * @see torch.nn.AdaptiveMaxPool1d
 */
export class AdaptiveMaxPool1d extends AdaptivePool<Single> {
  constructor(outputSize: Single) {
    super(outputSize, 1);
  }

  /** @param x `[N, C, L]` or `[C, L]`. */
  forward(x: Tensor): Tensor {
    return adaptiveMaxPool1d(x, this.outputSize);
  }
}

/**
 * The largest value of each of `outputSize` cells, whatever the size of the input.
 * @see torch.nn.AdaptiveMaxPool2d
 */
export class AdaptiveMaxPool2d extends AdaptivePool<OutputSize> {
  constructor(outputSize: OutputSize) {
    super(outputSize, 2);
  }

  /** @param x `[N, C, H, W]` or `[C, H, W]`. */
  forward(x: Tensor): Tensor {
    return adaptiveMaxPool2d(x, this.outputSize);
  }
}

/**
 * The largest value of each of `outputSize` cells, whatever the size of the input.
 * @see torch.nn.AdaptiveMaxPool3d
 */
export class AdaptiveMaxPool3d extends AdaptivePool<OutputSize3d> {
  constructor(outputSize: OutputSize3d) {
    super(outputSize, 3);
  }

  /** @param x `[N, C, D, H, W]` or `[C, D, H, W]`. */
  forward(x: Tensor): Tensor {
    return adaptiveMaxPool3d(x, this.outputSize);
  }
}
