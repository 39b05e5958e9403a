/**
 * The files that the authors of CIFAR publish: what is in them, and how to know them again. The MD5 sums are
 * those on their page and in torchvision; for the files inside the binary archives none are published, only their sizes.
 */

/** How to know a file again. */
export interface FileFacts {
  readonly md5?: string;
  readonly size?: number;
}

/** Which of CIFAR-100's two labels: one of 100 classes, or one of the 20 groups that they form. */
export type CifarLabels = 'fine' | 'coarse';

/** Where a kind of label is found. */
export interface LabelPlace {
  /** The key in a pickled batch. */
  readonly key: string;
  /** The byte in a binary record. */
  readonly column: number;
  /** The file with the names of the classes, and the key in it if it is a pickle. */
  readonly names: readonly [file: string, key: string];
  readonly classes: number;
}

/** One version of a data set: an archive, and the folder of files that is in it. */
export interface CifarForm {
  readonly format: 'python' | 'binary';
  readonly archive: { readonly name: string; readonly md5: string; readonly size: number };
  readonly folder: string;
  readonly train: ReadonlyMap<string, FileFacts>;
  readonly test: ReadonlyMap<string, FileFacts>;
  readonly meta: ReadonlyMap<string, FileFacts>;
  /** Bytes before the picture in a binary record. */
  readonly labelBytes: number;
  readonly labels: Readonly<Partial<Record<CifarLabels, LabelPlace>>>;
}

/** A data set in all its versions, the preferred one first. */
export interface CifarSource {
  readonly title: string;
  readonly forms: readonly [CifarForm, ...CifarForm[]];
}

const md5s = (files: Readonly<Record<string, string>>): ReadonlyMap<string, FileFacts> =>
  new Map(Object.entries(files).map(([name, md5]) => [name, { md5 }]));

const sizes = (files: Readonly<Record<string, number>>): ReadonlyMap<string, FileFacts> =>
  new Map(Object.entries(files).map(([name, size]) => [name, { size }]));

const named = (...names: string[]): ReadonlyMap<string, FileFacts> => new Map(names.map((name) => [name, {}]));

const PYTHON_10: CifarForm = {
  format: 'python',
  archive: { name: 'cifar-10-python.tar.gz', md5: 'c58f30108f718f92721af3b95e74349a', size: 170_498_071 },
  folder: 'cifar-10-batches-py',
  train: md5s({
    data_batch_1: 'c99cafc152244af753f735de768cd75f',
    data_batch_2: 'd4bba439e000b95fd0a9bffe97cbabec',
    data_batch_3: '54ebc095f3ab1f0389bbae665268c751',
    data_batch_4: '634d18415352ddfa80567beed471001a',
    data_batch_5: '482c414d41f54cd18b22e5b47cb7c3cb',
  }),
  test: md5s({ test_batch: '40351d587109b95175f43aff81a1287e' }),
  meta: md5s({ 'batches.meta': '5ff9c542aee3614f3951f8cda6e48888' }),
  labelBytes: 0,
  labels: { fine: { key: 'labels', column: 0, names: ['batches.meta', 'label_names'], classes: 10 } },
};

const BINARY_10: CifarForm = {
  format: 'binary',
  archive: { name: 'cifar-10-binary.tar.gz', md5: 'c32a1d4ab5d03f1284b67883e8d87530', size: 170_052_171 },
  folder: 'cifar-10-batches-bin',
  train: sizes(Object.fromEntries([1, 2, 3, 4, 5].map((part) => [`data_batch_${part}.bin`, 30_730_000]))),
  test: sizes({ 'test_batch.bin': 30_730_000 }),
  meta: named('batches.meta.txt'),
  labelBytes: 1,
  labels: { fine: { key: '', column: 0, names: ['batches.meta.txt', ''], classes: 10 } },
};

const PYTHON_100: CifarForm = {
  format: 'python',
  archive: { name: 'cifar-100-python.tar.gz', md5: 'eb9058c3a382ffc7106e4002c42a8d85', size: 169_001_437 },
  folder: 'cifar-100-python',
  train: md5s({ train: '16019d7e3df5f24257cddd939b257f8d' }),
  test: md5s({ test: 'f0ef6b0ae62326f3e7ffdfab6717acfc' }),
  meta: md5s({ meta: '7973b15100ade9c7d40fb424638fde48' }),
  labelBytes: 0,
  labels: {
    fine: { key: 'fine_labels', column: 0, names: ['meta', 'fine_label_names'], classes: 100 },
    coarse: { key: 'coarse_labels', column: 0, names: ['meta', 'coarse_label_names'], classes: 20 },
  },
};

const BINARY_100: CifarForm = {
  format: 'binary',
  archive: { name: 'cifar-100-binary.tar.gz', md5: '03b5dce01913d631647c71ecec9e9cb8', size: 168_513_733 },
  folder: 'cifar-100-binary',
  train: sizes({ 'train.bin': 153_700_000 }),
  test: sizes({ 'test.bin': 30_740_000 }),
  meta: named('fine_label_names.txt', 'coarse_label_names.txt'),
  labelBytes: 2,
  labels: {
    fine: { key: '', column: 1, names: ['fine_label_names.txt', ''], classes: 100 },
    coarse: { key: '', column: 0, names: ['coarse_label_names.txt', ''], classes: 20 },
  },
};

export const CIFAR10_SOURCE: CifarSource = { title: 'CIFAR-10', forms: [PYTHON_10, BINARY_10] };

export const CIFAR100_SOURCE: CifarSource = { title: 'CIFAR-100', forms: [PYTHON_100, BINARY_100] };

/** All files of a version. */
export function allFiles(form: CifarForm): ReadonlyMap<string, FileFacts> {
  return new Map([...form.train, ...form.test, ...form.meta]);
}
