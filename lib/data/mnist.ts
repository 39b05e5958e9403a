import fs from 'node:fs';
import path from 'node:path';
import { explainSystemError, IoError, readIdx, systemCode } from '../io/index.js';
import { FASHION_MNIST_PUBLISHERS, MNIST_PUBLISHERS } from '../io/publishers.js';
import { fetchPublished, type Addresses, type DatasetDownloadOptions, type PublishedFile } from './dataset-download.js';
import { DIGITS_CLASSES } from './digits-draw.js';
import { checkMd5 } from './md5-file.js';
import { PictureDataset } from './picture-dataset.js';
import type { PictureSet } from './picture-set.js';
import type { Compose } from './transforms.js';

/** Options of {@link MNIST} and {@link FashionMNIST}. */
export interface MnistOptions {
  /** Training pictures (default) or test pictures. */
  readonly train?: boolean;
  /** Steps from picture to tensor; default {@link ToTensor} alone. */
  readonly transform?: Compose;
  /**
   * Compares every file with the published ones (default): by its MD5, of unpacked files the size; false for data of one's own
   * in this layout, of any size of picture.
   */
  readonly verify?: boolean;
}

/** Training and test pictures of one data set. */
export interface MnistPair {
  readonly train: PictureDataset;
  readonly test: PictureDataset;
}

type Part = 'train' | 't10k';

/** A data set in MNIST's form: its folder, its files, its classes. */
interface MnistSource {
  readonly title: string;
  readonly folder: string;
  readonly files: readonly PublishedFile[];
  readonly addresses: Addresses;
  readonly classes: readonly string[];
}

const files = (...md5s: readonly [string, string, string, string]): PublishedFile[] =>
  ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'].map((name, i) => ({
    name: `${name}-ubyte.gz`,
    md5: md5s[i]!,
  }));

const MNIST_SOURCE: MnistSource = {
  title: 'MNIST',
  folder: 'MNIST',
  files: files(
    'f68b3c2dcbeaaa9fbdd348bbdeb94873',
    'd53e105ee54ea40749a09fcbcd1e9432',
    '9fb629c4189551a2d022fa330f9573f3',
    'ec29112dd5afa0611ce80d1b7f02629c',
  ),
  addresses: { publishers: MNIST_PUBLISHERS, variable: 'TORCHBRIDGE_MNIST_MIRROR' },
  classes: DIGITS_CLASSES,
};

/** Fashion-MNIST's classes, in label order. */
export const FASHION_CLASSES = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
] as const;

const FASHION_SOURCE: MnistSource = {
  title: 'Fashion-MNIST',
  folder: 'FashionMNIST',
  files: files(
    '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
    '25c81989df183df01b3e8a0aad5dffbe',
    'bef4ecab320f06d8554ea6380940ec79',
    'bb300cfdad3c16e7a12a480ee83cd310',
  ),
  addresses: { publishers: FASHION_MNIST_PUBLISHERS, variable: 'TORCHBRIDGE_FASHION_MNIST_MIRROR' },
  classes: FASHION_CLASSES,
};

/**
 * MNIST from its authors' files, `train-images-idx3-ubyte.gz` and so on, compressed or unpacked.
 * @see torchvision.datasets.MNIST
 */
export class MNIST extends PictureDataset {
  /**
   * @param root folder that holds `MNIST/raw` as torchvision lays it, or the files themselves.
   * @throws IoError `missing` | `access` | `integrity` | `format`: one line with the file and the way out.
   */
  constructor(root: string, { train = true, transform, verify = true }: MnistOptions = {}) {
    super(readPart(root, MNIST_SOURCE, train ? 'train' : 't10k', verify), transform);
  }

  /** Training and test pictures. @throws IoError, as the constructor. */
  static load(root: string, options: { verify?: boolean } = {}): MnistPair {
    return readBoth(root, MNIST_SOURCE, options.verify ?? true);
  }

  /** Fetches the files that are not there into `root/MNIST/raw`. @returns whether anything was fetched. */
  static download(root: string, options: DatasetDownloadOptions = {}): Promise<boolean> {
    return download(root, MNIST_SOURCE, options);
  }
}

/**
 * Fashion-MNIST from its authors' files, in MNIST's form.
 * @see torchvision.datasets.FashionMNIST
 */
export class FashionMNIST extends PictureDataset {
  /**
   * @param root folder that holds `FashionMNIST/raw` as torchvision lays it, or the files themselves.
   * @throws IoError `missing` | `access` | `integrity` | `format`: one line with the file and the way out.
   */
  constructor(root: string, { train = true, transform, verify = true }: MnistOptions = {}) {
    super(readPart(root, FASHION_SOURCE, train ? 'train' : 't10k', verify), transform);
  }

  /** Training and test pictures. @throws IoError, as the constructor. */
  static load(root: string, options: { verify?: boolean } = {}): MnistPair {
    return readBoth(root, FASHION_SOURCE, options.verify ?? true);
  }

  /** Fetches the files that are not there into `root/FashionMNIST/raw`. @returns whether anything was fetched. */
  static download(root: string, options: DatasetDownloadOptions = {}): Promise<boolean> {
    return download(root, FASHION_SOURCE, options);
  }
}

function readBoth(root: string, source: MnistSource, verify: boolean): MnistPair {
  const read = (part: Part): PictureDataset => new PictureDataset(readPart(root, source, part, verify));
  return { train: read('train'), test: read('t10k') };
}

function readPart(root: string, source: MnistSource, part: Part, verify: boolean): PictureSet {
  const [images, labels] = source.files.filter(({ name }) => name.startsWith(part)).map((f) => find(root, source, f));
  const pictures = readBytes(images!, 3, verify);
  const classes = readBytes(labels!, 1, verify);
  const [count = 0, height = 0, width = 0] = pictures.shape;
  const wrong = (message: string): IoError => new IoError('format', `${labels!.path}: ${message}`, labels!.path);
  if (count === 0 || height === 0 || width === 0) {
    throw new IoError('format', `${images!.path} holds ${pictures.shape.join('x')} pictures`, images!.path);
  }
  if (classes.data.length !== count) throw wrong(`holds ${classes.data.length} labels for ${count} pictures`);
  const bad = classes.data.findIndex((label) => label >= source.classes.length);
  if (bad >= 0) throw wrong(`label ${bad} is ${classes.data[bad]!}, expected 0 to ${source.classes.length - 1}`);
  return {
    count,
    channels: 1,
    height,
    width,
    pictures: pictures.data,
    labels: classes.data,
    classes: source.classes,
  };
}

interface Found {
  readonly path: string;
  readonly published: PublishedFile;
}

/** Compressed or unpacked, where torchvision puts it or in `root` itself. */
function lookFor(root: string, source: MnistSource, { name }: PublishedFile): string | undefined {
  const folders = [path.join(root, source.folder, 'raw'), path.join(root, 'raw'), root];
  return folders
    .flatMap((folder) => [path.join(folder, name.replace(/\.gz$/, '')), path.join(folder, name)])
    .find(isFile);
}

function isFile(file: string): boolean {
  try {
    return fs.statSync(file).isFile();
  } catch (error) {
    // ENOTDIR: a folder on the way is a file.
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return false;
    throw explainSystemError(error, 'read', file);
  }
}

function find(root: string, source: MnistSource, published: PublishedFile): Found {
  const file = lookFor(root, source, published);
  if (file !== undefined) return { path: file, published };
  const cannot = `cannot read ${source.title}: `;
  if (!fs.existsSync(root)) throw new IoError('missing', `${cannot}there is no folder ${root}`, root);
  throw new IoError(
    'missing',
    `${cannot}${root} holds no ${source.folder}/raw/${published.name}; let --download (${source.title === 'MNIST' ? 'MNIST' : 'FashionMNIST'}.download) fetch it`,
    root,
  );
}

function readBytes(
  { path: file, published }: Found,
  dimensions: number,
  verify: boolean,
): { shape: readonly number[]; data: Uint8Array } {
  if (verify && file.endsWith('.gz')) checkMd5(file, published.md5);
  const { dtype, shape, data } = readIdx(file);
  if (dtype !== 'uint8' || shape.length !== dimensions) {
    const expected = dimensions === 1 ? 'uint8 labels' : 'uint8 pictures, [N, height, width]';
    throw new IoError('format', `${file} holds ${dtype} [${shape.join(', ')}], expected ${expected}`, file);
  }
  const wanted = published.name.startsWith('train') ? 60_000 : 10_000;
  if (verify && (shape[0] !== wanted || shape.slice(1).some((size) => size !== 28))) {
    throw new IoError(
      'integrity',
      `${file} is not the published file: it holds [${shape.join(', ')}], expected ${wanted}; ` +
        '--no-verify (verify: false) takes data of your own in this layout',
      file,
    );
  }
  return { shape, data: data as Uint8Array };
}

async function download(root: string, source: MnistSource, options: DatasetDownloadOptions): Promise<boolean> {
  const missing = source.files.filter((file) => lookFor(root, source, file) === undefined);
  if (missing.length === 0) return false;
  await fetchPublished(path.join(root, source.folder, 'raw'), missing, source.addresses, options);
  return true;
}
