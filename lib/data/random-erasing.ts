import { empty, slice, tensor, TorchError, type Tensor } from '../tensor/index.js';
import { drawBetween, drawInteger, drawWith, expectProbability } from './random.js';
import { drawExponential, expectRange, logRange, type Range } from './random-resized-crop.js';
import { roundToEven } from './round-to-even.js';
import { dimensionsOf } from './tensor-colours.js';
import type { TensorTransform } from './transforms.js';

/** Options of {@link RandomErasing}. */
export interface RandomErasingOptions {
  /** Probability that anything is erased; default 0.5. */
  readonly p?: number;
  /** Part of the picture's area; default 0.02 to 0.33. */
  readonly scale?: Range;
  /** Height of the part divided by its width; default 0.3 to 3.3. */
  readonly ratio?: Range;
  /** What comes in its place: a value, one for each channel, or noise (`random`); default 0. */
  readonly value?: number | readonly number[] | 'random';
}

/**
 * Erases a random rectangle; stands after ToTensor and Normalize.
 * @see torchvision.transforms.RandomErasing
 */
export class RandomErasing implements TensorTransform {
  readonly p: number;
  readonly scale: Range;
  readonly ratio: Range;
  readonly value: number | readonly number[] | 'random';
  readonly #logRatio: Range;

  /** @throws RangeError for numbers that cannot be. */
  constructor(options: RandomErasingOptions = {}) {
    const { p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = options;
    expectProbability(p);
    expectRange('a scale', scale, 0, 1);
    expectRange('a ratio', ratio, Number.MIN_VALUE);
    this.p = p;
    this.scale = scale;
    this.ratio = ratio;
    this.value = value;
    this.#logRatio = logRange(ratio);
  }

  /** @param x `[..., C, H, W]`, not changed. */
  tensor(x: Tensor): Tensor {
    if (!drawWith(this.p)) return x;
    const [channels, height, width] = dimensionsOf(x);
    const values = this.#values(channels);
    const area = height * width;
    for (let attempt = 0; attempt < 10; attempt++) {
      const target = area * drawBetween(...this.scale);
      const aspect = drawExponential(this.#logRatio);
      const h = roundToEven(Math.sqrt(target * aspect));
      const w = roundToEven(Math.sqrt(target / aspect));
      if (!(h < height && w < width)) continue;
      const put = values === null ? empty([channels, h, w]).normal_() : values;
      const top = drawInteger(0, height - h + 1);
      const left = drawInteger(0, width - w + 1);
      const erased = x.clone();
      erased.get('...', slice(top, top + h), slice(left, left + w)).copy_(put);
      return erased;
    }
    return x.clone();
  }

  #values(channels: number): Tensor | null {
    const { value } = this;
    if (value === 'random') return null;
    const values = typeof value === 'number' ? [value] : value;
    if (values.length !== 1 && values.length !== channels) {
      throw new TorchError(
        'value',
        'If value is a sequence, it should have either a single value or ' + `${channels} (number of input channels)`,
      );
    }
    return tensor(Float32Array.from(values), { shape: [values.length, 1, 1] });
  }
}
