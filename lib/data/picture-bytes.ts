import type { Picture } from './picture.js';

/** What is wrong with the bytes of a picture; whoever knows the file says which. */
export class BadPicture extends Error {
  /** @param code `format` for damage, `unsupported` for a form that is not read. */
  constructor(
    readonly code: 'format' | 'unsupported',
    message: string,
  ) {
    super(message);
  }
}

/** Pillow reads no more than this, twice its own warning: a small file can claim to hold any size. */
export const MAX_PIXELS = 178_956_970;

/** @throws BadPicture for what is no size of a picture. */
export function checkSize(width: number, height: number): void {
  if (!(width > 0 && height > 0)) throw new BadPicture('format', `it claims to be ${width}x${height} pixels large`);
  if (width * height > MAX_PIXELS) {
    throw new BadPicture('unsupported', `its ${width}x${height} pixels are more than the ${MAX_PIXELS} that are read`);
  }
}

/** A picture of three colours from pixels that stand one after the other. @param channels of a pixel: 1 is grey. */
export function planar(pixels: ArrayLike<number>, width: number, height: number, channels: number): Picture {
  const area = width * height;
  const data = new Uint8Array(3 * area);
  for (let c = 0; c < 3; c++) {
    for (let i = 0, at = channels === 1 ? 0 : c; i < area; i++, at += channels) data[c * area + i] = pixels[at]!;
  }
  return { channels: 3, height, width, data };
}
