import type { Tensor } from '../tensor/index.js';
import { CenterCrop } from './crops.js';
import { Grayscale } from './grayscale.js';
import type { Picture } from './picture.js';
import { applySteps, type PictureSteps } from './picture-steps.js';
import type { Interpolation } from './resample.js';
import { Resize } from './resize.js';
import { Compose, Normalize, ToTensor } from './transforms.js';

/** Options of {@link ImageClassification}; `transforms` of published weights is such a bag. */
export interface ImageClassificationOptions {
  /** Pixels of each side of the square that is cut out of the middle. */
  readonly cropSize: number;
  /** Pixels of the shorter side before that; default 256. */
  readonly resizeSize?: number;
  /** Default `bilinear`, averaged over all pixels. */
  readonly interpolation?: Interpolation;
  /** Subtracted from the channels red, green, blue in 0 to 1; default ImageNet's. A single number is for brightness alone. */
  readonly mean?: readonly number[];
  /** The channels are divided by these; default ImageNet's. */
  readonly std?: readonly number[];
}

/**
 * How pictures are made ready for a network that tells what they show: the shorter side resized, the middle cut out, the
 * channels normalised. The tensors are torchvision's on the same PIL picture, bit for bit.
 * @see torchvision.transforms._presets.ImageClassification
 */
export class ImageClassification {
  readonly cropSize: number;
  readonly resizeSize: number;
  readonly interpolation: Interpolation;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly #toTensor: Compose;

  /** @throws RangeError for numbers that cannot be. */
  constructor(options: ImageClassificationOptions) {
    this.cropSize = options.cropSize;
    this.resizeSize = options.resizeSize ?? 256;
    this.interpolation = options.interpolation ?? 'bilinear';
    this.mean = options.mean ?? [0.485, 0.456, 0.406];
    this.std = options.std ?? [0.229, 0.224, 0.225];
    this.#toTensor = new Compose([
      ...(this.mean.length === 1 ? [new Grayscale()] : []),
      new ToTensor(),
      new Normalize(this.mean, this.std),
    ]);
    // Refused here, not when the first picture comes.
    new Resize(this.resizeSize, { interpolation: this.interpolation });
    new CenterCrop(this.cropSize);
  }

  /** The steps on bytes as plain data. @param tenCrop ten crops, not that of the middle alone. */
  steps(tenCrop = false): PictureSteps {
    const { resizeSize, cropSize, interpolation } = this;
    return { resizeSize, cropSize, interpolation, tenCrop };
  }

  /** @param pictures of any sizes. @returns float32 `[N, 3, cropSize, cropSize]`, owned by the current scope. */
  batch(pictures: readonly Picture[]): Tensor {
    return this.normalize(pictures.flatMap((picture) => applySteps(picture, this.steps())));
  }

  /**
   * The four corners and the middle of each picture and of its mirror image.
   * @returns float32 `[N, 10, 3, cropSize, cropSize]`, owned by the current scope.
   * @throws RangeError for a picture that is smaller than the crops when it has been resized.
   */
  tenCropBatch(pictures: readonly Picture[]): Tensor {
    const crops = this.normalize(pictures.flatMap((picture) => applySteps(picture, this.steps(true))));
    const { shape } = crops;
    return crops.view([pictures.length, 10, ...shape.slice(1)]);
  }

  /** @param pictures cut out already, all of one size. @returns float32 `[N, C, H, W]`, owned by the current scope. */
  normalize(pictures: readonly Picture[]): Tensor {
    return this.#toTensor.batch(pictures);
  }
}
