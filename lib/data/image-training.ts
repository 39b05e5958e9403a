import type { Generator, Tensor } from '../tensor/index.js';
import { Grayscale } from './grayscale.js';
import { expectProbability, drawWith } from './random.js';
import type { Picture } from './picture.js';
import { applySteps, type DrawnSteps } from './picture-steps.js';
import { RandomResizedCrop, type Range } from './random-resized-crop.js';
import type { Interpolation } from './resample.js';
import { Compose, Normalize, ToTensor } from './transforms.js';

/** Options of {@link ImageTraining}. */
export interface ImageTrainingOptions {
  /** Pixels of each side of what comes out. */
  readonly cropSize: number;
  /** Part of the picture's area that is cut out; default 0.08 to 1. */
  readonly scale?: Range;
  /** Width of the part divided by its height; default 3/4 to 4/3. */
  readonly ratio?: Range;
  /** Probability of a mirror image; default 0.5. */
  readonly flip?: number;
  /** Default `bilinear`, averaged over all pixels. */
  readonly interpolation?: Interpolation;
  /** Subtracted from the channels red, green, blue in 0 to 1; default ImageNet's. A single number is for brightness alone. */
  readonly mean?: readonly number[];
  /** The channels are divided by these; default ImageNet's. */
  readonly std?: readonly number[];
}

/**
 * How pictures are made ready to train on: a random part of a random form and size, mirrored or not, normalised, as in torchvision's
 * reference program. The tensors are torchvision's on the same PIL picture, bit for bit.
 * @see torchvision.transforms.RandomResizedCrop, torchvision.transforms.RandomHorizontalFlip
 */
export class ImageTraining {
  readonly cropSize: number;
  readonly flip: number;
  readonly interpolation: Interpolation;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly #crop: RandomResizedCrop;
  readonly #toTensor: Compose;

  /** @throws RangeError for numbers that cannot be. */
  constructor(options: ImageTrainingOptions) {
    const { cropSize, flip = 0.5, interpolation = 'bilinear', scale, ratio } = options;
    this.cropSize = cropSize;
    this.flip = flip;
    this.interpolation = interpolation;
    this.mean = options.mean ?? [0.485, 0.456, 0.406];
    this.std = options.std ?? [0.229, 0.224, 0.225];
    expectProbability(flip);
    this.#crop = new RandomResizedCrop(cropSize, {
      interpolation,
      ...(scale !== undefined && { scale }),
      ...(ratio !== undefined && { ratio }),
    });
    this.#toTensor = new Compose([
      ...(this.mean.length === 1 ? [new Grayscale()] : []),
      new ToTensor(),
      new Normalize(this.mean, this.std),
    ]);
  }

  /** Draws the part and the mirror for a picture of this size. @param generator instead of the default one. */
  draw(height: number, width: number, generator: Generator | null = null): DrawnSteps {
    const { cropSize, interpolation } = this;
    const part = this.#crop.draw(height, width, generator);
    return { size: [height, width], ...part, cropSize, interpolation, flip: drawWith(this.flip, generator) };
  }

  /** Draws for one picture after the other. @returns float32 `[N, 3, cropSize, cropSize]`, owned by the current scope. */
  batch(pictures: readonly Picture[], generator: Generator | null = null): Tensor {
    const drawn = pictures.map((picture) => this.draw(picture.height, picture.width, generator));
    return this.normalize(pictures.flatMap((picture, index) => applySteps(picture, drawn[index]!)));
  }

  /** @param pictures cut out already, all of one size. @returns float32 `[N, C, H, W]`, owned by the current scope. */
  normalize(pictures: readonly Picture[]): Tensor {
    return this.#toTensor.batch(pictures);
  }
}
