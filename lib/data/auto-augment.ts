import { ops, rand, randint, TorchError, type Tensor } from '../tensor/index.js';
import { applyStep, type AugmentStep } from './augment-steps.js';
import { type AutoAugmentPolicy, POLICIES } from './auto-augment-policies.js';
import { drawInteger } from './random.js';
import { dimensionsOf } from './tensor-colours.js';
import type { TensorTransform } from './transforms.js';

/** Options of {@link AutoAugment}. */
export interface AutoAugmentOptions {
  /** Default `imagenet`. */
  readonly policy?: AutoAugmentPolicy;
  /** Of what is turned, sheared or moved; default `nearest`. */
  readonly interpolation?: 'nearest' | 'bilinear';
  /** Value of the pixels from outside, or one for each channel; default none, which leaves them 0. */
  readonly fill?: number | readonly number[] | null;
}

const BINS = 10;

/** Magnitudes of a step: a line from one number to another, or those of Posterize; and whether the sign is drawn. */
function magnitudesOf(
  step: AugmentStep,
  height: number,
  width: number,
): { values: Float32Array | number[]; signed: boolean } {
  const line = (from: number, to: number): Float32Array => {
    const made = ops.linspace(from, to, BINS);
    const values = made.toTypedArray() as Float32Array;
    made.dispose();
    return values;
  };
  switch (step) {
    case 'ShearX':
    case 'ShearY':
      return { values: line(0, 0.3), signed: true };
    case 'TranslateX':
      return { values: line(0, (150 / 331) * width), signed: true };
    case 'TranslateY':
      return { values: line(0, (150 / 331) * height), signed: true };
    case 'Rotate':
      return { values: line(0, 30), signed: true };
    case 'Posterize':
      // 8 - round(i / (9 / 4)), a half to the even number.
      return { values: [8, 8, 7, 7, 6, 6, 5, 5, 4, 4], signed: false };
    case 'Solarize':
      return { values: line(255, 0), signed: false };
    case 'AutoContrast':
    case 'Equalize':
    case 'Invert':
      return { values: [0], signed: false };
    default:
      return { values: line(0, 0.9), signed: true };
  }
}

/**
 * One of 25 pairs of steps, drawn for each picture, that a search found to help on CIFAR-10, ImageNet or SVHN.
 * @see torchvision.transforms.AutoAugment
 */
export class AutoAugment implements TensorTransform {
  readonly policy: AutoAugmentPolicy;

  /** @throws TorchError `value` for a policy that there is not. */
  constructor(readonly options: AutoAugmentOptions = {}) {
    this.policy = options.policy ?? 'imagenet';
    if (!Object.hasOwn(POLICIES, this.policy)) {
      throw new TorchError('value', `The provided policy ${this.policy as string} is not recognized.`);
    }
  }

  /** @param x uint8 `[..., 3 or 1, H, W]`. */
  tensor(x: Tensor): Tensor {
    const { interpolation = 'nearest', fill = null } = this.options;
    const [channels, height, width] = dimensionsOf(x);
    const values = typeof fill === 'number' ? new Array<number>(channels).fill(fill) : fill;
    const pair = POLICIES[this.policy][drawInteger(0, POLICIES[this.policy].length)]!;
    const probabilities = numbers(rand([2]));
    const signs = numbers(randint(0, 2, [2]));
    return pair.reduce((picture: Tensor, [step, p, bin], i) => {
      if (!(probabilities[i]! <= Math.fround(p))) return picture;
      const { values: magnitudes, signed } = magnitudesOf(step, height, width);
      const magnitude = bin === null ? 0 : magnitudes[bin]!;
      const sign = signed && signs[i] === 0 ? -1 : 1;
      return applyStep(step, picture, sign * magnitude, { interpolation, fill: values });
    }, x);
  }
}

function numbers(drawn: Tensor): number[] {
  const values = Array.from(drawn.toTypedArray(), Number);
  drawn.dispose();
  return values;
}
