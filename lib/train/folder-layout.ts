import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { hasPictureExtension, ImageFolder, IMG_EXTENSIONS, ImageNet, type ImageSample } from '../data/index.js';
import { findImageNet } from '../data/imagenet.js';
import { IoError } from '../io/index.js';

/** Pictures in files, and their classes by index. */
export interface PictureList {
  readonly samples: readonly ImageSample[];
  readonly length: number;
}

/** What a folder of pictures holds. */
export interface FolderLayout {
  readonly classes: readonly string[];
  /** How each class is called; the names of the folders, where nothing else is known. */
  readonly words: readonly string[];
  readonly train: PictureList;
  /** Null without a folder of its own. */
  readonly valid: PictureList | null;
  readonly test: PictureList | null;
  readonly notices: readonly string[];
}

const DEVKIT = 'ILSVRC2012_devkit_t12.tar.gz';
const VALID_NAMES = ['val', 'valid', 'validation'];

/** What lies in a folder, by a look at it; undefined where that are neither ImageNet's archives nor folders of pictures. */
export function filesIn(root: string): 'imagefolder' | 'imagenet' | undefined {
  if (existsSync(join(root, DEVKIT))) return 'imagenet';
  if (!isFolder(root)) return undefined;
  const train = join(root, 'train');
  if (readdirSync(root).some(hasPictureExtension)) return 'imagefolder';
  const holdsPictures = foldersIn(isFolder(train) ? train : root).some((folder) =>
    firstNames(folder).some(hasPictureExtension),
  );
  return holdsPictures ? 'imagefolder' : undefined;
}

/**
 * Lists a folder with one folder of pictures for each class in `train`, `val` and `test`, or without these three.
 * @throws IoError in one line that names the folder and the way out.
 */
export function listFolders(root: string): FolderLayout {
  const inside = isFolder(join(root, 'train'));
  const training = openClasses(inside ? join(root, 'train') : root, root);
  const notices: string[] = [];
  const sub = (names: readonly string[]): PictureList | null => {
    const found = inside ? names.map((name) => join(root, name)).find((path) => foldersIn(path).length > 0) : undefined;
    return found === undefined ? null : matched(found, training, notices);
  };
  const { classes, samples, length } = training;
  const [valid, test] = [sub(VALID_NAMES), sub(['test'])];
  return { classes, words: classes, train: { samples, length }, valid, test, notices };
}

/**
 * ImageNet from its authors' archives, which are unpacked the first time.
 * @throws IoError in one line that names the file and the way out.
 */
export function listImageNet(root: string, verify: boolean, onNotice?: (line: string) => void): FolderLayout {
  const open = (split: 'train' | 'val'): ImageNet => {
    if (!existsSync(join(root, split)))
      onNotice?.(`Unpacking ImageNet's archives into ${join(root, split)}, this once`);
    const onProgress = (pictures: number): void => {
      if (pictures % 50_000 === 0) onNotice?.(`${pictures.toLocaleString('en-US')} pictures are unpacked`);
    };
    return new ImageNet(root, { split, verify, onProgress });
  };
  findImageNet(root, ['val', 'train']);
  const valid = open('val');
  const { classes, words, samples, length } = open('train');
  const notices: string[] = [];
  return {
    classes,
    words: words.map(([word], index) => word ?? classes[index] ?? ''),
    train: { samples, length },
    valid: matched(valid.root, { classes, root: join(root, 'train') }, notices),
    test: null,
    notices,
  };
}

/** The class folders of the pictures to train on. */
function openClasses(folder: string, root: string): ImageFolder {
  const way = 'expected one folder of pictures for each class';
  let found: ImageFolder;
  try {
    found = new ImageFolder(folder, { allowEmpty: true });
  } catch (error) {
    if (!(error instanceof IoError) || !error.message.startsWith("Couldn't find any class folder")) throw error;
    throw new IoError(
      'missing',
      `${folder} holds no folders: ${way}, in ${join(root, 'train')} and ${join(root, 'val')}`,
      folder,
      {
        cause: error,
      },
    );
  }
  const empty = emptyClasses(found);
  if (empty.length > 0) {
    const which = `${empty.length === 1 ? 'The class folder' : 'The class folders'} ${listed(empty)} of ${folder}`;
    const wanted = `no pictures (${IMG_EXTENSIONS.join(', ')})`;
    throw new IoError(
      'missing',
      `${which} ${empty.length === 1 ? 'holds' : 'hold'} ${wanted}: fill or remove what is no class`,
      folder,
    );
  }
  if (found.classes.length === 1)
    throw new IoError(
      'missing',
      `${folder} holds one folder, ${found.classes[0] ?? ''}: ${way}, and two classes at least`,
      folder,
    );
  return found;
}

/** Pictures to validate or test on: their folders have the names of classes, and need not be all. */
function matched(folder: string, training: Pick<ImageFolder, 'classes' | 'root'>, notices: string[]): PictureList {
  const found = new ImageFolder(folder, { allowEmpty: true });
  const index = new Map(training.classes.map((name, place) => [name, place]));
  const unknown = found.classes.filter((name) => !index.has(name));
  if (unknown.length > 0)
    throw new IoError(
      'format',
      `${folder} holds ${listed(unknown)}, which ${training.root} does not: expected the same class folders`,
      folder,
    );
  if (found.length === 0) throw new IoError('missing', `${folder} holds no pictures in its class folders`, folder);
  const filled = new Set(found.samples.map(({ target }) => found.classes[target]));
  const missing = training.classes.filter((name) => !filled.has(name));
  if (missing.length > 0) notices.push(`${folder} holds no pictures of ${listed(missing)}`);
  const samples = found.samples.map(({ path, target }) => ({
    path,
    target: index.get(found.classes[target] ?? '') ?? 0,
  }));
  return { samples, length: samples.length };
}

function emptyClasses({ classes, samples }: ImageFolder): string[] {
  const filled = new Set(samples.map(({ target }) => target));
  return classes.filter((_, target) => !filled.has(target));
}

function listed(names: readonly string[]): string {
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function foldersIn(path: string): string[] {
  if (!isFolder(path)) return [];
  return readdirSync(path)
    .map((name) => join(path, name))
    .filter(isFolder);
}

/** Names of the files in a folder, and in its first one. */
function firstNames(folder: string): string[] {
  const names = readdirSync(folder);
  const [inner] = foldersIn(folder);
  return inner === undefined ? names : [...names, ...readdirSync(inner)];
}

/** Where a picture lies below a folder, whatever the folder is called. */
export function placeOf({ path }: ImageSample, root: string): string {
  return path.startsWith(root) ? path.slice(root.length).replace(/^\/+/, '') : basename(path);
}
