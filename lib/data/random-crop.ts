import type { Tensor } from '../tensor/index.js';
import { cut, sizeOf, type CropSize } from './crops.js';
import { expectInteger } from './expect.js';
import { checkPadding, padPicture, type PadOptions } from './pad.js';
import type { Picture, PictureTransform } from './picture.js';
import { drawInteger } from './random.js';
import { dimensionsOf } from './tensor-colours.js';
import { crop, pad, type Padding, type PadMode } from './tensor-geometry.js';
import type { TensorTransform } from './transforms.js';

/** Options of {@link RandomCrop}. */
export interface RandomCropOptions extends PadOptions {
  /** Border that is added before cutting; default 0. */
  readonly padding?: Padding;
  /** Whether a picture that is too small gets a border that makes it large enough; default false. */
  readonly padIfNeeded?: boolean;
}

/**
 * Cuts a random part out of a picture.
 * @see torchvision.transforms.RandomCrop
 */
export class RandomCrop implements PictureTransform, TensorTransform {
  readonly height: number;
  readonly width: number;
  readonly padding: Padding;
  readonly fill: number;
  readonly paddingMode: PadMode;
  readonly padIfNeeded: boolean;

  /** @throws RangeError for sizes and borders that cannot be. */
  constructor(size: CropSize, options: RandomCropOptions = {}) {
    [this.height, this.width] = sizeOf('RandomCrop', size);
    this.padding = options.padding ?? 0;
    this.fill = options.fill ?? 0;
    this.paddingMode = options.paddingMode ?? 'constant';
    this.padIfNeeded = options.padIfNeeded ?? false;
    checkPadding('RandomCrop', this.padding, this.paddingMode);
    if (Number.isNaN(this.fill)) throw new RangeError('Expected a number for RandomCrop fill but received NaN');
  }

  picture(picture: Picture): Picture {
    const { fill, padding, paddingMode } = this;
    expectInteger('RandomCrop fill', fill, 0, 255);
    const plain = typeof padding === 'number' && paddingMode === 'constant' && fill === 0 && !this.padIfNeeded;
    if (plain) {
      const place = this.#place(picture.height + 2 * padding, picture.width + 2 * padding);
      return cut(picture, place[0] - padding, place[1] - padding, this.height, this.width);
    }
    let padded = padPicture(picture, padding, fill, paddingMode);
    for (const border of this.#borders(padded.height, padded.width)) {
      padded = padPicture(padded, border, fill, paddingMode);
    }
    const [top, left] = this.#place(padded.height, padded.width);
    return cut(padded, top, left, this.height, this.width);
  }

  tensor(x: Tensor): Tensor {
    const { fill, padding, paddingMode } = this;
    let padded = padding === 0 ? x : pad(x, padding, fill, paddingMode);
    const [, height, width] = dimensionsOf(padded);
    for (const border of this.#borders(height, width)) padded = pad(padded, border, fill, paddingMode);
    const [, h, w] = dimensionsOf(padded);
    const [top, left] = this.#place(h, w);
    return crop(padded, top, left, this.height, this.width);
  }

  /** As torchvision, on both sides what is missing. */
  #borders(height: number, width: number): Padding[] {
    if (!this.padIfNeeded) return [];
    const [down, across] = [this.height - height, this.width - width];
    return [...(across > 0 ? [[across, 0] as const] : []), ...(down > 0 ? [[0, down] as const] : [])];
  }

  /** Draws nothing for a picture of the right size. */
  #place(height: number, width: number): [top: number, left: number] {
    if (height < this.height || width < this.width) {
      throw new RangeError(
        `Required crop size (${this.height}, ${this.width}) is larger than input image size (${height}, ${width})`,
      );
    }
    if (height === this.height && width === this.width) return [0, 0];
    const top = drawInteger(0, height - this.height + 1);
    return [top, drawInteger(0, width - this.width + 1)];
  }
}
