import { IoError } from '../io/index.js';
import { CIFAR_PUBLISHER } from '../io/publishers.js';
import { parseBatch, parseNames, PICTURE_BYTES, type CifarBatch } from './cifar-batch.js';
import { findCifar, readCifarFiles, type CifarFiles } from './cifar-files.js';
import { CIFAR100_SOURCE, CIFAR10_SOURCE, type CifarLabels, type CifarSource } from './cifar-sources.js';
import { fetchPublished, type DatasetDownloadOptions } from './dataset-download.js';
import { PictureDataset } from './picture-dataset.js';
import type { PictureSet } from './picture-set.js';
import type { Compose } from './transforms.js';

export interface Cifar10Options {
  /** Training pictures (default) or test pictures. */
  train?: boolean;
  /** Steps from picture to tensor; default {@link ToTensor} alone. */
  transform?: Compose;
  /**
   * Compares every file with the published ones (default): by its MD5, of files in an unpacked binary version the size;
   * false for data of one's own in this layout.
   */
  verify?: boolean;
}

export interface Cifar100Options extends Cifar10Options {
  /** One of 100 classes (`fine`, the default) or of the 20 groups that they form. */
  labels?: CifarLabels;
}

/** Training and test pictures of one data set. */
export interface CifarPair {
  readonly train: PictureDataset;
  readonly test: PictureDataset;
}

/**
 * CIFAR-10 from its authors' files: `cifar-10-python.tar.gz` or `cifar-10-binary.tar.gz` (read in memory), or the folders
 * `cifar-10-batches-py` and `cifar-10-batches-bin`.
 * @see torchvision.datasets.CIFAR10
 */
export class CIFAR10 extends PictureDataset {
  /**
   * @param root folder that holds an archive or an unpacked folder, or the unpacked folder itself.
   * @throws IoError `missing` | `access` | `integrity` | `format`: one line with the file and the way out.
   */
  constructor(root: string, { train = true, transform, verify = true }: Cifar10Options = {}) {
    super(readPart(root, CIFAR10_SOURCE, 'fine', verify, train), transform);
  }

  /** Training and test pictures, read in one pass. @throws IoError, as the constructor. */
  static load(root: string, options: { verify?: boolean } = {}): CifarPair {
    return readBoth(root, CIFAR10_SOURCE, 'fine', options.verify ?? true);
  }

  /** Fetches `cifar-10-python.tar.gz` into `root`, unless the data are there. @returns whether anything was fetched. */
  static download(root: string, options: DatasetDownloadOptions = {}): Promise<boolean> {
    return downloadCifar(root, CIFAR10_SOURCE, options);
  }
}

/**
 * CIFAR-100 from its authors' files: `cifar-100-python.tar.gz` or `cifar-100-binary.tar.gz` (read in memory), or the folders
 * `cifar-100-python` and `cifar-100-binary`.
 * @see torchvision.datasets.CIFAR100
 */
export class CIFAR100 extends PictureDataset {
  /**
   * @param root folder that holds an archive or an unpacked folder, or the unpacked folder itself.
   * @throws IoError `missing` | `access` | `integrity` | `format`: one line with the file and the way out.
   */
  constructor(root: string, { train = true, transform, verify = true, labels = 'fine' }: Cifar100Options = {}) {
    super(readPart(root, CIFAR100_SOURCE, labels, verify, train), transform);
  }

  /** Training and test pictures, read in one pass. @throws IoError, as the constructor. */
  static load(root: string, options: { verify?: boolean; labels?: CifarLabels } = {}): CifarPair {
    return readBoth(root, CIFAR100_SOURCE, options.labels ?? 'fine', options.verify ?? true);
  }

  /** Fetches `cifar-100-python.tar.gz` into `root`, unless the data are there. @returns whether anything was fetched. */
  static download(root: string, options: DatasetDownloadOptions = {}): Promise<boolean> {
    return downloadCifar(root, CIFAR100_SOURCE, options);
  }
}

/** Fetches the Python version's archive into `root`, unless any version is there. @returns whether anything was fetched. */
async function downloadCifar(root: string, source: CifarSource, options: DatasetDownloadOptions): Promise<boolean> {
  if (findCifar(root, source) !== undefined) return false;
  const addresses = { publishers: [CIFAR_PUBLISHER], variable: 'TORCHBRIDGE_CIFAR_MIRROR' };
  await fetchPublished(root, [source.forms[0].archive], addresses, options);
  return true;
}

type Part = 'train' | 'test';

function readPart(root: string, source: CifarSource, labels: CifarLabels, verify: boolean, train: boolean): PictureSet {
  const part = train ? 'train' : 'test';
  return assemble(readCifarFiles(root, source, [part], verify), part, labels);
}

function readBoth(root: string, source: CifarSource, labels: CifarLabels, verify: boolean): CifarPair {
  return parseCifarFiles(readCifarFiles(root, source, ['train', 'test'], verify), labels);
}

/** Training and test pictures of files that are in memory already. @throws IoError `format`. */
export function parseCifarFiles(files: CifarFiles, labels: CifarLabels = 'fine'): CifarPair {
  return {
    train: new PictureDataset(assemble(files, 'train', labels)),
    test: new PictureDataset(assemble(files, 'test', labels)),
  };
}

function assemble({ form, origin, files }: CifarFiles, part: Part, labels: CifarLabels): PictureSet {
  const place = form.labels[labels];
  if (place === undefined) {
    throw new RangeError(
      `Expected ${Object.keys(form.labels).join(' or ')} for labels but received ${labels as string}`,
    );
  }
  const [metaFile] = place.names;
  const meta = files.get(metaFile);
  const classes =
    meta === undefined
      ? Array.from({ length: place.classes }, (_, i) => String(i))
      : parseNames(meta, `${origin}/${metaFile}`, form, place);
  const batches: CifarBatch[] = [];
  for (const name of form[part].keys()) {
    const bytes = files.get(name);
    if (bytes !== undefined) batches.push(parseBatch(bytes, `${origin}/${name}`, form, place, classes.length));
  }
  const count = batches.reduce((sum, batch) => sum + batch.count, 0);
  if (count === 0)
    throw new IoError('format', `${origin} holds no ${part === 'train' ? 'training' : 'test'} pictures`, origin);
  const pictures = new Uint8Array(count * PICTURE_BYTES);
  const all = new Uint8Array(count);
  let at = 0;
  for (const batch of batches) {
    pictures.set(batch.pictures, at * PICTURE_BYTES);
    all.set(batch.labels, at);
    at += batch.count;
  }
  return { count, channels: 3, height: 32, width: 32, pictures, labels: all, classes };
}
