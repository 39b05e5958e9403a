import { tensor, type Generator, type Tensor } from '../tensor/index.js';
import { cut, sizeOf, type CropSize } from './crops.js';
import type { Picture, PictureTransform } from './picture.js';
import { drawBetween, drawInteger } from './random.js';
import { Resize, type ResizeOptions } from './resize.js';
import { roundToEven } from './round-to-even.js';
import { dimensionsOf } from './tensor-colours.js';
import { crop } from './tensor-geometry.js';
import type { TensorTransform } from './transforms.js';

/** Two numbers, the least and the most. */
export type Range = readonly [low: number, high: number];

/** Options of {@link RandomResizedCrop}. */
export interface RandomResizedCropOptions extends Pick<ResizeOptions, 'interpolation' | 'antialias'> {
  /** Part of the picture's area that is cut out; default 0.08 to 1. */
  readonly scale?: Range;
  /** Width of the part divided by its height; default 3/4 to 4/3. */
  readonly ratio?: Range;
}

/** @throws RangeError for what is no range. */
export function expectRange(name: string, [low, high]: Range, least: number, most = Infinity): void {
  if (low >= least && low <= high && high <= most) return;
  throw new RangeError(`Expected ${name} of two growing numbers from ${least} to ${most} but received ${low}, ${high}`);
}

/** Logarithms in float32, as torch computes them. */
export function logRange(ratio: Range): Range {
  const logs = tensor(Float32Array.from(ratio)).log_();
  const [low, high] = logs.toTypedArray() as Float32Array;
  logs.dispose();
  return [low!, high!];
}

/** `torch.exp(torch.empty(1).uniform_(low, high)).item()`. */
export function drawExponential([low, high]: Range, generator: Generator | null = null): number {
  const drawn = tensor(Float32Array.of(drawBetween(low, high, generator))).exp_();
  const value = drawn.item();
  drawn.dispose();
  return value;
}

/** A part of a picture, in pixels. */
export interface PicturePart {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Cuts out a random part of a picture, of a random area and form, and gives it a size: how pictures of ImageNet are trained on.
 * @see torchvision.transforms.RandomResizedCrop
 */
export class RandomResizedCrop implements PictureTransform, TensorTransform {
  readonly scale: Range;
  readonly ratio: Range;
  readonly #resize: Resize;
  readonly #logRatio: Range;

  /** @param size of what comes out, in pixels. @throws RangeError for numbers that cannot be. */
  constructor(size: CropSize, options: RandomResizedCropOptions = {}) {
    const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3], ...how } = options;
    expectRange('a scale', scale, 0);
    expectRange('a ratio', ratio, Number.MIN_VALUE);
    this.scale = scale;
    this.ratio = ratio;
    this.#resize = new Resize(sizeOf('RandomResizedCrop', size), how);
    this.#logRatio = logRange(ratio);
  }

  picture(picture: Picture): Picture {
    const { top, left, height, width } = this.draw(picture.height, picture.width);
    return this.#resize.picture(cut(picture, top, left, height, width));
  }

  tensor(x: Tensor): Tensor {
    const [, h, w] = dimensionsOf(x);
    const { top, left, height, width } = this.draw(h, w);
    return this.#resize.tensor(crop(x, top, left, height, width));
  }

  /** Draws the part of a picture of this size. @param generator instead of the default one. @see torchvision.transforms.RandomResizedCrop.get_params */
  draw(height: number, width: number, generator: Generator | null = null): PicturePart {
    const area = height * width;
    for (let attempt = 0; attempt < 10; attempt++) {
      const target = area * drawBetween(...this.scale, generator);
      const aspect = drawExponential(this.#logRatio, generator);
      const w = roundToEven(Math.sqrt(target * aspect));
      const h = roundToEven(Math.sqrt(target / aspect));
      if (w > 0 && w <= width && h > 0 && h <= height) {
        const top = drawInteger(0, height - h + 1, generator);
        return { top, left: drawInteger(0, width - w + 1, generator), height: h, width: w };
      }
    }
    const [low, high] = this.ratio;
    const form = width / height;
    const w = form > high ? roundToEven(height * high) : width;
    const h = form < low ? roundToEven(width / low) : height;
    return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w };
  }
}
