import { expectInteger } from './expect.js';
import type { Tensor } from '../tensor/index.js';
import { dimensionsOf } from './tensor-colours.js';
import { crop, hflip, pad, vflip } from './tensor-geometry.js';
import type { TensorTransform } from './transforms.js';
import type { Picture, PictureTransform } from './picture.js';
import { roundToEven } from './round-to-even.js';

/** Height and width in pixels, or one number for both. */
export type CropSize = number | readonly [number, number];

export function sizeOf(name: string, size: CropSize): readonly [number, number] {
  const both = typeof size === 'number' ? ([size, size] as const) : size;
  for (const each of both) expectInteger(`${name} size`, each, 1);
  return both;
}

/** The part of a picture from a row and a column on; what lies outside of the picture is 0. */
export function cut(picture: Picture, top: number, left: number, height: number, width: number): Picture {
  const { channels } = picture;
  const data = new Uint8Array(channels * height * width);
  const begin = Math.max(0, -left);
  const end = Math.min(width, picture.width - left);
  for (let c = 0; c < channels && begin < end; c++) {
    for (let y = Math.max(0, -top); y < Math.min(height, picture.height - top); y++) {
      const from = (c * picture.height + y + top) * picture.width + left;
      data.set(picture.data.subarray(from + begin, from + end), (c * height + y) * width + begin);
    }
  }
  return { channels, height, width, data };
}

/** A picture seen in a mirror, left to right. */
export function mirror(picture: Picture): Picture {
  const { width, data } = picture;
  const flipped = new Uint8Array(data.length);
  for (let row = 0; row < data.length; row += width) {
    for (let x = 0; x < width; x++) flipped[row + x] = data[row + width - 1 - x]!;
  }
  return { ...picture, data: flipped };
}

/** A picture turned over, top to bottom. */
export function upsideDown(picture: Picture): Picture {
  const { channels, height, width, data } = picture;
  const flipped = new Uint8Array(data.length);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      const from = (c * height + y) * width;
      flipped.set(data.subarray(from, from + width), (c * height + height - 1 - y) * width);
    }
  }
  return { ...picture, data: flipped };
}

function cutCenter(picture: Picture, height: number, width: number): Picture {
  // A picture that is smaller gets a black border first, whose odd pixel comes after it.
  const place = (has: number, wants: number): number =>
    wants > has ? -Math.floor((wants - has) / 2) : roundToEven((has - wants) / 2);
  return cut(picture, place(picture.height, height), place(picture.width, width), height, width);
}

/**
 * Cuts out the middle of a picture; a smaller picture gets a black border.
 * @see torchvision.transforms.CenterCrop
 */
export class CenterCrop implements PictureTransform, TensorTransform {
  readonly height: number;
  readonly width: number;

  /** @throws RangeError for sizes that cannot be. */
  constructor(size: CropSize) {
    [this.height, this.width] = sizeOf('CenterCrop', size);
  }

  picture(picture: Picture): Picture {
    return cutCenter(picture, this.height, this.width);
  }

  tensor(x: Tensor): Tensor {
    return centerCrop(x, this.height, this.width);
  }
}

function centerCrop(x: Tensor, height: number, width: number): Tensor {
  const [, h, w] = dimensionsOf(x);
  const [down, across] = [Math.max(0, height - h), Math.max(0, width - w)];
  const half = (pixels: number): number => Math.floor(pixels / 2);
  const padded = down + across === 0 ? x : pad(x, [half(across), half(down), half(across + 1), half(down + 1)]);
  const [top, left] = [roundToEven((h + down - height) / 2), roundToEven((w + across - width) / 2)];
  return crop(padded, top, left, height, width);
}

function fiveCrops(x: Tensor, height: number, width: number): Tensor[] {
  const [, h, w] = dimensionsOf(x);
  checkFive(height, width, h, w);
  const corner = (top: number, left: number): Tensor => crop(x, top, left, height, width);
  const corners = [corner(0, 0), corner(0, w - width), corner(h - height, 0), corner(h - height, w - width)];
  return [...corners, centerCrop(x, height, width)];
}

function checkFive(height: number, width: number, h: number, w: number): void {
  if (h >= height && w >= width) return;
  throw new RangeError(`Requested crop size (${height}, ${width}) is bigger than input size (${h}, ${w})`);
}

/**
 * The four corners and the middle of a picture.
 * @see torchvision.transforms.FiveCrop
 */
export class FiveCrop {
  readonly height: number;
  readonly width: number;

  /** @throws RangeError for sizes that cannot be. */
  constructor(size: CropSize) {
    [this.height, this.width] = sizeOf('FiveCrop', size);
  }

  /**
   * @returns top left, top right, bottom left, bottom right, middle.
   * @throws RangeError for a picture that is smaller than the crops.
   */
  pictures(picture: Picture): Picture[] {
    const { height, width } = this;
    const [down, across] = [picture.height - height, picture.width - width];
    checkFive(height, width, picture.height, picture.width);
    const corner = (top: number, left: number): Picture => cut(picture, top, left, height, width);
    const corners = [corner(0, 0), corner(0, across), corner(down, 0), corner(down, across)];
    return [...corners, cutCenter(picture, height, width)];
  }

  /** The same of `[..., C, H, W]`. @throws RangeError for a picture that is smaller than the crops. */
  tensors(x: Tensor): Tensor[] {
    return fiveCrops(x, this.height, this.width);
  }
}

/**
 * The four corners and the middle of a picture, then those of its mirror image.
 * @see torchvision.transforms.TenCrop
 */
export class TenCrop {
  readonly #five: FiveCrop;

  /** @throws RangeError for sizes that cannot be. */
  constructor(
    size: CropSize,
    readonly verticalFlip = false,
  ) {
    this.#five = new FiveCrop(sizeOf('TenCrop', size));
  }

  get height(): number {
    return this.#five.height;
  }

  get width(): number {
    return this.#five.width;
  }

  /** @returns ten pictures in torchvision's order. @throws RangeError for a picture that is smaller than the crops. */
  pictures(picture: Picture): Picture[] {
    const other = this.verticalFlip ? upsideDown(picture) : mirror(picture);
    return [...this.#five.pictures(picture), ...this.#five.pictures(other)];
  }

  /** The same of `[..., C, H, W]`. @throws RangeError for a picture that is smaller than the crops. */
  tensors(x: Tensor): Tensor[] {
    const other = this.verticalFlip ? vflip(x) : hflip(x);
    return [...this.#five.tensors(x), ...this.#five.tensors(other)];
  }
}
