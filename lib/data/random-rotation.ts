import { TorchError, type Tensor } from '../tensor/index.js';
import { drawBetween } from './random.js';
import type { Range } from './random-resized-crop.js';
import { dimensionsOf } from './tensor-colours.js';
import { rotate } from './tensor-geometry.js';
import type { TensorTransform } from './transforms.js';

/** Options of {@link RandomRotation}. */
export interface RandomRotationOptions {
  /** Default `nearest`. */
  readonly interpolation?: 'nearest' | 'bilinear';
  /** Makes the picture as large as what it was turned to; default false. */
  readonly expand?: boolean;
  /** Point to turn around, `[x, y]` in pixels; default the middle. */
  readonly center?: readonly [number, number] | null;
  /** Value of the pixels from outside, or one for each channel; default 0. */
  readonly fill?: number | readonly number[];
}

/**
 * Turns a picture by a random angle, counter-clockwise.
 * @see torchvision.transforms.RandomRotation
 */
export class RandomRotation implements TensorTransform {
  readonly degrees: Range;

  /** @param degrees the most to each side, or a range. @throws TorchError `value` in torchvision's words. */
  constructor(
    degrees: number | Range,
    readonly options: RandomRotationOptions = {},
  ) {
    if (typeof degrees === 'number' && !(degrees >= 0)) {
      throw new TorchError('value', 'If degrees is a single number, it must be positive.');
    }
    this.degrees = typeof degrees === 'number' ? [-degrees, degrees] : degrees;
    if (!this.degrees.every(Number.isFinite)) {
      throw new TorchError('value', `Expected finite degrees but received ${this.degrees.join(', ')}`);
    }
  }

  /** @param x `[..., C, H, W]`. */
  tensor(x: Tensor): Tensor {
    const { fill = 0, ...how } = this.options;
    const [channels] = dimensionsOf(x);
    const values = typeof fill === 'number' ? new Array<number>(channels).fill(fill) : fill;
    return rotate(x, drawBetween(...this.degrees), { ...how, fill: values });
  }
}
