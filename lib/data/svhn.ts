import fs from 'node:fs';
import path from 'node:path';
import { IoError, readMat, type MatNumbers } from '../io/index.js';
import { SVHN_PUBLISHER } from '../io/publishers.js';
import { fetchPublished, type DatasetDownloadOptions, type PublishedFile } from './dataset-download.js';
import { checkMd5 } from './md5-file.js';
import { PictureDataset } from './picture-dataset.js';
import type { PictureSet } from './picture-set.js';
import type { Compose } from './transforms.js';

/** 73,257 pictures, 26,032 pictures, and 531,131 that are easier. */
export type SvhnSplit = 'train' | 'test' | 'extra';

/** Options of {@link SVHN}. */
export interface SvhnOptions {
  /** Default `train`. */
  readonly split?: SvhnSplit;
  /** Steps from picture to tensor; default {@link ToTensor} alone. */
  readonly transform?: Compose;
  /** Compares the file's MD5 with the published one (default); false for data of one's own in this form. */
  readonly verify?: boolean;
}

const FILES: Readonly<Record<SvhnSplit, PublishedFile>> = {
  train: { name: 'train_32x32.mat', md5: 'e26dedcc434d2e4c54c9b2d4a06d8373' },
  test: { name: 'test_32x32.mat', md5: 'eb5a983be6a315427106f1b164d9cef3' },
  extra: { name: 'extra_32x32.mat', md5: 'a93ce644f1a588dc4d68dda5feec44a7' },
};

/** The files give the digit 0 the label 10. */
const ZERO = 10;

/**
 * House numbers as seen from the street, cut out to 32×32 pixels around one digit, from their authors' MATLAB files.
 * @see torchvision.datasets.SVHN
 */
export class SVHN extends PictureDataset {
  /**
   * @param root folder that holds `train_32x32.mat`, `test_32x32.mat` or `extra_32x32.mat`.
   * @throws IoError `missing` | `access` | `integrity` | `format`: one line with the file and the way out.
   */
  constructor(root: string, { split = 'train', transform, verify = true }: SvhnOptions = {}) {
    super(readSplit(root, split, verify), transform);
  }

  /** Fetches the files of these splits that are not there into `root`. @returns whether anything was fetched. */
  static async download(
    root: string,
    options: DatasetDownloadOptions & { readonly splits?: readonly SvhnSplit[] } = {},
  ): Promise<boolean> {
    const { splits = ['train', 'test'], ...rest } = options;
    const missing = splits.map(fileOf).filter(({ name }) => !fs.existsSync(path.join(root, name)));
    if (missing.length === 0) return false;
    await fetchPublished(root, missing, { publishers: [SVHN_PUBLISHER], variable: 'TORCHBRIDGE_SVHN_MIRROR' }, rest);
    return true;
  }
}

function fileOf(split: SvhnSplit): PublishedFile {
  if (Object.hasOwn(FILES, split)) return FILES[split];
  throw new RangeError(`Expected train, test or extra for split but received ${split as string}`);
}

function readSplit(root: string, split: SvhnSplit, verify: boolean): PictureSet {
  const { name, md5 } = fileOf(split);
  const file = path.join(root, name);
  if (!fs.existsSync(file)) {
    const there = fs.existsSync(root)
      ? `${root} holds no ${name}; let --download (SVHN.download) fetch it, or get it from ${SVHN_PUBLISHER}`
      : `there is no folder ${root}`;
    throw new IoError('missing', `cannot read SVHN: ${there}`, root);
  }
  if (verify) checkMd5(file, md5);
  const wrong = (message: string): IoError => new IoError('format', `${file}: ${message}`, file);
  const values = readMat(file, { variables: ['X', 'y'] });
  const [pictures, labels] = ['X', 'y'].map((variable) => {
    const value = values.get(variable);
    if (value?.kind !== 'numbers') throw wrong(`expected an array ${variable}`);
    return value;
  });
  const { shape, data } = pictures!;
  const [height = 0, width = 0, channels = 0, count = 1] = shape;
  if (!(data instanceof Uint8Array) || channels !== 3 || count < 1 || height < 1 || width < 1 || shape.length > 4) {
    throw wrong(`expected X to be uint8 [32, 32, 3, N] but it is ${data.constructor.name} [${shape.join(', ')}]`);
  }
  turn(data, height, width);
  return {
    count,
    channels,
    height,
    width,
    pictures: data,
    labels: labelsOf(labels!.data, count, wrong),
    classes: Array.from({ length: 10 }, (_, digit) => String(digit)),
  };
}

function labelsOf(data: MatNumbers, count: number, wrong: (message: string) => IoError): Uint8Array {
  if (data.length !== count) throw wrong(`holds ${data.length} labels for ${count} pictures`);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const label = Number(data[i]);
    if (!Number.isInteger(label) || label < 0 || label > ZERO) throw wrong(`label ${i} is ${label}, expected 1 to 10`);
    labels[i] = label % ZERO;
  }
  return labels;
}

/** MATLAB's columns become rows, plane by plane, in place. */
function turn(data: Uint8Array, height: number, width: number): void {
  const area = height * width;
  const plane = new Uint8Array(area);
  for (let start = 0; start < data.length; start += area) {
    plane.set(data.subarray(start, start + area));
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) data[start + y * width + x] = plane[x * height + y]!;
    }
  }
}
