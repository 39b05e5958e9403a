import { IoError } from '../io/index.js';
import { parseBatch, parseMeta, PICTURE_BYTES, type CifarBatch } from './cifar-batch.js';
import { ALL_FILES, META_FILES, TEST_FILES, TRAIN_FILES } from './cifar-checksums.js';
import { readCifarFiles, type CifarFiles } from './cifar-files.js';
import { PictureDataset } from './picture-dataset.js';
import type { PictureSet } from './picture-set.js';
import type { Compose } from './transforms.js';

export interface Cifar10Options {
  /** Training pictures (default) or test pictures. */
  train?: boolean;
  /** Steps from picture to tensor; default {@link ToTensor} alone. */
  transform?: Compose;
  /** Compares the MD5 of every file with the published ones (default); false for data of one's own in this layout. */
  verify?: boolean;
}

/**
 * CIFAR-10 from its authors' files: `cifar-10-python.tar.gz` (read in memory) or the folder `cifar-10-batches-py`.
 * @see torchvision.datasets.CIFAR10
 */
export class CIFAR10 extends PictureDataset {
  /**
   * @param root folder that holds the archive or the unpacked folder, or the unpacked folder itself.
   * @throws IoError `missing` | `access` | `integrity` | `format`: one line with the file and the way out.
   */
  constructor(root: string, { train = true, transform, verify = true }: Cifar10Options = {}) {
    super(readParts(root, verify, [train ? 'train' : 'test'])[train ? 'train' : 'test']!, transform);
  }

  /** Training and test pictures, read in one pass. @throws IoError, as the constructor. */
  static load(root: string, options: { verify?: boolean } = {}): { train: PictureDataset; test: PictureDataset } {
    const { train, test } = readParts(root, options.verify ?? true, ['train', 'test']);
    return { train: new PictureDataset(train!), test: new PictureDataset(test!) };
  }
}

type Part = 'train' | 'test';

const PART_FILES = { train: TRAIN_FILES, test: TEST_FILES } as const;

function readParts(root: string, verify: boolean, parts: readonly Part[]): Partial<Record<Part, PictureSet>> {
  const names = new Set([...parts.flatMap((part) => [...PART_FILES[part].keys()]), ...META_FILES.keys()]);
  const files = readCifarFiles(root, names, verify);
  return Object.fromEntries(parts.map((part) => [part, assemble(files, part)]));
}

/** Training and test pictures of files that are in memory already. @throws IoError `format`. */
export function parseCifarFiles(files: CifarFiles): { train: PictureDataset; test: PictureDataset } {
  return { train: new PictureDataset(assemble(files, 'train')), test: new PictureDataset(assemble(files, 'test')) };
}

function assemble({ origin, files }: CifarFiles, part: Part): PictureSet {
  const meta = files.get('batches.meta');
  const classes =
    meta === undefined ? Array.from({ length: 10 }, (_, i) => String(i)) : parseMeta(meta, `${origin}/batches.meta`);
  const batches: CifarBatch[] = [];
  for (const name of ALL_FILES.keys()) {
    const bytes = PART_FILES[part].has(name) ? files.get(name) : undefined;
    if (bytes !== undefined) batches.push(parseBatch(bytes, `${origin}/${name}`, classes.length));
  }
  const count = batches.reduce((sum, batch) => sum + batch.count, 0);
  if (count === 0)
    throw new IoError('format', `${origin} holds no ${part === 'train' ? 'training' : 'test'} pictures`, origin);
  const pictures = new Uint8Array(count * PICTURE_BYTES);
  const labels = new Uint8Array(count);
  let at = 0;
  for (const batch of batches) {
    pictures.set(batch.pictures, at * PICTURE_BYTES);
    labels.set(batch.labels, at);
    at += batch.count;
  }
  return { count, channels: 3, height: 32, width: 32, pictures, labels, classes };
}
