import { BadPicture, checkSize } from './picture-bytes.js';
import type { Picture } from './picture.js';

const HEADERS = [12, 40, 52, 56, 64, 108, 124];
const [RAW, BITFIELDS] = [0, 3];

/** Red, green and blue of a pixel. */
type Colours = readonly [red: number, green: number, blue: number];

/** What the head of a file says. */
interface Head {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly compression: number;
  /** Rows stand from the top to the bottom, not the other way round. */
  readonly fromTop: boolean;
  readonly colours: number;
  /** Bytes of a colour in the palette. */
  readonly entry: 3 | 4;
  /** Where masks or the palette begin. */
  readonly after: number;
  readonly pixels: number;
  readonly size: number;
}

/** Reads Windows bitmaps of 1, 4, 8, 16, 24 and 32 bits without run-length coding; alpha is dropped. @throws BadPicture */
export function decodeBmp(bytes: Uint8Array): Picture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return decode(view, readHead(view));
  } catch (error) {
    if (error instanceof RangeError) throw new BadPicture('format', 'it is truncated');
    throw error;
  }
}

function readHead(view: DataView): Head {
  const size = view.getUint32(14, true);
  if (!HEADERS.includes(size)) throw new BadPicture('unsupported', `a header of ${size} bytes is not known`);
  const old = size === 12;
  const width = old ? view.getUint16(18, true) : view.getInt32(18, true);
  const height = old ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(old ? 24 : 28, true);
  const counted = old ? 0 : view.getUint32(46, true);
  const head = {
    width,
    height: Math.abs(height),
    bits,
    compression: old ? RAW : view.getUint32(30, true),
    fromTop: height < 0,
    colours: counted === 0 ? 2 ** Math.min(bits, 8) : counted,
    entry: old ? 3 : 4,
    after: 14 + size,
    pixels: view.getUint32(10, true),
    size,
  } as const;
  checkSize(head.width, head.height);
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw new BadPicture('unsupported', `${bits} bits a pixel are not read`);
  if (head.compression !== RAW && head.compression !== BITFIELDS) {
    throw new BadPicture('unsupported', `its compression ${head.compression} is not read`);
  }
  return head;
}

function decode(view: DataView, head: Head): Picture {
  const { width, height, bits } = head;
  const colour = bits <= 8 ? paletteReader(view, head) : colourReader(view, head);
  const stride = Math.ceil((width * bits) / 32) * 4;
  // Some programs leave the palette out of the place they give.
  const unaware = bits <= 8 && head.pixels === head.after;
  const begin = unaware ? head.after + head.entry * head.colours : head.pixels;
  if (view.byteLength < begin + stride * (height - 1) + Math.ceil((width * bits) / 8)) {
    throw new BadPicture('format', 'it is truncated');
  }
  const area = width * height;
  const data = new Uint8Array(3 * area);
  for (let y = 0; y < height; y++) {
    const row = begin + stride * (head.fromTop ? y : height - 1 - y);
    for (let x = 0, at = y * width; x < width; x++, at++) {
      const [red, green, blue] = colour(row, x);
      data[at] = red;
      data[at + area] = green;
      data[at + 2 * area] = blue;
    }
  }
  return { channels: 3, height, width, data };
}

function paletteReader(view: DataView, { bits, colours, entry, after }: Head): (row: number, x: number) => Colours {
  if (colours > 65536) throw new BadPicture('format', `a palette of ${colours} colours`);
  const palette = Array.from({ length: Math.min(colours, 2 ** bits) }, (_, i): Colours => {
    const at = after + i * entry;
    return [view.getUint8(at + 2), view.getUint8(at + 1), view.getUint8(at)];
  });
  const mask = 2 ** bits - 1;
  return (row, x) => {
    const bit = x * bits;
    const index = (view.getUint8(row + (bit >> 3)) >> (8 - bits - (bit & 7))) & mask;
    return palette[index] ?? [0, 0, 0];
  };
}

function colourReader(view: DataView, head: Head): (row: number, x: number) => Colours {
  const { bits, compression, after } = head;
  // The masks stand in the longer headers, and right behind the shorter ones: the same place.
  const given = compression === BITFIELDS ? [0, 4, 8].map((offset) => view.getUint32(54 + offset, true)) : [0, 0, 0];
  if (compression === BITFIELDS && after < 54) throw new BadPicture('format', 'masks in a header that has none');
  const usual = bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff];
  const [red, green, blue] = (given.every((mask) => mask === 0) ? usual : given).map(field);
  const step = bits / 8;
  const value = (at: number): number => {
    if (bits === 16) return view.getUint16(at, true);
    return bits === 32
      ? view.getUint32(at, true)
      : view.getUint8(at) + view.getUint8(at + 1) * 256 + view.getUint8(at + 2) * 65536;
  };
  return (row, x) => {
    const pixel = value(row + x * step);
    return [red!(pixel), green!(pixel), blue!(pixel)];
  };
}

/** Takes the bits of a mask out of a pixel and makes a byte of them. */
function field(mask: number): (pixel: number) => number {
  const shift = Math.log2(mask & -mask || 1) | 0;
  const most = mask >>> shift;
  if (most !== 0xff && most !== 0x1f && most !== 0x3f) {
    throw new BadPicture('unsupported', `its mask 0x${mask.toString(16)} of a colour is not read`);
  }
  return (pixel) => Math.floor((((pixel >>> shift) & most) * 255) / most);
}
