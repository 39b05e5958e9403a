import { createHash } from 'node:crypto';
import {
  Compose,
  ConcatDataset,
  Grayscale,
  Resize,
  Subset,
  ToTensor,
  type Dataset,
  type Normalize,
  type PictureDataset,
  type PictureTransform,
} from '../data/index.js';
import type { RunConfig } from './config-schema.js';
import { UsageError } from './errors.js';
import {
  drawSplit,
  memoryLoader,
  type LoaderConfig,
  type RunData,
  type RunLoaders,
  type SampledLoader,
} from './run-data.js';

/** A data set in memory, and how its pictures are made ready. */
export interface MemoryPart {
  readonly name: string;
  readonly train: PictureDataset;
  readonly test: PictureDataset;
  /** Means and standard deviations of the training pictures by channel. */
  readonly scale: Normalize;
  /** The random steps on them while training. */
  readonly steps: readonly PictureTransform[];
}

/** Pictures in memory: one data set, or several that are of the same form, one after the other. */
export class MemoryData implements RunData {
  readonly numClasses: number;
  readonly classes: readonly string[] | null;
  readonly channels: 1 | 3;
  readonly side: number;
  readonly hasValidation = false;
  readonly hasTest = true;
  readonly notices: readonly string[];
  readonly #parts: readonly [MemoryPart, ...MemoryPart[]];

  /** @throws UsageError for data sets that do not agree. */
  constructor(parts: readonly [MemoryPart, ...MemoryPart[]]) {
    const [first, ...others] = parts;
    const { set } = first.train;
    this.#parts = parts;
    this.channels = set.channels === 1 ? 1 : 3;
    this.side = set.height;
    this.numClasses = set.classes.length;
    const different = others.filter((other) => expectAgreement(first, other));
    this.classes = different.length === 0 ? set.classes : null;
    this.notices = different.map(({ name, train: { classes } }) => {
      const index = classes.findIndex((each, place) => each !== set.classes[place]);
      const [one = '', other = ''] = [set.classes[index], classes[index]];
      return `The classes of ${first.name} and ${name} have one number and different names: ${index} is ${one} and ${other}`;
    });
  }

  facts(): RunConfig['pictures'] {
    const hash = createHash('sha256');
    const sets = this.#parts.flatMap(({ train, test }) => [train, test]);
    for (const { set } of sets) hash.update(set.pictures).update(set.labels);
    return { train: this.#count('train'), test: this.#count('test'), sha256: hash.digest('hex') };
  }

  /** The pictures for validation go without the training's random transforms. */
  loaders(config: LoaderConfig): RunLoaders {
    const { batchSize, augment, validSize } = config;
    const loader = (dataset: Dataset): SampledLoader => memoryLoader(dataset, { batchSize });
    const train = this.#joined('train', config, augment);
    const test = loader(this.#joined('test', config, false));
    const shuffled = (dataset: Dataset): SampledLoader => memoryLoader(dataset, { batchSize, shuffle: true });
    if (validSize === 0) return { train: shuffled(train), valid: null, test };
    const split = drawSplit(train.length, config);
    const valid = loader(new Subset(this.#joined('train', config, false), split.valid));
    return { train: shuffled(new Subset(train, split.train)), valid, test };
  }

  tested(config: LoaderConfig): SampledLoader {
    return memoryLoader(this.#joined('test', config, false), { batchSize: config.batchSize });
  }

  #count(which: 'train' | 'test'): number {
    return this.#parts.reduce((sum, part) => sum + part[which].length, 0);
  }

  /** Random steps are those of each set, the normalisation that of the first: a network knows one. */
  #joined(which: 'train' | 'test', config: LoaderConfig, augment: boolean): Dataset {
    const { scale } = this.#parts[0];
    const sets = this.#parts.map((part) => {
      const steps = [...(augment ? part.steps : []), ...this.#fitting(config), new ToTensor(), scale];
      return part[which].withTransform(new Compose(steps));
    });
    const [only] = sets;
    return sets.length === 1 && only !== undefined ? only : new ConcatDataset(sets);
  }

  /** Brings pictures to the size and the channels of a network. */
  #fitting({ resize, inChannels }: LoaderConfig): PictureTransform[] {
    const { height, width } = this.#parts[0].test.set;
    const fits = resize === null || (height === resize && width === resize);
    return [
      ...(fits ? [] : [new Resize([resize, resize])]),
      ...(inChannels === 3 && this.channels === 1 ? [new Grayscale(3)] : []),
    ];
  }
}

/** @returns whether the names of the classes differ. @throws UsageError for another form, or another number of classes. */
function expectAgreement(one: MemoryPart, other: MemoryPart): boolean {
  const form = ({ train: { set } }: MemoryPart): string => `${set.channels}x${set.height}x${set.width}`;
  const refuse = (what: string, mine: string | number, theirs: string | number): never => {
    const sets = `${one.name}+${other.name}`;
    throw new UsageError(`Expected data sets of one ${what} for --dataset ${sets} but received ${mine} and ${theirs}`);
  };
  if (form(one) !== form(other)) refuse('shape of pictures', form(one), form(other));
  const [mine, theirs] = [one.train.classes, other.train.classes];
  if (mine.length !== theirs.length) refuse('number of classes', mine.length, theirs.length);
  return mine.some((name, index) => name !== theirs[index]);
}
