import { createHash } from 'node:crypto';
import {
  CIFAR10,
  CIFAR100,
  Compose,
  digits,
  FashionMNIST,
  MNIST,
  Normalize,
  RandomCrop,
  RandomHorizontalFlip,
  Resize,
  shapes,
  Subset,
  SVHN,
  ToTensor,
  type DatasetProgress,
  type Dataset,
  PictureDataset,
  type PictureTransform,
  type SvhnSplit,
} from '../data/index.js';
import { Grayscale } from '../data/grayscale.js';
import { randperm } from '../tensor/index.js';
import type { RunConfig } from './config.js';
import type { DatasetName } from './dataset-names.js';
import { UsageError } from './errors.js';

/** Means and standard deviations of the training pictures by channel, and the random steps on them while training. */
interface Preparation {
  readonly scale: Normalize;
  readonly steps: readonly PictureTransform[];
}

const CROP_AND_FLIP = [new RandomCrop(32, { padding: 4 }), new RandomHorizontalFlip()];

/** CIFAR-10's as the efficient_densenet_pytorch script has them, which the drawn shapes get too. */
const CIFAR10_PREPARATION: Preparation = {
  scale: new Normalize([0.49139968, 0.48215841, 0.44653091], [0.24703223, 0.24348513, 0.26158784]),
  steps: CROP_AND_FLIP,
};
/** Mirrored digits are none. SVHN's values are those of the paper: in 0 to 1, nothing more. */
const PREPARATIONS: Readonly<Record<DatasetName, Preparation>> = {
  cifar10: CIFAR10_PREPARATION,
  cifar100: {
    scale: new Normalize([0.50707516, 0.48654887, 0.44091784], [0.26733429, 0.25643846, 0.27615047]),
    steps: CROP_AND_FLIP,
  },
  mnist: { scale: new Normalize([0.1307], [0.3081]), steps: [] },
  'fashion-mnist': { scale: new Normalize([0.286], [0.353]), steps: [] },
  svhn: { scale: new Normalize([0, 0, 0], [1, 1, 1]), steps: [] },
  'svhn-extra': { scale: new Normalize([0, 0, 0], [1, 1, 1]), steps: [] },
  digits: { scale: new Normalize([0.1307], [0.3081]), steps: [] },
  shapes: CIFAR10_PREPARATION,
};

/** The pictures of a data set, read and without transforms. */
export interface Pictures {
  readonly train: PictureDataset;
  readonly test: PictureDataset;
  readonly numClasses: number;
  readonly scale: Normalize;
  readonly steps: readonly PictureTransform[];
}

/** How the pictures of a data set are normalised. */
export function scaleOf(dataset: DatasetName): Normalize {
  return PREPARATIONS[dataset].scale;
}

/** Reads the pictures a configuration names. @throws IoError in one line that names the file and the way out. */
export function openPictures(source: Pick<RunConfig, 'dataset' | 'data' | 'verify'>): Pictures {
  const { train, test } = readPictures(source.dataset, source.data ?? '.', source.verify);
  return { train, test, numClasses: train.classes.length, ...PREPARATIONS[source.dataset] };
}

function readPictures(dataset: DatasetName, root: string, verify: boolean): Pick<Pictures, 'train' | 'test'> {
  switch (dataset) {
    case 'shapes':
      return shapes();
    case 'digits':
      return digits();
    case 'svhn':
    case 'svhn-extra': {
      const read = (split: SvhnSplit): PictureDataset => new SVHN(root, { split, verify });
      const test = read('test');
      const train = read('train');
      return { train: dataset === 'svhn' ? train : joined(train, read('extra')), test };
    }
    default:
      return PUBLISHED[dataset].load(root, { verify });
  }
}

const PUBLISHED = { cifar10: CIFAR10, cifar100: CIFAR100, mnist: MNIST, 'fashion-mnist': FashionMNIST } as const;

/** The pictures of two sets of the same classes in one. */
function joined({ set: one }: PictureDataset, { set: other }: PictureDataset): PictureDataset {
  const pictures = new Uint8Array(one.pictures.length + other.pictures.length);
  pictures.set(one.pictures);
  pictures.set(other.pictures, one.pictures.length);
  const labels = new Uint8Array(one.count + other.count);
  labels.set(one.labels);
  labels.set(other.labels, one.count);
  return new PictureDataset({ ...one, count: one.count + other.count, pictures, labels });
}

/**
 * Fetches the data a configuration names into its folder, where they are not there.
 * @throws UsageError where there is nothing to fetch; IoError in one line that names the way out.
 */
export async function fetchPictures(
  source: Pick<RunConfig, 'dataset' | 'data' | 'verify'>,
  onProgress?: (progress: DatasetProgress) => void,
): Promise<void> {
  const { dataset, data, verify } = source;
  if (dataset === 'shapes' || dataset === 'digits' || data === null) {
    throw new UsageError('Expected --data DIR with --download: the folder to put the data set into');
  }
  const options = { verify, onProgress };
  if (dataset === 'svhn') await SVHN.download(data, options);
  else if (dataset === 'svhn-extra') await SVHN.download(data, { ...options, splits: ['train', 'extra', 'test'] });
  else await PUBLISHED[dataset].download(data, options);
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

/** What a network wants of its pictures. */
type PictureFit = Pick<RunConfig, 'resize' | 'inChannels'>;

/** Brings pictures to the size and the channels of a network. */
function fitting({ test: { set } }: Pick<Pictures, 'test'>, { resize, inChannels }: PictureFit): PictureTransform[] {
  const fits = resize === null || (set.height === resize && set.width === resize);
  return [
    ...(fits ? [] : [new Resize([resize, resize])]),
    ...(inChannels === 3 && set.channels === 1 ? [new Grayscale(3)] : []),
  ];
}

/** Test pictures as the network takes them: of its size, to tensors, then normalised. */
export function testTransform(pictures: Pick<Pictures, 'scale' | 'test'>, fit: PictureFit): Compose {
  return new Compose([...fitting(pictures, fit), new ToTensor(), pictures.scale]);
}

/** The random steps come before that. */
function trainTransform(pictures: Pictures, config: SplitConfig): Compose {
  const { scale, steps } = pictures;
  return new Compose([...(config.augment ? steps : []), ...fitting(pictures, config), new ToTensor(), scale]);
}

type SplitConfig = PictureFit & Pick<RunConfig, 'augment' | 'validSize' | 'kFold' | 'fold'>;

/** The three sets of a run; `valid` is null where the test set serves for validation. */
export interface RunDatasets {
  readonly train: Dataset;
  readonly valid: Dataset | null;
  readonly test: Dataset;
}

/**
 * Takes the last `validSize` of a random order of the training pictures for validation, or with `kFold` one of so many parts of
 * it; they go without the training's random transforms. Draws one permutation unless there is nothing to take.
 */
export function splitDatasets(pictures: Pictures, config: SplitConfig): RunDatasets {
  const train = pictures.train.withTransform(trainTransform(pictures, config));
  const test = pictures.test.withTransform(testTransform(pictures, config));
  if (config.validSize === 0) return { train, valid: null, test };
  const drawn = randperm(train.length);
  const order = Array.from(drawn.toTypedArray() as BigInt64Array, Number);
  drawn.dispose();
  const [begin, end] = validationPart(order.length, config);
  const valid = pictures.train.withTransform(testTransform(pictures, config));
  const rest = [...order.slice(0, begin), ...order.slice(end)];
  return { train: new Subset(train, rest), valid: new Subset(valid, order.slice(begin, end)), test };
}

/** From where to where in the random order. Parts of k-fold validation differ by one at most, the first are the larger ones. */
function validationPart(length: number, { validSize, kFold, fold }: SplitConfig): [begin: number, end: number] {
  if (kFold === null) return [length - validSize, length];
  const index = (fold ?? 1) - 1;
  const begin = (part: number): number => part * Math.floor(length / kFold) + Math.min(part, length % kFold);
  return [begin(index), begin(index + 1)];
}
