import { CenterCrop, TenCrop } from './crops.js';
import type { Picture } from './picture.js';
import type { Interpolation } from './resample.js';
import { Resize } from './resize.js';

/** What is done to the bytes of a picture before it becomes a tensor, as plain data that a worker can be told. */
export interface PictureSteps {
  /** Pixels of the shorter side. */
  readonly resizeSize: number;
  /** Pixels of each side of the square that is cut out. */
  readonly cropSize: number;
  readonly interpolation: Interpolation;
  /** Ten crops, not that of the middle alone. */
  readonly tenCrop: boolean;
}

/** @returns one picture, or ten. @throws RangeError for a picture that is too small for ten crops. */
export function applySteps(picture: Picture, steps: PictureSteps): Picture[] {
  const { resizeSize, cropSize, interpolation, tenCrop } = steps;
  const resized = new Resize(resizeSize, { interpolation }).picture(picture);
  return tenCrop ? new TenCrop(cropSize).pictures(resized) : [new CenterCrop(cropSize).picture(resized)];
}
