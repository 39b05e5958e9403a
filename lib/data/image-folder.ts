import fs from 'node:fs';
import os from 'node:os';
import { explainSystemError, IoError } from '../io/index.js';
import type { Picture } from './picture.js';
import { readPicture } from './read-picture.js';

/** Endings of the names of pictures, in lower case. @see torchvision.datasets.folder.IMG_EXTENSIONS */
export const IMG_EXTENSIONS: readonly string[] = Object.freeze([
  '.jpg',
  '.jpeg',
  '.png',
  '.ppm',
  '.bmp',
  '.pgm',
  '.tif',
  '.tiff',
  '.webp',
]);

/** Options of {@link ImageFolder}. */
export interface ImageFolderOptions {
  /** Takes folders without pictures as classes too; default false. */
  readonly allowEmpty?: boolean;
  /** Which files are pictures, by their paths; default those with one of {@link IMG_EXTENSIONS}. */
  readonly isValidFile?: ((path: string) => boolean) | undefined;
}

/** A file and the index of its class. */
export interface ImageSample {
  readonly path: string;
  readonly target: number;
}

/**
 * Pictures in one folder for each class, at any depth; links are followed, hidden files count, the order is that of names
 * in code points. The files are listed, not opened.
 * @see torchvision.datasets.ImageFolder
 */
export class ImageFolder {
  readonly root: string;
  /** Names of the class folders, in order. */
  readonly classes: readonly string[];
  /** Index of each class. */
  readonly classToIdx: ReadonlyMap<string, number>;
  readonly samples: readonly ImageSample[];

  /** @throws IoError `missing` in PyTorch's words where there are no classes or no pictures; `access`, `kind`. */
  constructor(root: string, options: ImageFolderOptions = {}) {
    this.root = root.replace(/^~(?=\/|$)/, () => os.homedir());
    this.classes = findClasses(this.root);
    this.classToIdx = new Map(this.classes.map((name, index) => [name, index]));
    const isPicture = options.isValidFile ?? hasPictureExtension;
    const samples: ImageSample[] = [];
    const empty: string[] = [];
    this.classes.forEach((name, target) => {
      const paths = picturesIn(join(this.root, name), isPicture);
      if (paths.length === 0) empty.push(name);
      for (const path of paths) samples.push({ path, target });
    });
    if (empty.length > 0 && options.allowEmpty !== true) {
      const supported =
        options.isValidFile === undefined ? `Supported extensions are: ${IMG_EXTENSIONS.join(', ')}` : '';
      throw new IoError(
        'missing',
        `Found no valid file for the classes ${empty.join(', ')}. ${supported}`.trimEnd(),
        this.root,
      );
    }
    this.samples = samples;
  }

  /** Number of pictures. */
  get length(): number {
    return this.samples.length;
  }

  /** Index of the class of every picture. */
  get targets(): number[] {
    return this.samples.map(({ target }) => target);
  }

  /** Reads a picture. @throws RangeError for an index out of range; IoError that names the file. @see readPicture */
  async picture(index: number): Promise<Picture> {
    const sample = this.samples[index];
    if (sample === undefined)
      throw new RangeError(`Expected an index from 0 to ${this.length - 1} but received ${index}`);
    return readPicture(sample.path);
  }
}

/** Whether a name ends as those of pictures do, in capitals or not. */
export function hasPictureExtension(path: string): boolean {
  const name = path.toLowerCase();
  return IMG_EXTENSIONS.some((extension) => name.endsWith(extension));
}

/**
 * The files of a folder, at any depth, that are pictures by `isPicture`, folder by folder in the order of their paths.
 * @throws IoError `access` | `kind`
 */
export function picturesIn(folder: string, isPicture: (path: string) => boolean = hasPictureExtension): string[] {
  const folders: [path: string, files: string[]][] = [];
  walk(folder, new Set(), folders);
  return folders
    .sort(([a], [b]) => byCodePoints(a, b))
    .flatMap(([path, files]) => files.sort(byCodePoints).map((name) => join(path, name)))
    .filter(isPicture);
}

/** @param above the folders that this one lies in, as they are on the disk. */
function walk(folder: string, above: ReadonlySet<string>, found: [string, string[]][]): void {
  const real = realPath(folder);
  if (above.has(real)) {
    throw new IoError('kind', `cannot read ${folder}: the link leads back to a folder that it lies in`, folder);
  }
  const files: string[] = [];
  found.push([folder, files]);
  for (const entry of list(folder)) {
    if (isFolder(folder, entry)) walk(join(folder, entry.name), new Set([...above, real]), found);
    else files.push(entry.name);
  }
}

function findClasses(root: string): string[] {
  const classes = list(root)
    .filter((entry) => isFolder(root, entry))
    .map(({ name }) => name)
    .sort(byCodePoints);
  if (classes.length > 0) return classes;
  throw new IoError('missing', `Couldn't find any class folder in ${root}.`, root);
}

function list(folder: string): fs.Dirent[] {
  try {
    return fs.readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') {
      throw new IoError('kind', `cannot read ${folder}: it is a file, not a folder`, folder, { cause: error });
    }
    throw explainSystemError(error, 'read', folder);
  }
}

/** A link counts as what it leads to, and as a file where it leads nowhere. */
function isFolder(folder: string, entry: fs.Dirent): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  try {
    return fs.statSync(join(folder, entry.name)).isDirectory();
  } catch {
    return false;
  }
}

function realPath(folder: string): string {
  try {
    return fs.realpathSync(folder);
  } catch (error) {
    throw explainSystemError(error, 'read', folder);
  }
}

/** Python's `os.path.join`, which leaves `./` and `..` as they are. */
function join(folder: string, name: string): string {
  return folder.endsWith('/') ? folder + name : `${folder}/${name}`;
}

/** Python's order of texts. JavaScript's differs beyond U+FFFF. */
function byCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
