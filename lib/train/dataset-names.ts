import { UsageError } from './errors.js';

/** What a run may be told to learn from. Nothing here loads libtorch: the command's help names them. */
interface DatasetFacts {
  /** As people write it. */
  readonly title: string;
  /** What the folder holds; undefined for sets that are generated. */
  readonly files?: string;
  /** Channels of a picture. */
  readonly channels: 1 | 3;
  /** Whether its pictures are files of any size, read as they are needed; else all are in memory. */
  readonly inFiles?: boolean;
  /** Training pictures that are kept for validation unless told otherwise; a tenth where it is not said. */
  readonly validSize?: number;
}

const FACTS = {
  cifar10: {
    title: 'CIFAR-10',
    files: 'cifar-10-python.tar.gz or cifar-10-batches-py',
    channels: 3,
    validSize: 5000,
  },
  cifar100: {
    title: 'CIFAR-100',
    files: 'cifar-100-python.tar.gz or cifar-100-python',
    channels: 3,
    validSize: 5000,
  },
  mnist: { title: 'MNIST', files: 'MNIST/raw/train-images-idx3-ubyte.gz', channels: 1, validSize: 5000 },
  'fashion-mnist': {
    title: 'Fashion-MNIST',
    files: 'FashionMNIST/raw/train-images-idx3-ubyte.gz',
    channels: 1,
    validSize: 5000,
  },
  svhn: { title: 'SVHN', files: 'train_32x32.mat and test_32x32.mat', channels: 3, validSize: 6000 },
  'svhn-extra': {
    title: 'SVHN with its extra pictures',
    files: 'train_32x32.mat, extra_32x32.mat and test_32x32.mat',
    channels: 3,
    validSize: 6000,
  },
  imagefolder: {
    title: 'folders of pictures',
    files: 'train and val, each with one folder of pictures for each class',
    channels: 3,
    inFiles: true,
  },
  imagenet: {
    title: 'ImageNet',
    files: 'ILSVRC2012_devkit_t12.tar.gz, ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar',
    channels: 3,
    inFiles: true,
  },
  digits: { title: 'digits', channels: 1 },
  shapes: { title: 'shapes', channels: 3 },
} as const satisfies Record<string, DatasetFacts>;

/** Names of the data sets that {@link train} knows. */
export type DatasetName = keyof typeof FACTS;

/** All names, for options and schemas. */
export const DATASET_NAMES = Object.keys(FACTS) as [DatasetName, ...DatasetName[]];

export const DATASET_FACTS: Readonly<Record<DatasetName, DatasetFacts>> = FACTS;

/** Data sets that are generated: no folder, nothing to fetch. */
export const EMBEDDED_NAMES = DATASET_NAMES.filter((name) => DATASET_FACTS[name].files === undefined);

/** Whether no part of a data set, or of a mix, lies in a folder. */
export function isEmbedded(dataset: string): boolean {
  return datasetParts(dataset).every((name) => EMBEDDED_NAMES.includes(name));
}

/** Whether the pictures are files of any size. */
export function isInFiles(dataset: string): boolean {
  return datasetParts(dataset).some((name) => DATASET_FACTS[name].inFiles === true);
}

/**
 * The data sets that `a+b` names.
 * @throws UsageError for names that there are not, and for what cannot be mixed.
 */
export function datasetParts(dataset: string): DatasetName[] {
  const names = dataset.split('+');
  const parts = names.map((name) => DATASET_NAMES.find((each) => each === name));
  const found = parts.filter((part) => part !== undefined);
  if (found.length < names.length) {
    const expected = `${DATASET_NAMES.slice(0, -1).join(', ')} or ${DATASET_NAMES.at(-1) ?? ''}`;
    const mix = names.length > 1 ? ', or a mix of them like digits+mnist,' : '';
    throw new UsageError(`Expected ${expected}${mix} for --dataset but received ${JSON.stringify(dataset)}`);
  }
  const twice = found.find((part, index) => found.indexOf(part) !== index);
  if (twice !== undefined || (found.includes('svhn') && found.includes('svhn-extra')))
    throw new UsageError(`Expected different data sets for --dataset but received ${JSON.stringify(dataset)}`);
  const files = found.find((part) => DATASET_FACTS[part].inFiles === true);
  if (files !== undefined && found.length > 1)
    throw new UsageError(
      `Expected no mix with ${files} for --dataset but received ${JSON.stringify(dataset)}: put the pictures into the folders of one imagefolder`,
    );
  return found;
}

/**
 * `--data digits` is short for `--dataset digits`, as of every generated set; a folder of such a name is `./digits`.
 * @returns both options as they are meant.
 */
export function embeddedData(
  data: string | undefined,
  dataset: string | undefined,
): { data: string | undefined; dataset: string | undefined } {
  const named = dataset === undefined ? EMBEDDED_NAMES.find((name) => name === data) : undefined;
  return named === undefined ? { data, dataset } : { data: undefined, dataset: named };
}
