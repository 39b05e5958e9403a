import { noGrad, scope, tensor, type Tensor } from '../tensor/index.js';
import { expectInteger } from './expect.js';
import { mirror } from './crops.js';
import type { Picture, PictureTransform } from './picture.js';
import { drawInteger, drawUniform } from './random.js';

/** A step on float tensors `[..., C, H, W]` that treats every value by itself, with constants of its channel. */
export interface TensorTransform {
  tensor(x: Tensor): Tensor;
}

/**
 * Cuts a random part out of a picture.
 * @see torchvision.transforms.RandomCrop
 */
export class RandomCrop implements PictureTransform {
  readonly height: number;
  readonly width: number;
  readonly padding: number;
  readonly fill: number;

  /**
   * @param size height and width in pixels, or one number for both.
   * @param options.padding pixels added on every side before cutting, default 0.
   * @param options.fill value of added pixels, 0 to 255, default 0.
   */
  constructor(size: number | readonly [number, number], options: { padding?: number; fill?: number } = {}) {
    [this.height, this.width] = typeof size === 'number' ? [size, size] : size;
    this.padding = options.padding ?? 0;
    this.fill = options.fill ?? 0;
    expectInteger('RandomCrop size', this.height, 1);
    expectInteger('RandomCrop size', this.width, 1);
    expectInteger('RandomCrop padding', this.padding, 0);
    expectInteger('RandomCrop fill', this.fill, 0, 255);
  }

  picture(picture: Picture): Picture {
    const paddedHeight = picture.height + 2 * this.padding;
    const paddedWidth = picture.width + 2 * this.padding;
    if (paddedHeight < this.height || paddedWidth < this.width) {
      throw new RangeError(
        `Required crop size (${this.height}, ${this.width}) is larger than input image size (${paddedHeight}, ${paddedWidth})`,
      );
    }
    if (paddedHeight === this.height && paddedWidth === this.width) return this.#cut(picture, 0, 0); // draws nothing
    const top = drawInteger(0, paddedHeight - this.height + 1);
    const left = drawInteger(0, paddedWidth - this.width + 1);
    return this.#cut(picture, top, left);
  }

  #cut(picture: Picture, top: number, left: number): Picture {
    const { height, width } = this;
    const { channels } = picture;
    const data = new Uint8Array(channels * height * width);
    if (this.fill !== 0) data.fill(this.fill);
    const dy = top - this.padding;
    const dx = left - this.padding;
    const [firstRow, endRow] = [Math.max(0, -dy), Math.min(height, picture.height - dy)];
    const [firstColumn, endColumn] = [Math.max(0, -dx), Math.min(width, picture.width - dx)];
    for (let c = 0; c < channels; c++) {
      for (let y = firstRow; y < endRow; y++) {
        const from = (c * picture.height + y + dy) * picture.width + dx;
        const to = (c * height + y) * width;
        for (let x = firstColumn; x < endColumn; x++) data[to + x] = picture.data[from + x]!;
      }
    }
    return { channels, height, width, data };
  }
}

/**
 * Mirrors a picture left to right with probability `p`.
 * @see torchvision.transforms.RandomHorizontalFlip
 */
export class RandomHorizontalFlip implements PictureTransform {
  constructor(readonly p = 0.5) {
    if (!(p >= 0 && p <= 1)) throw new RangeError(`Expected a probability from 0 to 1 for p but received ${p}`);
  }

  picture(picture: Picture): Picture {
    // Python compares a float32 tensor with the number p, which becomes a float32 for it.
    if (!(drawUniform() < Math.fround(this.p))) return picture;
    return mirror(picture);
  }
}

/**
 * Bytes 0 to 255 to float32 0 to 1.
 * @see torchvision.transforms.ToTensor
 */
export class ToTensor {
  /** @param bytes uint8 `[..., C, H, W]`. @returns float32 of that shape. */
  convert(bytes: Tensor): Tensor {
    return bytes.to('float32').div(255);
  }
}

/**
 * `(x - mean) / std`, channel by channel.
 * @see torchvision.transforms.Normalize
 */
export class Normalize implements TensorTransform {
  constructor(
    readonly mean: readonly number[],
    readonly std: readonly number[],
  ) {
    if (mean.length === 0 || mean.length !== std.length) {
      throw new RangeError(
        `Expected mean and std of the same length but received ${mean.length} and ${std.length} numbers`,
      );
    }
    if (![...mean, ...std].every(Number.isFinite)) throw new RangeError('Expected finite numbers for mean and std');
    if (std.some((value) => Math.fround(value) === 0))
      throw new RangeError('std evaluated to zero, leading to division by zero');
  }

  tensor(x: Tensor): Tensor {
    const constants = (values: readonly number[]): Tensor =>
      tensor(Float32Array.from(values), { shape: [values.length, 1, 1] });
    // In place, as torchvision: constants for more channels than there are would otherwise make channels.
    return x.clone().sub_(constants(this.mean)).div_(constants(this.std));
  }
}

export type Transform = PictureTransform | ToTensor | TensorTransform;

/**
 * Steps one after the other: those on pictures, then {@link ToTensor}, then those on tensors. Pictures are worked on
 * one by one in the order asked for, so that the random draws come in torchvision's order; what follows is done for the
 * whole batch at once, through a table of what every byte becomes, which torch itself computes.
 * @see torchvision.transforms.Compose
 */
export class Compose {
  readonly #pictureSteps: readonly PictureTransform[];
  readonly #toTensor: ToTensor;
  readonly #tensorSteps: readonly TensorTransform[];
  readonly #tables = new Map<number, Float32Array>();

  constructor(readonly transforms: readonly Transform[]) {
    const at = transforms.findIndex((step) => step instanceof ToTensor);
    const toTensor = transforms[at];
    if (!(toTensor instanceof ToTensor)) throw new TypeError('Expected a ToTensor among the transforms');
    this.#toTensor = toTensor;
    this.#pictureSteps = transforms.slice(0, at).map((step) => {
      if (!('picture' in step))
        throw new TypeError(`${step.constructor.name} works on tensors: it belongs after ToTensor`);
      return step;
    });
    this.#tensorSteps = transforms.slice(at + 1).map((step) => {
      if (!('tensor' in step))
        throw new TypeError(`${step.constructor.name} works on pictures: it belongs before ToTensor`);
      return step;
    });
  }

  /**
   * @param pictures one or more pictures.
   * @returns float32 `[N, C, H, W]`, owned by the current scope.
   */
  batch(pictures: readonly Picture[]): Tensor {
    let values = new Float32Array(0);
    let first: Picture | undefined;
    pictures.forEach((picture, index) => {
      const done = this.#pictureSteps.reduce((p, step) => step.picture(p), picture);
      if (first === undefined) {
        first = done;
        values = new Float32Array(pictures.length * done.data.length);
      } else if (done.channels !== first.channels || done.height !== first.height || done.width !== first.width) {
        throw new RangeError('The pictures of a batch differ in size: add a RandomCrop');
      }
      this.#lookUp(done, values, index * done.data.length);
    });
    if (first === undefined) throw new RangeError('Expected at least one picture for a batch');
    return tensor(values, { shape: [pictures.length, first.channels, first.height, first.width] });
  }

  #lookUp({ channels, data }: Picture, out: Float32Array, start: number): void {
    const table = this.#table(channels);
    const pixels = data.length / channels;
    for (let c = 0; c < channels; c++) {
      const row = c * 256;
      for (let i = c * pixels, end = i + pixels; i < end; i++) out[start + i] = table[row + data[i]!]!;
    }
  }

  /** `[channels, 256]`: what the steps from ToTensor on make of every byte. */
  #table(channels: number): Float32Array {
    let table = this.#tables.get(channels);
    if (table === undefined) {
      const bytes = Uint8Array.from({ length: channels * 256 }, (_, i) => i & 255);
      table = scope(() =>
        noGrad(() => {
          const converted = this.#toTensor.convert(tensor(bytes, { shape: [channels, 16, 16] }));
          return this.#tensorSteps.reduce((x, step) => step.tensor(x), converted).toTypedArray() as Float32Array;
        }),
      );
      this.#tables.set(channels, table);
    }
    return table;
  }
}
