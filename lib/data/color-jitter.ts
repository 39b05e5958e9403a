import { randperm, TorchError, type Tensor } from '../tensor/index.js';
import { drawBetween } from './random.js';
import type { Range } from './random-resized-crop.js';
import { adjustBrightness, adjustContrast, adjustHue, adjustSaturation } from './tensor-colours.js';
import type { TensorTransform } from './transforms.js';

/** Options of {@link ColorJitter}: how far from 1 (of the hue, from 0), or a range; 0 leaves it as it is. */
export interface ColorJitterOptions {
  readonly brightness?: number | Range;
  readonly contrast?: number | Range;
  readonly saturation?: number | Range;
  /** At most 0.5, half of the circle of colours. */
  readonly hue?: number | Range;
}

const STEPS = [adjustBrightness, adjustContrast, adjustSaturation, adjustHue] as const;

/**
 * Changes brightness, contrast, saturation and hue by chance, in an order by chance.
 * @see torchvision.transforms.ColorJitter
 */
export class ColorJitter implements TensorTransform {
  readonly #ranges: readonly (Range | null)[];

  /** @throws TorchError `value` in torchvision's words. */
  constructor(options: ColorJitterOptions = {}) {
    const { brightness = 0, contrast = 0, saturation = 0, hue = 0 } = options;
    this.#ranges = [
      rangeOf('brightness', brightness, 1),
      rangeOf('contrast', contrast, 1),
      rangeOf('saturation', saturation, 1),
      rangeOf('hue', hue, 0),
    ];
  }

  /** @param x `[..., 3 or 1, H, W]`, uint8 or floats from 0 to 1. */
  tensor(x: Tensor): Tensor {
    const drawn = randperm(4);
    const order = Array.from(drawn.toTypedArray(), Number);
    drawn.dispose();
    const factors = this.#ranges.map((range) => (range === null ? null : drawBetween(...range)));
    return order.reduce((picture, step) => {
      const factor = factors[step] ?? null;
      return factor === null ? picture : STEPS[step]!(picture, factor);
    }, x);
  }
}

function rangeOf(name: string, value: number | Range, center: 0 | 1): Range | null {
  let range: Range;
  if (typeof value === 'number') {
    if (value < 0) throw new TorchError('value', `If ${name} is a single number, it must be non negative.`);
    range = [center === 1 ? Math.max(center - value, 0) : -value, center + value];
  } else {
    range = value;
  }
  const [low, high] = range;
  const [least, most] = center === 1 ? [0, Infinity] : [-0.5, 0.5];
  if (!(least <= low && low <= high && high <= most)) {
    const bounds = center === 1 ? '(0, inf)' : '(-0.5, 0.5)';
    throw new TorchError('value', `${name} values should be between ${bounds}, but got [${low}, ${high}].`);
  }
  return low === center && high === center ? null : range;
}
