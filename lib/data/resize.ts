import { expectInteger } from './expect.js';
import type { Tensor } from '../tensor/index.js';
import { dimensionsOf } from './tensor-colours.js';
import { resize, type TensorInterpolation } from './tensor-geometry.js';
import type { TensorTransform } from './transforms.js';
import type { Picture, PictureTransform } from './picture.js';
import { isInterpolation, resample } from './resample.js';

/** Options of {@link Resize}. */
export interface ResizeOptions {
  /** Default `bilinear`. Pictures, which know `bilinear` and `bicubic` alone, average over all pixels as they shrink, as Pillow always does. */
  readonly interpolation?: TensorInterpolation;
  /** Whether tensors do so too; default true. */
  readonly antialias?: boolean;
  /** The most the longer side may get, for a size that is one number; the shorter one gives way. */
  readonly maxSize?: number;
}

/**
 * Gives a picture another size, with the bytes of torchvision on a PIL picture.
 * @see torchvision.transforms.Resize
 */
export class Resize implements PictureTransform, TensorTransform {
  readonly interpolation: TensorInterpolation;
  readonly antialias: boolean;
  readonly maxSize: number | undefined;

  /**
   * @param size height and width in pixels; or one number for the shorter side, where the longer one follows.
   * @throws RangeError for sizes and names that cannot be.
   */
  constructor(
    readonly size: number | readonly [number, number],
    options: ResizeOptions = {},
  ) {
    this.interpolation = options.interpolation ?? 'bilinear';
    this.maxSize = options.maxSize;
    this.antialias = options.antialias ?? true;
    for (const each of typeof size === 'number' ? [size] : size) expectInteger('Resize size', each, 1);
    if (!['nearest', 'nearest-exact', 'bilinear', 'bicubic'].includes(this.interpolation)) {
      throw new RangeError(
        `Expected nearest, nearest-exact, bilinear or bicubic for Resize interpolation but received ${this.interpolation as string}`,
      );
    }
    if (this.maxSize === undefined) return;
    expectInteger('Resize maxSize', this.maxSize, 1);
    if (typeof size !== 'number') {
      throw new RangeError('max_size should only be passed if size specifies the length of the smaller edge');
    }
    if (this.maxSize <= size) {
      throw new RangeError(
        `max_size = ${this.maxSize} must be strictly greater than the requested size for the smaller edge size = ${size}`,
      );
    }
  }

  picture(picture: Picture): Picture {
    const [height, width] = this.#target(picture.height, picture.width);
    if (!isInterpolation(this.interpolation)) {
      throw new RangeError(`Expected bilinear or bicubic for Resize of a picture but received ${this.interpolation}`);
    }
    return resample(picture, height, width, this.interpolation);
  }

  tensor(x: Tensor): Tensor {
    const [, h, w] = dimensionsOf(x);
    const [height, width] = this.#target(h, w);
    return resize(x, height, width, { interpolation: this.interpolation, antialias: this.antialias });
  }

  #target(height: number, width: number): readonly [number, number] {
    if (typeof this.size !== 'number') return this.size;
    const [short, long] = width <= height ? [width, height] : [height, width];
    let newShort = this.size;
    let newLong = Math.trunc((this.size * long) / short);
    if (this.maxSize !== undefined && newLong > this.maxSize) {
      [newShort, newLong] = [Math.trunc((this.maxSize * newShort) / newLong), this.maxSize];
    }
    // A strip may leave nothing of its shorter side, which Pillow refuses too.
    if (newShort < 1) throw new RangeError('height and width must be > 0');
    return width <= height ? [newLong, newShort] : [newShort, newLong];
  }
}
