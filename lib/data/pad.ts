import type { Tensor } from '../tensor/index.js';
import { expectInteger } from './expect.js';
import type { Picture, PictureTransform } from './picture.js';
import { pad, sidesOf, type PadMode, type Padding } from './tensor-geometry.js';
import type { TensorTransform } from './transforms.js';

/** Options of {@link Pad} and of the border of a random crop. */
export interface PadOptions {
  /** Value of added pixels in mode `constant`: 0 to 255 for pictures, any number for tensors; default 0. */
  readonly fill?: number;
  /** Default `constant`. */
  readonly paddingMode?: PadMode;
}

const MODES: readonly PadMode[] = ['constant', 'edge', 'reflect', 'symmetric'];

/** @throws RangeError for borders that cannot be. */
export function checkPadding(name: string, padding: Padding, mode: PadMode): void {
  for (const side of sidesOf(padding)) expectInteger(`${name} padding`, side, 0);
  if (!MODES.includes(mode)) {
    throw new RangeError('Padding mode should be either constant, edge, reflect or symmetric');
  }
}

/** The pixel that stands at place `i` of a row of `size`; -1 for none. A mirror that is too small is mirrored again. */
function sourceOf(i: number, size: number, mode: PadMode): number {
  if (i >= 0 && i < size) return i;
  if (mode === 'constant') return -1;
  if (mode === 'edge' || size === 1) return i < 0 ? 0 : size - 1;
  const period = mode === 'reflect' ? 2 * (size - 1) : 2 * size;
  const place = ((i % period) + period) % period;
  if (mode === 'reflect') return place < size ? place : period - place;
  return place < size ? place : period - 1 - place;
}

/** A picture with a border. */
export function padPicture(picture: Picture, padding: Padding, fill: number, mode: PadMode): Picture {
  const [left, top, right, bottom] = sidesOf(padding);
  const { channels } = picture;
  const [height, width] = [picture.height + top + bottom, picture.width + left + right];
  const data = new Uint8Array(channels * height * width).fill(fill);
  const columns = Int32Array.from({ length: width }, (_, x) => sourceOf(x - left, picture.width, mode));
  for (let y = 0; y < height; y++) {
    const row = sourceOf(y - top, picture.height, mode);
    if (row < 0) continue;
    for (let c = 0; c < channels; c++) {
      const from = (c * picture.height + row) * picture.width;
      const to = (c * height + y) * width;
      for (let x = 0; x < width; x++) if (columns[x]! >= 0) data[to + x] = picture.data[from + columns[x]!]!;
    }
  }
  return { channels, height, width, data };
}

/**
 * Adds a border.
 * @see torchvision.transforms.Pad
 */
export class Pad implements PictureTransform, TensorTransform {
  readonly fill: number;
  readonly paddingMode: PadMode;

  /**
   * @param padding pixels on all sides; left and right, top and bottom; or left, top, right, bottom.
   * @throws RangeError for borders that cannot be.
   */
  constructor(
    readonly padding: Padding,
    options: PadOptions = {},
  ) {
    this.fill = options.fill ?? 0;
    this.paddingMode = options.paddingMode ?? 'constant';
    checkPadding('Pad', padding, this.paddingMode);
  }

  picture(picture: Picture): Picture {
    expectInteger('Pad fill', this.fill, 0, 255);
    return padPicture(picture, this.padding, this.fill, this.paddingMode);
  }

  tensor(x: Tensor): Tensor {
    return pad(x, this.padding, this.fill, this.paddingMode);
  }
}
