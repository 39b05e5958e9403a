import fs from 'node:fs';
import type { OutputInfo, Sharp } from 'sharp';
import { openRegularFile } from '../io/byte-source.js';
import { explainSystemError, IoError } from '../io/errors.js';
import { decodeBmp } from './bmp.js';
import { decodeNetpbm } from './netpbm.js';
import { BadPicture, MAX_PIXELS, planar } from './picture-bytes.js';
import { pictureFormat, type PictureFormat } from './picture-format.js';
import type { Picture } from './picture.js';

/**
 * Reads a picture as Pillow's `Image.open(file).convert('RGB')` does, which is what torchvision reads data sets with:
 * three colours, alpha and colour profiles left out, the first frame of an animation, the orientation of a camera not
 * applied (but a TIFF's), grey of 16 bits cut off at 255. JPEG, PNG, WebP, GIF, TIFF, BMP, PBM, PGM and PPM give Pillow's bytes;
 * AVIF comes close.
 * @param file path, or the bytes of a file.
 * @returns `[3, H, W]`.
 * @throws IoError `missing` | `access` | `kind` | `format` | `unsupported`, one line that names the file.
 */
export async function readPicture(file: string | Uint8Array): Promise<Picture> {
  return read(file, (bytes, format) => {
    if (format === 'BMP') return decodeBmp(bytes);
    if (format === 'Netpbm') return decodeNetpbm(bytes);
    return decodeWithSharp(bytes, format);
  });
}

/**
 * Height and width of what {@link readPicture} gives, from the head of the file; its pixels may still turn out to be damaged.
 * @throws IoError as there.
 */
export async function readPictureSize(file: string): Promise<readonly [height: number, width: number]> {
  return read(file, async (bytes, format) => {
    if (format === 'BMP' || format === 'Netpbm') {
      const { height, width } = format === 'BMP' ? decodeBmp(bytes) : decodeNetpbm(bytes);
      return [height, width];
    }
    const { default: sharp } = await import('sharp');
    const { width, height, autoOrient } = await sharp(bytes, SHARP_OPTIONS).metadata();
    return format === 'TIFF' ? [autoOrient.height, autoOrient.width] : [height, width];
  });
}

async function read<T>(
  file: string | Uint8Array,
  work: (bytes: Uint8Array, format: PictureFormat) => T | Promise<T>,
): Promise<T> {
  const name = typeof file === 'string' ? file : 'bytes';
  const bytes = typeof file === 'string' ? readWhole(file) : file;
  let format: PictureFormat | undefined;
  try {
    format = pictureFormat(bytes);
    return await work(bytes, format);
  } catch (error) {
    const code = error instanceof BadPicture ? error.code : 'format';
    const reason = (error as Error).message.trim().split('\n')[0] ?? '';
    const what = format === undefined ? reason : `not a whole ${format} picture, or one that cannot be read: ${reason}`;
    throw new IoError(code, `${name}: ${what}`, typeof file === 'string' ? file : undefined, { cause: error });
  }
}

function readWhole(path: string): Uint8Array {
  const { fd } = openRegularFile(path);
  try {
    return fs.readFileSync(fd);
  } catch (error) {
    throw explainSystemError(error, 'read', path);
  } finally {
    fs.closeSync(fd);
  }
}

/** Profiles are ignored and damage is refused, both as Pillow does. */
const SHARP_OPTIONS = { ignoreIcc: true, failOn: 'error', limitInputPixels: MAX_PIXELS } as const;

async function decodeWithSharp(bytes: Uint8Array, format: PictureFormat): Promise<Picture> {
  // Loaded when it is needed: most of those who import this package read no pictures.
  const { default: sharp } = await import('sharp');
  const source = format === 'GIF' ? withoutTransparency(bytes) : bytes;
  const open = (): Sharp => sharp(source, SHARP_OPTIONS);
  const { space, channels } = await open().metadata();
  const oriented = format === 'TIFF' ? open().autoOrient() : open();
  if (space === 'cmyk') {
    const { data, info } = await raw(oriented.pipelineColourspace('cmyk').toColourspace('cmyk').raw());
    return planar(fromCmyk(data), info.width, info.height, 3);
  }
  if (space === 'grey16' && channels === 1) {
    const { data, info } = await raw(oriented.toColourspace('grey16').raw({ depth: 'ushort' }));
    const values = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
    return planar(Uint8ClampedArray.from(values), info.width, info.height, 1);
  }
  const { data, info } = await raw(oriented.removeAlpha().toColourspace('srgb').raw());
  return planar(data, info.width, info.height, info.channels);
}

function raw(picture: Sharp): Promise<{ data: Buffer; info: OutputInfo }> {
  return picture.toBuffer({ resolveWithObject: true });
}

/** Pillow's formula, without profiles: what the black leaves, less the share that each ink takes of it. */
function fromCmyk(pixels: Uint8Array): Uint8Array {
  const result = new Uint8Array((pixels.length / 4) * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4) {
    const rest = 255 - pixels[from + 3]!;
    for (let c = 0; c < 3; c++) {
      const product = pixels[from + c]! * rest + 128;
      result[to++] = Math.max(0, rest - (((product >> 8) + product) >> 8));
    }
  }
  return result;
}

/** A GIF whose first frame has no transparent colour: sharp would make it black, Pillow shows the palette's. */
function withoutTransparency(bytes: Uint8Array): Uint8Array {
  const palette = (flags: number): number => (flags >= 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  let at = 13 + palette(bytes[10] ?? 0);
  while (bytes[at] === 0x21) {
    if (bytes[at + 1] === 0xf9 && (bytes[at + 3] ?? 0) % 2 === 1) {
      const copy = Uint8Array.from(bytes);
      copy[at + 3]! &= 0xfe;
      return copy;
    }
    for (at += 2; (bytes[at] ?? 0) > 0;) at += bytes[at]! + 1;
    at++;
  }
  return bytes;
}
