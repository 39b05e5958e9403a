/** What a run may be told to learn from. Nothing here loads libtorch: the command's help names them. */
interface DatasetFacts {
  /** As people write it. */
  readonly title: string;
  /** What the folder holds; undefined for sets that are generated. */
  readonly files?: string;
  /** Channels of a picture. */
  readonly channels: 1 | 3;
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

export function isEmbedded(name: DatasetName): boolean {
  return EMBEDDED_NAMES.includes(name);
}

/**
 * `--data digits` is short for `--dataset digits`, as of every generated set; a folder of such a name is `./digits`.
 * @returns both options as they are meant.
 */
export function embeddedData<Name extends string>(
  data: string | undefined,
  dataset: Name | undefined,
): { data: string | undefined; dataset: Name | DatasetName | undefined } {
  const named = dataset === undefined ? EMBEDDED_NAMES.find((name) => name === data) : undefined;
  return named === undefined ? { data, dataset } : { data: undefined, dataset: named };
}
