import { DIGITS_CLASSES, DIGITS_SIZE, drawDigit } from './digits-draw.js';
import { PictureDataset } from './picture-dataset.js';
import type { PictureSet } from './picture-set.js';
import { ShapesRandom } from './shapes-random.js';

/** Options of {@link digits}. */
export interface DigitsOptions {
  /** Which pictures are drawn, default 0. */
  readonly seed?: number;
}

const COUNTS = { train: 10_000, test: 2_000 } as const;

/**
 * The embedded digits: drawn as people write them, from a seed, the same on every machine, in MNIST's form (28×28, one
 * channel, ten classes); 10,000 for training and 2,000 for testing. They are made anew each time, within a second or two;
 * nothing is read or written.
 * @throws RangeError for a seed that is no safe integer.
 */
export function digits(options: DigitsOptions = {}): { train: PictureDataset; test: PictureDataset } {
  const seed = options.seed ?? 0;
  if (!Number.isSafeInteger(seed)) throw new RangeError(`Expected an integer for seed but received ${seed}`);
  return {
    train: new PictureDataset(draw(COUNTS.train, new ShapesRandom(seed, 1))),
    test: new PictureDataset(draw(COUNTS.test, new ShapesRandom(seed, 2))),
  };
}

function draw(count: number, random: ShapesRandom): PictureSet {
  const size = DIGITS_SIZE * DIGITS_SIZE;
  const pictures = new Uint8Array(count * size);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const label = random.between(0, 9);
    drawDigit(label, random, pictures, i * size);
    labels[i] = label;
  }
  return { count, channels: 1, height: DIGITS_SIZE, width: DIGITS_SIZE, pictures, labels, classes: DIGITS_CLASSES };
}
