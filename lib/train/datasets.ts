import { createHash } from 'node:crypto';
import {
  CIFAR10,
  CIFAR100,
  Compose,
  Normalize,
  RandomCrop,
  RandomHorizontalFlip,
  shapes,
  Subset,
  ToTensor,
  type CifarProgress,
  type Dataset,
  type PictureDataset,
} from '../data/index.js';
import { randperm } from '../tensor/index.js';
import type { RunConfig } from './config.js';
import { UsageError } from './errors.js';

/**
 * Means and standard deviations of the training pictures by channel: CIFAR-10's as the efficient_densenet_pytorch script has
 * them, which the generated pictures get too.
 */
const CIFAR10_SCALE = new Normalize([0.49139968, 0.48215841, 0.44653091], [0.24703223, 0.24348513, 0.26158784]);
const CIFAR100_SCALE = new Normalize([0.50707516, 0.48654887, 0.44091784], [0.26733429, 0.25643846, 0.27615047]);

/** The pictures of a data set, read and without transforms. */
export interface Pictures {
  readonly train: PictureDataset;
  readonly test: PictureDataset;
  readonly numClasses: number;
  readonly scale: Normalize;
}

/** How the pictures of a data set are normalised. */
export function scaleOf(dataset: RunConfig['dataset']): Normalize {
  return dataset === 'cifar100' ? CIFAR100_SCALE : CIFAR10_SCALE;
}

/** Reads the pictures a configuration names. @throws IoError in one line that names the file and the way out. */
export function openPictures(source: Pick<RunConfig, 'dataset' | 'data' | 'verify'>): Pictures {
  const { train, test } =
    source.dataset === 'shapes'
      ? shapes()
      : cifarOf(source.dataset).load(source.data ?? '.', { verify: source.verify });
  return {
    train,
    test,
    numClasses: train.classes.length,
    scale: scaleOf(source.dataset),
  };
}

/**
 * Fetches the data a configuration names into its folder, where they are not there.
 * @throws UsageError where there is nothing to fetch; IoError in one line that names the way out.
 */
export async function fetchPictures(
  source: Pick<RunConfig, 'dataset' | 'data' | 'verify'>,
  onProgress?: (progress: CifarProgress) => void,
): Promise<void> {
  const { dataset, data, verify } = source;
  if (dataset === 'shapes' || data === null) {
    throw new UsageError('Expected --data DIR with --download: the folder to put CIFAR into');
  }
  await cifarOf(dataset).download(data, { verify, onProgress });
}

function cifarOf(dataset: 'cifar10' | 'cifar100'): typeof CIFAR10 | typeof CIFAR100 {
  return dataset === 'cifar10' ? CIFAR10 : CIFAR100;
}

/** What tells these pictures from others: how many there are, and a digest over every picture and label. */
export function pictureFacts({ train, test }: Pictures): RunConfig['pictures'] {
  const hash = createHash('sha256');
  for (const { set } of [train, test]) hash.update(set.pictures).update(set.labels);
  return { train: train.length, test: test.length, sha256: hash.digest('hex') };
}

/** @throws Error in one line when a run that goes on would get other pictures than those it began with. */
export function checkPictures(config: RunConfig, pictures: Pictures, save: string): void {
  const count = (facts: RunConfig['pictures'], classes: number): string =>
    `${facts.train} training and ${facts.test} test pictures in ${classes} classes`;
  const facts = pictureFacts(pictures);
  const now = count(facts, pictures.numClasses);
  const then = count(config.pictures, config.numClasses);
  if (now === then && facts.sha256 === config.pictures.sha256) return;
  const difference = now === then ? 'pictures or labels have changed' : `${now}, where it began with ${then}`;
  throw new Error(
    `Cannot resume the run in ${save}: the data in ${config.data ?? config.dataset} are others than its own (${difference})`,
  );
}

/** Test pictures as the network takes them: to tensors, then normalised. */
export function testTransform({ scale }: Pick<Pictures, 'scale'>): Compose {
  return new Compose([new ToTensor(), scale]);
}

/** Training pictures are cut out of their padded selves and mirrored by chance before that. */
function trainTransform({ scale }: Pick<Pictures, 'scale'>): Compose {
  return new Compose([new RandomCrop(32, { padding: 4 }), new RandomHorizontalFlip(), new ToTensor(), scale]);
}

/** The three sets of a run; `valid` is null where the test set serves for validation. */
export interface RunDatasets {
  readonly train: Dataset;
  readonly valid: Dataset | null;
  readonly test: Dataset;
}

/**
 * Takes the last `validSize` of a random order of the training pictures for validation, where they go without the
 * training's random transforms. Draws one permutation when `validSize` is not 0.
 */
export function splitDatasets(pictures: Pictures, validSize: number): RunDatasets {
  const train = pictures.train.withTransform(trainTransform(pictures));
  const test = pictures.test.withTransform(testTransform(pictures));
  if (validSize === 0) return { train, valid: null, test };
  const drawn = randperm(train.length);
  const order = Array.from(drawn.toTypedArray() as BigInt64Array, Number);
  drawn.dispose();
  const kept = order.length - validSize;
  const valid = pictures.train.withTransform(testTransform(pictures));
  return { train: new Subset(train, order.slice(0, kept)), valid: new Subset(valid, order.slice(kept)), test };
}
