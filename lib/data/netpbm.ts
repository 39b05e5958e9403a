import { BadPicture, checkSize, planar } from './picture-bytes.js';
import type { Picture } from './picture.js';
import { roundToEven } from './round-to-even.js';

/** The forms of the family, by the digit they begin with: colours of a pixel, and whether numbers stand as text. */
const FORMS: Record<string, { channels: 1 | 3; bits: boolean; plain: boolean }> = {
  1: { channels: 1, bits: true, plain: true },
  2: { channels: 1, bits: false, plain: true },
  3: { channels: 3, bits: false, plain: true },
  4: { channels: 1, bits: true, plain: false },
  5: { channels: 1, bits: false, plain: false },
  6: { channels: 3, bits: false, plain: false },
};

/**
 * Reads PBM, PGM and PPM, as text and as bytes, with the values Pillow gives them: a maximum other than 255 is scaled,
 * and what is grey beyond a byte is cut off at 255.
 * @throws BadPicture
 */
export function decodeNetpbm(bytes: Uint8Array): Picture {
  const form = FORMS[String.fromCharCode(bytes[1] ?? 0)];
  if (form === undefined) throw new BadPicture('unsupported', 'a form of Netpbm that is not read');
  const reader = new TokenReader(bytes, 2);
  const width = reader.integer('width');
  const height = reader.integer('height');
  const maximum = form.bits ? 1 : reader.integer('maximum');
  checkSize(width, height);
  if (maximum < 1 || maximum > 65535)
    throw new BadPicture('format', `its maximum is ${maximum}, it must be 1 to 65535`);
  const count = width * height * form.channels;
  // Each value is a character at least, each bit of a file of bytes an eighth: asked before there is memory for them.
  if (count / (form.bits && !form.plain ? 8 : 1) > bytes.length) throw new BadPicture('format', 'it is truncated');
  const pixels = new Uint8Array(count);
  if (form.bits) {
    readBits(reader, form.plain, width, pixels);
  } else {
    const scale = scaling(maximum, form.channels);
    const next = form.plain ? plainValues(reader, maximum) : binaryValues(reader, maximum, count);
    for (let i = 0; i < count; i++) pixels[i] = scale(next());
  }
  return planar(pixels, width, height, form.channels);
}

function scaling(maximum: number, channels: number): (value: number) => number {
  if (maximum === 255) return (value) => value;
  const top = channels === 1 && maximum > 255 ? 65535 : 255;
  return (value) => Math.min(255, roundToEven((value / maximum) * top));
}

function plainValues(reader: TokenReader, maximum: number): () => number {
  return () => {
    const value = reader.integer('value');
    if (value > maximum) throw new BadPicture('format', `a value of ${value} where ${maximum} is the maximum`);
    return value;
  };
}

function binaryValues(reader: TokenReader, maximum: number, count: number): () => number {
  const wide = maximum > 255;
  const data = reader.rest(wide ? 2 * count : count);
  let at = 0;
  if (!wide) return () => data[at++]!;
  return () => {
    at += 2;
    return data[at - 2]! * 256 + data[at - 1]!;
  };
}

/** A one is black. */
function readBits(reader: TokenReader, plain: boolean, width: number, pixels: Uint8Array): void {
  if (plain) {
    for (let i = 0; i < pixels.length; i++) pixels[i] = reader.bit() ? 0 : 255;
    return;
  }
  const stride = Math.ceil(width / 8);
  const data = reader.rest((stride * pixels.length) / width);
  for (let i = 0; i < pixels.length; i++) {
    const x = i % width;
    const byte = data[((i - x) / width) * stride + (x >> 3)]!;
    pixels[i] = ((byte >> (7 - (x & 7))) & 1) === 1 ? 0 : 255;
  }
}

/** Numbers with blanks and comments between them. */
class TokenReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  integer(what: string): number {
    this.#skip();
    let value = 0;
    const begin = this.#at;
    for (let digit = this.#digit(); digit !== undefined; digit = this.#digit()) {
      if (this.#at - begin >= 10) throw new BadPicture('format', `its ${what} is too long a number`);
      value = 10 * value + digit;
      this.#at++;
    }
    if (this.#at === begin) {
      const ended = begin >= this.#bytes.length;
      throw new BadPicture(
        'format',
        ended ? `it ends where a ${what} should be` : `its ${what} is not a decimal number`,
      );
    }
    return value;
  }

  bit(): boolean {
    this.#skip();
    const digit = this.#digit();
    if (digit !== 0 && digit !== 1) throw new BadPicture('format', 'a bit that is neither 0 nor 1');
    this.#at++;
    return digit === 1;
  }

  /** `length` bytes after the one blank that ends the last number. */
  rest(length: number): Uint8Array {
    const data = this.#bytes.subarray(this.#at + 1, this.#at + 1 + length);
    if (data.length < length) {
      throw new BadPicture('format', `it is truncated: ${length - data.length} of its ${length} bytes are missing`);
    }
    return data;
  }

  #digit(): number | undefined {
    const digit = (this.#bytes[this.#at] ?? 0) - 0x30;
    return digit >= 0 && digit <= 9 ? digit : undefined;
  }

  #skip(): void {
    for (; ; this.#at++) {
      const byte = this.#bytes[this.#at];
      if (byte === 0x23) {
        while (this.#at < this.#bytes.length && this.#bytes[this.#at] !== 0x0a) this.#at++;
      } else if (byte !== 0x20 && !(byte !== undefined && byte >= 0x09 && byte <= 0x0d)) return;
    }
  }
}
