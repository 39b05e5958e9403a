import type { LoaderState } from '../data/index.js';
import { randperm, type Tensor } from '../tensor/index.js';
import type { RunConfig } from './config-schema.js';

/** One pass over the batches of a loader. */
export interface PassBatches {
  /** Waits until the pictures of the next batch are there, for those that are read meanwhile. */
  ready?(): Promise<void>;
  /** The next batch, owned by the scope in which it is called. */
  next(): IteratorResult<[Tensor, Tensor], undefined>;
  /** Where the pass has got to. */
  state(): LoaderState;
  /** Called however the pass ends. */
  close?(): Promise<void>;
}

/** Batches for the passes of a run. */
export interface PassLoader {
  /** Batches in one pass. */
  readonly length: number;
  /** Begins a pass. */
  [Symbol.iterator](): PassBatches;
  /** Goes on with a pass. @throws RangeError, TypeError for the state of another loader. */
  resume(state: LoaderState): PassBatches;
}

/** The loaders of a run; `valid` is null where the test set serves for validation. */
export interface RunLoaders {
  readonly train: PassLoader;
  readonly valid: PassLoader | null;
  readonly test: PassLoader;
}

/** What the loaders of a run depend on. */
export type LoaderConfig = Pick<
  RunConfig,
  'resize' | 'inChannels' | 'augment' | 'validSize' | 'kFold' | 'fold' | 'batchSize' | 'seed' | 'workers' | 'skipBroken'
>;

/** The pictures of a data set. */
export interface RunData {
  readonly numClasses: number;
  /** Names of the classes; null where those of a mix differ. */
  readonly classes: readonly string[] | null;
  readonly channels: 1 | 3;
  /** Height of the pictures; null where they are of any size. */
  readonly side: number | null;
  /** Whether there are pictures for validation beside those to train on. */
  readonly hasValidation: boolean;
  /** Whether there are pictures for the test; else those for validation are tested on. */
  readonly hasTest: boolean;
  /** What a user should know of them. */
  readonly notices: readonly string[];
  /** What tells these pictures from others. */
  facts(): RunConfig['pictures'];
  /** Draws the pictures for validation, unless there is nothing to draw. @param notice told of pictures that are left out. */
  loaders(config: LoaderConfig, notice?: (line: string) => void): RunLoaders;
  /** Those of {@link RunData.loaders} to test on, without a draw from the default generator. @param pictures how many there are. */
  tested(
    config: LoaderConfig,
    notice?: (line: string) => void,
  ): { readonly loader: PassLoader; readonly pictures: number };
}

/**
 * Takes the last `validSize` of a random order for validation, or with `kFold` one of so many parts of it. Draws one permutation.
 * @param length of the training pictures.
 */
export function drawSplit(
  length: number,
  config: Pick<RunConfig, 'validSize' | 'kFold' | 'fold'>,
): { train: number[]; valid: number[] } {
  const drawn = randperm(length);
  const order = Array.from(drawn.toTypedArray() as BigInt64Array, Number);
  drawn.dispose();
  const [begin, end] = validationPart(length, config);
  return { train: [...order.slice(0, begin), ...order.slice(end)], valid: order.slice(begin, end) };
}

/** From where to where in the random order. Parts of k-fold validation differ by one at most, the first are the larger ones. */
function validationPart(
  length: number,
  { validSize, kFold, fold }: Pick<RunConfig, 'validSize' | 'kFold' | 'fold'>,
): [begin: number, end: number] {
  if (kFold === null) return [length - validSize, length];
  const index = (fold ?? 1) - 1;
  const begin = (part: number): number => part * Math.floor(length / kFold) + Math.min(part, length % kFold);
  return [begin(index), begin(index + 1)];
}
