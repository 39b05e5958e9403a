import type { Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { interpolate, type InterpolateOptions, type InterpolationMode } from './interpolate.js';
import { Module } from './module.js';
import type { Pair } from './pair.js';
import { pyFloat, pyString, pyValue } from './python-text.js';

/** Options of {@link Upsample}; a size or a factor must be given. */
export type UpsampleOptions = Omit<InterpolateOptions, 'antialias'>;

const OPTIONS: OptionNames<UpsampleOptions> = {
  size: false,
  scaleFactor: false,
  mode: false,
  alignCorners: false,
  recomputeScaleFactor: false,
};

/**
 * Resizes `[N, C, L]`, `[N, C, H, W]` or `[N, C, D, H, W]`.
 * @see torch.nn.Upsample
 */
export class Upsample extends Module {
  readonly size: number | readonly number[] | null;
  readonly scaleFactor: number | readonly number[] | null;
  readonly mode: InterpolationMode;
  readonly alignCorners: boolean | null;
  readonly recomputeScaleFactor: boolean | null;

  constructor(options: UpsampleOptions = {}) {
    checkOptionBag(new.target.name, options, OPTIONS);
    super();
    const { scaleFactor = null } = options;
    this.size = options.size ?? null;
    this.scaleFactor = scaleFactor === 0 ? null : scaleFactor;
    this.mode = options.mode ?? 'nearest';
    this.alignCorners = options.alignCorners ?? null;
    this.recomputeScaleFactor = options.recomputeScaleFactor ?? null;
  }

  /**
   * @param x `[N, C, L]`, `[N, C, H, W]` or `[N, C, D, H, W]`, as the mode takes them.
   * @throws TorchError `value` in PyTorch's words for options that do not go together or do not fit `x`.
   */
  forward(x: Tensor): Tensor {
    const { size, scaleFactor, mode, alignCorners, recomputeScaleFactor } = this;
    return interpolate(x, { size, scaleFactor, mode, alignCorners, recomputeScaleFactor });
  }

  override extraRepr(): string {
    const { scaleFactor, size } = this;
    const text = scaleFactor === null ? `size=${pyValue(size)}` : `scale_factor=${factorText(scaleFactor)}`;
    return `${text}, mode=${pyString(this.mode)}`;
  }
}

function factorText(factor: number | readonly number[]): string {
  if (typeof factor === 'number') return pyFloat(factor);
  return factor.length === 1 ? `(${pyFloat(factor[0]!)},)` : `(${factor.map(pyFloat).join(', ')})`;
}

/** Options of {@link UpsamplingNearest2d} and {@link UpsamplingBilinear2d}. */
export interface Upsampling2dOptions {
  readonly size?: Pair | null;
  readonly scaleFactor?: Pair | null;
}

const OPTIONS_2D: OptionNames<Upsampling2dOptions> = { size: false, scaleFactor: false };

/**
 * {@link Upsample} of pictures by the nearest pixel.
 * @see torch.nn.UpsamplingNearest2d
 */
export class UpsamplingNearest2d extends Upsample {
  constructor(options: Upsampling2dOptions = {}) {
    checkOptionBag('UpsamplingNearest2d', options, OPTIONS_2D);
    super({ ...options, mode: 'nearest' });
  }
}

/**
 * {@link Upsample} of pictures, linear between the pixels, the corners aligned.
 * @see torch.nn.UpsamplingBilinear2d
 */
export class UpsamplingBilinear2d extends Upsample {
  constructor(options: Upsampling2dOptions = {}) {
    checkOptionBag('UpsamplingBilinear2d', options, OPTIONS_2D);
    super({ ...options, mode: 'bilinear', alignCorners: true });
  }
}
