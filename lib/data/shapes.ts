import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeFolders, NdArray, systemCode, writePickle } from '../io/index.js';
import { PICTURE_BYTES } from './cifar-batch.js';
import { allFiles, CIFAR10_SOURCE } from './cifar-sources.js';
import type { CifarFiles } from './cifar-files.js';
import { CIFAR10, parseCifarFiles } from './cifar.js';
import type { PictureDataset } from './picture-dataset.js';
import { drawShape, SHAPES_CLASSES } from './shapes-draw.js';
import { ShapesRandom } from './shapes-random.js';

/** Changes whenever the pictures do, so that an older cache is not taken for them. */
const VERSION = 2;

const BATCH_SIZE = 1000;
const BATCHES = ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5', 'test_batch'];

export interface ShapesOptions {
  /** Which pictures are drawn, default 0. */
  seed?: number;
  /** Where the files are kept between runs; default `$TORCHBRIDGE_CACHE`, else `torchbridge` in the user's cache folder. */
  cacheFolder?: string;
}

const [FORM] = CIFAR10_SOURCE.forms;
const FILES = allFiles(FORM);

/**
 * The embedded data set: ten classes of small drawn pictures, 5 x 1000 for training and 1000 for testing. They are drawn
 * from a seed, the same on every machine, kept in CIFAR-10's own layout and read by the same reader.
 * @throws RangeError for a seed that is no safe integer.
 */
export function shapes(options: ShapesOptions = {}): { train: PictureDataset; test: PictureDataset } {
  const seed = options.seed ?? 0;
  if (!Number.isSafeInteger(seed)) throw new RangeError(`Expected an integer for seed but received ${seed}`);
  const root = path.join(options.cacheFolder ?? defaultCacheFolder(), `shapes-${VERSION}-${seed}`);
  if (isWhole(root)) return CIFAR10.load(root, { verify: false });
  const files = generateShapes(seed);
  try {
    store(files, root);
  } catch (error) {
    // Without a place to keep them (a read-only home, a full disk) the pictures are simply drawn again next time.
    if (systemCode(error) === undefined) throw error;
  }
  return parseCifarFiles(files);
}

function defaultCacheFolder(): string {
  const { TORCHBRIDGE_CACHE: own, XDG_CACHE_HOME: user } = process.env;
  if (own !== undefined && own !== '') return path.resolve(own);
  return path.join(user !== undefined && user !== '' ? user : path.join(os.homedir(), '.cache'), 'torchbridge');
}

/** Draws all pictures and writes them as CIFAR-10's pickled files, in memory. The same seed gives the same bytes. */
export function generateShapes(seed: number): CifarFiles {
  const files = new Map<string, Uint8Array>();
  BATCHES.forEach((name, index) => files.set(name, generateBatch(name, index, seed)));
  files.set(
    'batches.meta',
    writePickle({ num_cases_per_batch: BATCH_SIZE, label_names: [...SHAPES_CLASSES], num_vis: PICTURE_BYTES }),
  );
  return { form: FORM, origin: 'shapes', files };
}

function generateBatch(name: string, index: number, seed: number): Uint8Array {
  const random = new ShapesRandom(seed, index + 1);
  const pictures = new Uint8Array(BATCH_SIZE * PICTURE_BYTES);
  const labels: number[] = [];
  for (let i = 0; i < BATCH_SIZE; i++) {
    const label = random.between(0, SHAPES_CLASSES.length - 1);
    drawShape(label, random, pictures, i * PICTURE_BYTES);
    labels.push(label);
  }
  const batch = {
    batch_label: name === 'test_batch' ? 'testing batch 1 of 1' : `training batch ${index + 1} of 5`,
    labels,
    data: new NdArray('uint8', [BATCH_SIZE, PICTURE_BYTES], pictures),
    filenames: labels.map((label, i) => `${SHAPES_CLASSES[label]!.replace(' ', '_')}_${index + 1}_${i}.png`),
  };
  return writePickle(batch, { protocol: 3 });
}

const SUMS = 'md5sums';

/** Whether every file is there and as it was written. */
function isWhole(root: string): boolean {
  try {
    const folder = path.join(root, FORM.folder);
    const sums = fs.readFileSync(path.join(folder, SUMS), 'utf8').trimEnd().split('\n');
    return (
      sums.length === FILES.size &&
      sums.every((line) => {
        const [sum, name] = line.split('  ');
        return name !== undefined && FILES.has(name) && md5(fs.readFileSync(path.join(folder, name))) === sum;
      })
    );
  } catch {
    return false;
  }
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

/** A folder of its own, renamed into place: two processes may do so at once, and a reader never sees a part. */
function store({ files }: CifarFiles, root: string): void {
  const folder = path.join(root, FORM.folder);
  const temporary = path.join(root, `.${FORM.folder}-${process.pid}-${randomBytes(4).toString('hex')}`);
  makeFolders(temporary);
  try {
    for (const [name, bytes] of files) fs.writeFileSync(path.join(temporary, name), bytes);
    fs.writeFileSync(
      path.join(temporary, SUMS),
      [...files].map(([name, bytes]) => `${md5(bytes)}  ${name}\n`).join(''),
    );
    place(temporary, root, folder);
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true });
  }
}

function place(temporary: string, root: string, folder: string): void {
  try {
    fs.renameSync(temporary, folder); // fails where there is a folder with files already
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    if (isWhole(root)) return; // another process was first
    fs.rmSync(folder, { recursive: true, force: true });
    fs.renameSync(temporary, folder);
  }
}
