import { noGrad, scope, tensor, TorchError, type Tensor } from '../tensor/index.js';
import type { Picture, PictureTransform } from './picture.js';

/** A step on tensors `[..., C, H, W]`. Random steps draw from torch's default generator. */
export interface TensorTransform {
  /** @returns a tensor of its own, or a view of `x`, which is not changed; owned by the current scope. */
  tensor(x: Tensor): Tensor;
  /** Whether every value is treated by itself, with constants of its channel, and always the same way; default false. */
  readonly pointwise?: boolean;
}

/**
 * Bytes 0 to 255 to float32 0 to 1.
 * @see torchvision.transforms.ToTensor
 */
export class ToTensor implements TensorTransform {
  readonly pointwise = true;

  /** @param bytes uint8 `[..., C, H, W]`. @returns float32 of that shape. */
  tensor(bytes: Tensor): Tensor {
    return bytes.to('float32').div(255);
  }
}

/**
 * `(x - mean) / std`, channel by channel.
 * @see torchvision.transforms.Normalize
 */
export class Normalize implements TensorTransform {
  readonly pointwise = true;

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

  /** @param x `[..., C, H, W]` of floats, whose dtype the constants take. @throws TorchError `type` | `shape` | `value` in torchvision's words. */
  tensor(x: Tensor): Tensor {
    const { dtype } = x;
    if (!x.isFloatingPoint())
      throw new TorchError('type', `Input tensor should be a float tensor. Got torch.${dtype}.`);
    if (x.dim() < 3) {
      const size = `torch.Size([${x.shape.join(', ')}])`;
      throw new TorchError(
        'shape',
        `Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = ${size}`,
      );
    }
    const constants = (values: readonly number[]): Tensor =>
      tensor(Float64Array.from(values), { shape: [values.length, 1, 1], dtype });
    // In place, as torchvision: constants for more channels than there are would otherwise make channels.
    return x.clone().sub_(constants(this.mean)).div_(constants(this.std));
  }
}

/** A step of {@link Compose}. */
export type Transform = PictureTransform | TensorTransform;

/**
 * Steps one after the other. Before {@link ToTensor} they work on pictures, with the bytes that torchvision gets on PIL's;
 * steps that know tensors alone (ColorJitter, AutoAugment, …) get the picture as a uint8 tensor there, as torchvision's tensor path.
 * After it they work on float tensors. Pictures are worked on one by one in the order asked for, so that the random draws come
 * in torchvision's order; what treats every value by itself is looked up in a table of what every byte becomes, which torch
 * itself computes.
 * @see torchvision.transforms.Compose
 */
export class Compose implements TensorTransform {
  readonly #pictureSteps: readonly PictureTransform[];
  /** ToTensor and what follows it, as far as it is pointwise. */
  readonly #pointwise: readonly TensorTransform[];
  readonly #tensorSteps: readonly TensorTransform[];
  readonly #tables = new Map<number, Float32Array>();

  /** Without a ToTensor there is {@link Compose.tensor} alone. @throws TypeError for steps that stand where they cannot. */
  constructor(readonly transforms: readonly Transform[]) {
    const at = transforms.findIndex((step) => step instanceof ToTensor);
    this.#pictureSteps = at < 0 ? [] : transforms.slice(0, at).map(onPictures);
    const rest = (at < 0 ? transforms : transforms.slice(at)).map((step) => {
      if (!('tensor' in step))
        throw new TypeError(`${step.constructor.name} works on pictures: it belongs before ToTensor`);
      return step;
    });
    const end = rest.findIndex((step) => step.pointwise !== true);
    const count = at < 0 ? 0 : end < 0 ? rest.length : end;
    this.#pointwise = rest.slice(0, count);
    this.#tensorSteps = rest.slice(count);
  }

  /** All steps on one tensor, or on a batch that shares what is drawn. @param x `[..., C, H, W]`. */
  tensor(x: Tensor): Tensor {
    return this.transforms.reduce((value, step) => {
      if ('tensor' in step) return step.tensor(value);
      throw new TypeError(`${step.constructor.name} works on pictures, not on tensors`);
    }, x);
  }

  /**
   * @param pictures one or more pictures.
   * @returns float32 `[N, C, H, W]`, owned by the current scope.
   * @throws TypeError without a ToTensor among the steps.
   */
  batch(pictures: readonly Picture[]): Tensor {
    if (this.#pointwise.length === 0) throw new TypeError('Expected a ToTensor among the transforms');
    let values = new Float32Array(0);
    let shape: readonly number[] | undefined;
    pictures.forEach((picture, index) => {
      const done = this.#one(picture);
      if (shape === undefined) {
        shape = done.shape;
        values = new Float32Array(pictures.length * done.values.length);
      } else if (done.shape.join() !== shape.join()) {
        throw new RangeError('The pictures of a batch differ in size: add a RandomCrop');
      }
      values.set(done.values, index * done.values.length);
    });
    if (shape === undefined) throw new RangeError('Expected at least one picture for a batch');
    return tensor(values, { shape: [pictures.length, ...shape] });
  }

  #one(picture: Picture): { values: Float32Array; shape: readonly number[] } {
    const done = this.#pictureSteps.reduce((p, step) => step.picture(p), picture);
    const values = this.#lookUp(done);
    const shape = [done.channels, done.height, done.width];
    if (this.#tensorSteps.length === 0) return { values, shape };
    return scope(() => {
      const x = this.#tensorSteps.reduce((y, step) => step.tensor(y), tensor(values, { shape }));
      if (x.dtype !== 'float32') throw new TypeError(`Expected float32 from the transforms but received ${x.dtype}`);
      return { values: x.toTypedArray() as Float32Array, shape: x.shape };
    });
  }

  #lookUp({ channels, data }: Picture): Float32Array {
    const table = this.#table(channels);
    const out = new Float32Array(data.length);
    const pixels = data.length / channels;
    for (let c = 0; c < channels; c++) {
      const row = c * 256;
      for (let i = c * pixels, end = i + pixels; i < end; i++) out[i] = table[row + data[i]!]!;
    }
    return out;
  }

  /** `[channels, 256]`: what the pointwise steps make of every byte. */
  #table(channels: number): Float32Array {
    let table = this.#tables.get(channels);
    if (table === undefined) {
      const bytes = Uint8Array.from({ length: channels * 256 }, (_, i) => i & 255);
      table = scope(() =>
        noGrad(() => {
          const whole = tensor(bytes, { shape: [channels, 16, 16] });
          const made = this.#pointwise.reduce((x, step) => step.tensor(x), whole);
          if (made.dtype !== 'float32')
            throw new TypeError(`Expected float32 from the transforms but received ${made.dtype}`);
          return made.toTypedArray() as Float32Array;
        }),
      );
      this.#tables.set(channels, table);
    }
    return table;
  }
}

/** A step before ToTensor: one that knows tensors alone gets the picture as one. */
function onPictures(step: Transform): PictureTransform {
  if ('picture' in step) return step;
  if (step.pointwise === true && !(step instanceof Compose))
    throw new TypeError(`${step.constructor.name} works on tensors: it belongs after ToTensor`);
  return {
    picture: ({ channels, height, width, data }) =>
      scope(() => {
        const x = step.tensor(tensor(data, { shape: [channels, height, width] }));
        const [c, h, w] = x.shape;
        if (x.dtype !== 'uint8' || c === undefined || h === undefined || w === undefined) {
          throw new TypeError(`Expected uint8 [C, H, W] from ${step.constructor.name} but received ${x.dtype}`);
        }
        return { channels: c, height: h, width: w, data: x.toTypedArray() as Uint8Array };
      }),
  };
}
