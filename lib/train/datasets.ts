import { normalize } from 'node:path';
import {
  CIFAR10,
  CIFAR100,
  digits,
  FashionMNIST,
  MNIST,
  Normalize,
  PictureDataset,
  RandomCrop,
  RandomHorizontalFlip,
  shapes,
  SVHN,
  type DatasetProgress,
  type PictureTransform,
  type SvhnSplit,
} from '../data/index.js';
import type { RunConfig } from './config-schema.js';
import { datasetParts, isEmbedded, type DatasetName } from './dataset-names.js';
import { UsageError } from './errors.js';
import { FolderData } from './folder-data.js';
import { listFolders, listImageNet } from './folder-layout.js';
import { MemoryData, type MemoryPart } from './memory-data.js';
import type { RunData } from './run-data.js';

/** The data sets that fit into memory. */
type MemoryName = Exclude<DatasetName, 'imagefolder' | 'imagenet'>;

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
const PREPARATIONS: Readonly<Record<MemoryName, Preparation>> = {
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

/** How the pictures of a data set in memory are normalised; those of a mix as of its first. */
export function scaleOf(dataset: string): Normalize {
  const [first = 'cifar10'] = datasetParts(dataset);
  return PREPARATIONS[first === 'imagefolder' || first === 'imagenet' ? 'cifar10' : first].scale;
}

/** Where the pictures of a run are. */
export type DataSource = Pick<RunConfig, 'dataset' | 'data' | 'verify'>;

/**
 * Reads the pictures a configuration names, or lists those in files.
 * @param notice told of archives that are unpacked.
 * @throws IoError in one line that names the file and the way out; UsageError for data sets that cannot be mixed.
 */
export function openData({ dataset, data, verify }: DataSource, notice?: (line: string) => void): RunData {
  const root = normalize(data ?? '.');
  const [first, ...others] = datasetParts(dataset);
  if (first === 'imagefolder') return new FolderData(root, listFolders(root));
  if (first === 'imagenet') return new FolderData(root, listImageNet(root, verify, notice));
  const part = (name: DatasetName): MemoryPart => {
    // Only data sets in memory are mixed.
    const kind = name as MemoryName;
    return { name, ...readPictures(kind, root, verify), ...PREPARATIONS[kind] };
  };
  return new MemoryData([part(first ?? 'cifar10'), ...others.map(part)]);
}

function readPictures(dataset: MemoryName, root: string, verify: boolean): Pick<MemoryPart, 'train' | 'test'> {
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
  { dataset, data, verify }: DataSource,
  onProgress?: (progress: DatasetProgress) => void,
): Promise<void> {
  const options = { verify, onProgress };
  for (const name of datasetParts(dataset)) {
    if (name === 'imagefolder')
      throw new UsageError('Expected no --download: there is no address for folders of pictures');
    if (name === 'imagenet')
      throw new UsageError('Expected no --download: its authors give the archives of ImageNet to those who register');
    if (isEmbedded(dataset) || data === null)
      throw new UsageError('Expected --data DIR with --download: the folder to put the data set into');
    if (name === 'shapes' || name === 'digits') continue;
    if (name === 'svhn') await SVHN.download(data, options);
    else if (name === 'svhn-extra') await SVHN.download(data, { ...options, splits: ['train', 'extra', 'test'] });
    else await PUBLISHED[name].download(data, options);
  }
}

/** @throws Error in one line when a run that goes on would get other pictures than those it began with. */
export function checkPictures(config: RunConfig, data: RunData, save: string): void {
  const count = (facts: RunConfig['pictures'], classes: number): string =>
    `${facts.train} training and ${facts.test} test pictures in ${classes} classes`;
  const facts = data.facts();
  const now = count(facts, data.numClasses);
  const then = count(config.pictures, config.numClasses);
  if (now === then && facts.sha256 === config.pictures.sha256) return;
  const difference = now === then ? 'pictures or labels have changed' : `${now}, where it began with ${then}`;
  throw new Error(
    `Cannot resume the run in ${save}: the data in ${config.data ?? config.dataset} are others than its own (${difference})`,
  );
}
