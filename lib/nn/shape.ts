import { ops, TorchError, type Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { Module } from './module.js';
import { pyTypeName, pyValue } from './python-text.js';
import { channelShuffle, pixelShuffle, pixelUnshuffle } from './shape-functional.js';

/**
 * Returns its input.
 * @see torch.nn.Identity
 */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Options of {@link Flatten}. */
export interface FlattenOptions {
  readonly startDim?: number;
  readonly endDim?: number;
}

const FLATTEN_OPTIONS: OptionNames<FlattenOptions> = {
  startDim: false,
  endDim: false,
};

/**
 * Makes one dimension of several.
 * @see torch.nn.Flatten
 */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(options: FlattenOptions = {}) {
    checkOptionBag('Flatten', options, FLATTEN_OPTIONS);
    super();
    this.startDim = options.startDim ?? 1;
    this.endDim = options.endDim ?? -1;
  }

  /** @param x at least as many dimensions as `startDim` needs. */
  forward(x: Tensor): Tensor {
    return x.flatten(this.startDim, this.endDim);
  }

  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/**
 * Makes several dimensions of one.
 * @throws TorchError `type` in PyTorch's words for sizes that are no whole numbers.
 * @see torch.nn.Unflatten
 */
export class Unflatten extends Module {
  readonly dim: number;
  readonly unflattenedSize: readonly number[];

  /** @param unflattenedSize their product is the size of `dim`; one may be -1. */
  constructor(dim: number, unflattenedSize: readonly number[]) {
    const given: unknown = unflattenedSize;
    if (!Array.isArray(given)) {
      throw new TorchError('type', `unflattened_size must be a tuple of ints, but found type ${pyTypeName(given)}`);
    }
    const wrong = given.findIndex((size) => !Number.isInteger(size));
    if (wrong >= 0) {
      throw new TorchError(
        'type',
        `unflattened_size must be tuple of ints, but found element of type ${pyTypeName(given[wrong])} at pos ${wrong}`,
      );
    }
    super();
    this.dim = dim;
    this.unflattenedSize = [...unflattenedSize];
  }

  /** @param x any shape that has `dim`. */
  forward(x: Tensor): Tensor {
    return ops.unflatten(x, this.dim, this.unflattenedSize);
  }

  override extraRepr(): string {
    return `dim=${this.dim}, unflattened_size=${pyValue(this.unflattenedSize)}`;
  }
}

/**
 * Turns channels into pixels, `[..., C·r², H, W]` to `[..., C, H·r, W·r]`.
 * @see torch.nn.PixelShuffle
 */
export class PixelShuffle extends Module {
  readonly upscaleFactor: number;

  constructor(upscaleFactor: number) {
    super();
    this.upscaleFactor = upscaleFactor;
  }

  /** @param x `[..., C·r², H, W]`. */
  forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.upscaleFactor);
  }

  override extraRepr(): string {
    return `upscale_factor=${this.upscaleFactor}`;
  }
}

/**
 * Turns pixels into channels, `[..., C, H·r, W·r]` to `[..., C·r², H, W]`.
 * @see torch.nn.PixelUnshuffle
 */
export class PixelUnshuffle extends Module {
  readonly downscaleFactor: number;

  constructor(downscaleFactor: number) {
    super();
    this.downscaleFactor = downscaleFactor;
  }

  /** @param x `[..., C, H·r, W·r]`. */
  forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.downscaleFactor);
  }

  override extraRepr(): string {
    return `downscale_factor=${this.downscaleFactor}`;
  }
}

/**
 * Deals the channels of `[N, C, ...]` out anew: the first of each group, then the second of each, and so on.
 * @see torch.nn.ChannelShuffle
 */
export class ChannelShuffle extends Module {
  readonly groups: number;

  constructor(groups: number) {
    super();
    this.groups = groups;
  }

  /** @param x `[N, C, ...]`. */
  forward(x: Tensor): Tensor {
    return channelShuffle(x, this.groups);
  }

  override extraRepr(): string {
    return `groups=${this.groups}`;
  }
}
