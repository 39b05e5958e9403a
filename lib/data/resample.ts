import type { Picture } from './picture.js';

/** How the pixels between others are found when a picture changes its size. */
export type Interpolation = 'bilinear' | 'bicubic';

/** A filter: what a pixel at a distance from the middle weighs, and from which distance on it is nothing. */
interface Kernel {
  readonly support: number;
  readonly weigh: (distance: number) => number;
}

const KERNELS: Record<Interpolation, Kernel> = {
  bilinear: { support: 1, weigh: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weigh: bicubic },
};

/** The cubic with `a = -0.5`. */
function bicubic(distance: number): number {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

export function isInterpolation(name: string): name is Interpolation {
  return Object.hasOwn(KERNELS, name);
}

/** A weight is held as an integer of this many binary places: 32 bits less 8 of a byte and 2 for what overshoots. */
const PRECISION = 32 - 8 - 2;
const ONE = 1 << PRECISION;
const HALF = 1 << (PRECISION - 1);

/** For each pixel of the result: the first pixel it is made of, how many there are, and their weights in a row. */
interface Weights {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** Weights of pixel `i` begin at `i * stride`. */
  readonly values: Int32Array;
  readonly stride: number;
}

function weightsOf(from: number, to: number, { support, weigh }: Kernel): Weights {
  const scale = from / to;
  const widening = Math.max(1, scale); // a picture that shrinks is averaged over all it is made of
  const reach = support * widening;
  const stride = Math.ceil(reach) * 2 + 1;
  const weights = { first: new Int32Array(to), count: new Int32Array(to), values: new Int32Array(to * stride), stride };
  const row = new Float64Array(stride);
  for (let i = 0; i < to; i++) {
    const middle = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(middle - reach + 0.5));
    const count = Math.min(from, Math.trunc(middle + reach + 0.5)) - first;
    let sum = 0;
    for (let j = 0; j < count; j++) {
      row[j] = weigh((j + first - middle + 0.5) * (1 / widening));
      sum += row[j]!;
    }
    for (let j = 0; j < count; j++) {
      const share = (sum === 0 ? row[j]! : row[j]! / sum) * ONE;
      weights.values[i * stride + j] = Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    }
    weights.first[i] = first;
    weights.count[i] = count;
  }
  return weights;
}

function toByte(sum: number): number {
  const value = sum >> PRECISION;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

function resampleRows(source: Uint8Array, from: number, to: number, kernel: Kernel): Uint8Array {
  const { first, count, values, stride } = weightsOf(from, to, kernel);
  const rows = source.length / from;
  const result = new Uint8Array(rows * to);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < to; i++) {
      let sum = HALF;
      const at = row * from + first[i]!;
      for (let j = 0, w = i * stride, n = count[i]!; j < n; j++) sum = (sum + source[at + j]! * values[w + j]!) | 0;
      result[row * to + i] = toByte(sum);
    }
  }
  return result;
}

function resampleColumns(source: Uint8Array, width: number, from: number, to: number, kernel: Kernel): Uint8Array {
  const { first, count, values, stride } = weightsOf(from, to, kernel);
  const channels = source.length / (width * from);
  const result = new Uint8Array(channels * to * width);
  const sums = new Int32Array(width);
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < to; i++) {
      sums.fill(HALF);
      for (let j = 0; j < count[i]!; j++) {
        const weight = values[i * stride + j]!;
        const at = (channel * from + first[i]! + j) * width;
        for (let x = 0; x < width; x++) sums[x]! += source[at + x]! * weight;
      }
      const out = (channel * to + i) * width;
      for (let x = 0; x < width; x++) result[out + x] = toByte(sums[x]!);
    }
  }
  return result;
}

/**
 * Gives a picture another size, byte for byte as Pillow does: the rows first, then the columns (of a strip the columns first), with
 * bytes between the two and with weights that are integers of 22 binary places. A picture that shrinks is averaged over all its pixels,
 * which others call antialiasing.
 * @param picture `[channels, height, width]`, not changed.
 * @see PIL.Image.Image.resize
 */
export function resample(picture: Picture, height: number, width: number, interpolation: Interpolation): Picture {
  const kernel = KERNELS[interpolation];
  let { data } = picture;
  // Of a tall strip that shrinks Pillow works on the columns first.
  if (picture.height > 100 * picture.width && height < picture.height) {
    data = resampleColumns(data, picture.width, picture.height, height, kernel);
    if (width !== picture.width) data = resampleRows(data, picture.width, width, kernel);
    return { channels: picture.channels, height, width, data };
  }
  if (width !== picture.width) data = resampleRows(data, picture.width, width, kernel);
  if (height !== picture.height) data = resampleColumns(data, width, picture.height, height, kernel);
  return { channels: picture.channels, height, width, data };
}
