import { DataLoader, type Batches, type Dataset, type LoaderState } from '../data/index.js';
import type { Sampler } from '../data/sampler.js';
import { randperm } from '../tensor/index.js';
import type { RunConfig } from './config-schema.js';

/** One pass over the batches of a loader. */
export type PassBatches = Batches;

/** Batches for the passes of a run. */
export interface PassLoader {
  /** Batches in one pass. */
  readonly length: number;
  /** Begins a pass. */
  [Symbol.iterator](): PassBatches;
  /** Goes on with a pass. @throws RangeError, TypeError for the state of another loader. */
  resume(state: LoaderState): PassBatches;
}

/** Batches of known pictures, whose order can be another. */
export interface SampledLoader extends PassLoader {
  /** Pictures in all. */
  readonly pictures: number;
  readonly batchSize: number;
  /** The same pictures in the order of the sampler, which may leave some out. */
  sampled(sampler: Sampler): PassLoader;
}

/** Batches of pictures in memory. @param options as of a DataLoader. */
export function memoryLoader(
  dataset: Dataset,
  options: { readonly batchSize: number; readonly shuffle?: boolean; readonly sampler?: Sampler },
): SampledLoader {
  const loader = new DataLoader(dataset, options);
  const { batchSize } = options;
  return {
    length: loader.length,
    pictures: dataset.length,
    batchSize,
    [Symbol.iterator]: () => loader[Symbol.iterator](),
    resume: (state) => loader.resume(state),
    sampled: (sampler) => memoryLoader(dataset, { batchSize, sampler }),
  };
}

/** The loaders of a run; `valid` is null where the test set serves for validation. */
export interface RunLoaders {
  readonly train: SampledLoader;
  readonly valid: SampledLoader | null;
  readonly test: SampledLoader;
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
  /** Those of {@link RunData.loaders} to test on, without a draw from the default generator. */
  tested(config: LoaderConfig, notice?: (line: string) => void): SampledLoader;
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
