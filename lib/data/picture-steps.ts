import { CenterCrop, cut, mirror, TenCrop } from './crops.js';
import type { Picture } from './picture.js';
import { BadPicture } from './picture-bytes.js';
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

/** What was drawn for a picture to train on. */
export interface DrawnSteps {
  /** Height and width of the picture for which it was drawn. */
  readonly size: readonly [height: number, width: number];
  /** The part that is cut out. */
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
  /** Pixels of each side to which the part is brought. */
  readonly cropSize: number;
  readonly interpolation: Interpolation;
  /** Whether it is mirrored then. */
  readonly flip: boolean;
}

/**
 * @returns one picture, or ten.
 * @throws RangeError for a picture that is too small for ten crops; BadPicture for one of another size than was drawn for.
 */
export function applySteps(picture: Picture, steps: PictureSteps | DrawnSteps): Picture[] {
  if ('flip' in steps) return [applyDrawn(picture, steps)];
  const { resizeSize, cropSize, interpolation, tenCrop } = steps;
  const resized = new Resize(resizeSize, { interpolation }).picture(picture);
  return tenCrop ? new TenCrop(cropSize).pictures(resized) : [new CenterCrop(cropSize).picture(resized)];
}

function applyDrawn(picture: Picture, steps: DrawnSteps): Picture {
  const { size, top, left, height, width, cropSize, interpolation, flip } = steps;
  if (picture.height !== size[0] || picture.width !== size[1]) {
    const [claimed, found] = [`${size[1]}x${size[0]}`, `${picture.width}x${picture.height}`];
    throw new BadPicture('format', `it claims to be ${claimed} pixels large and has ${found}`);
  }
  const part = cut(picture, top, left, height, width);
  const resized = new Resize([cropSize, cropSize], { interpolation }).picture(part);
  return flip ? mirror(resized) : resized;
}
