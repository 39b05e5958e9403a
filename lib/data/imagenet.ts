import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { writeFully } from '../io/atomic-write.js';
import { explainSystemError, IoError, makeFolders, readMat, systemCode, type MatValue } from '../io/index.js';
import { IMAGENET_PUBLISHER } from '../io/publishers.js';
import { syncFolder, syncTree } from '../io/sync-tree.js';
import { ImageFolder, type ImageFolderOptions } from './image-folder.js';
import { checkMd5 } from './md5-file.js';
import { readTarGz } from './tar-archive.js';
import { tarFiles } from './tar-files.js';

/** 1,281,167 pictures, and 50,000. */
export type ImageNetSplit = 'train' | 'val';

/** Options of {@link ImageNet}. */
export interface ImageNetOptions extends ImageFolderOptions {
  /** Default `train`. */
  readonly split?: ImageNetSplit;
  /** Compares the MD5 of the archives with the published ones (default) before they are unpacked. */
  readonly verify?: boolean;
  /** Told of every picture that is unpacked. */
  readonly onProgress?: (pictures: number) => void;
}

const ARCHIVES = {
  train: { name: 'ILSVRC2012_img_train.tar', md5: '1d675b47d978889d74fa0da5fadfb00e' },
  val: { name: 'ILSVRC2012_img_val.tar', md5: '29b22e2961454d5413ddabcf34fc5622' },
  devkit: { name: 'ILSVRC2012_devkit_t12.tar.gz', md5: 'fa75699e90414af021442c21a62c3abf' },
} as const;

/** What the devkit tells. */
interface DevKit {
  /** Words for each class, by its WordNet number. */
  readonly words: ReadonlyMap<string, readonly string[]>;
  /** WordNet number of each validation picture, in their order. */
  readonly validation: readonly string[];
}

/**
 * ImageNet 2012 from its authors' archives, which its page gives to those who register. They are unpacked once, into `train` or
 * `val` beside them, one folder for each class, as torchvision lays them: half of it is never taken for the whole.
 * @see torchvision.datasets.ImageNet
 */
export class ImageNet extends ImageFolder {
  /** WordNet number of each class (`n01440764`), in order; the names of the folders. */
  readonly wnids: readonly string[];
  /** Words for each class, in order. */
  readonly words: readonly (readonly string[])[];

  /**
   * @param root folder that holds `ILSVRC2012_devkit_t12.tar.gz` and `ILSVRC2012_img_train.tar` or `ILSVRC2012_img_val.tar`, or what
   * was unpacked of the latter.
   * @throws IoError `missing` | `access` | `integrity` | `format` | `space`: one line with the file and the way out.
   */
  constructor(root: string, options: ImageNetOptions = {}) {
    const { split = 'train', verify = true, onProgress, ...rest } = options;
    if (!['train', 'val'].includes(split)) {
      throw new RangeError(`Expected train or val for split but received ${split as string}`);
    }
    const home = root.replace(/^~(?=\/|$)/, () => os.homedir());
    const devkit = readDevKit(home, verify);
    const folder = path.join(home, split);
    if (!fs.existsSync(folder)) unpack(home, split, devkit, verify, onProgress);
    super(folder, rest);
    this.wnids = this.classes;
    this.words = this.classes.map((wnid) => devkit.words.get(wnid) ?? [wnid]);
  }
}

/**
 * Looks for all that {@link ImageNet} will read of these splits, before the first is unpacked.
 * @throws IoError `missing`
 */
export function findImageNet(root: string, splits: readonly ImageNetSplit[]): void {
  archive(root, 'devkit', false);
  for (const split of splits) if (!fs.existsSync(path.join(root, split))) archive(root, split, false);
}

function archive(root: string, which: keyof typeof ARCHIVES, verify: boolean): string {
  const { name, md5 } = ARCHIVES[which];
  const file = path.join(root, name);
  if (!fs.existsSync(file)) {
    const there = fs.existsSync(root)
      ? `${root} holds no ${name}; get it from ${IMAGENET_PUBLISHER}`
      : `there is no folder ${root}`;
    throw new IoError('missing', `cannot read ImageNet: ${there}`, root);
  }
  if (verify) checkMd5(file, md5);
  return file;
}

function readDevKit(root: string, verify: boolean): DevKit {
  const file = archive(root, 'devkit', verify);
  const inside = 'ILSVRC2012_devkit_t12/data/';
  const [meta, truth] = ['meta.mat', 'ILSVRC2012_validation_ground_truth.txt'] as const;
  const { files, damage } = readTarGz(
    file,
    (entry) => {
      const name = entry.replace(/^\.\//, '');
      return name === inside + meta ? meta : name === inside + truth ? truth : undefined;
    },
    2 ** 26,
  );
  const wrong = (message: string): IoError => new IoError('format', `${file}: ${message}`, file);
  const [synsets, numbers] = [files.get(meta), files.get(truth)];
  if (damage !== undefined) throw wrong(`it is damaged or truncated (${damage})`);
  if (synsets === undefined || numbers === undefined) throw wrong(`expected ${meta} and ${truth} in ${inside}`);
  const words = new Map<string, readonly string[]>();
  const wnids = new Map<number, string>();
  const value = readMat(synsets, { variables: ['synsets'], name: file }).get('synsets');
  if (value?.kind !== 'structs') throw wrong('expected structs in meta.mat');
  for (const synset of value.structs) {
    // Others are groups of classes.
    if (numberIn(synset.get('num_children')) !== 0) continue;
    const [id, wnid, text] = [
      numberIn(synset.get('ILSVRC2012_ID')),
      textIn(synset.get('WNID')),
      textIn(synset.get('words')),
    ];
    if (id === undefined || wnid === undefined || !/^n\d{8}$/.test(wnid) || text === undefined) {
      throw wrong('a class in meta.mat has no number or no words');
    }
    wnids.set(id, wnid);
    words.set(wnid, text.split(', '));
  }
  const lines = Buffer.from(numbers)
    .toString('latin1')
    .trim()
    .split(/\s*\n\s*/);
  const validation = lines.map((line) => {
    const wnid = wnids.get(Number(line));
    if (wnid === undefined) throw wrong(`${truth} names the class ${JSON.stringify(line)}, which meta.mat does not`);
    return wnid;
  });
  return { words, validation };
}

function numberIn(value: MatValue | undefined): number | undefined {
  return value?.kind === 'numbers' && value.data.length === 1 ? Number(value.data[0]) : undefined;
}

function textIn(value: MatValue | undefined): string | undefined {
  return value?.kind === 'text' ? value.lines[0] : undefined;
}

/** Unpacks into a folder of another name, which gets its own when it is whole. */
function unpack(
  root: string,
  split: ImageNetSplit,
  devkit: DevKit,
  verify: boolean,
  onProgress: ((pictures: number) => void) | undefined,
): void {
  const file = archive(root, split, verify);
  removeLeftovers(root, split);
  const temporary = path.join(root, `.${split}-${os.hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`);
  let pictures = 0;
  const write = (folder: string, name: string, data: Iterable<Uint8Array>): void => {
    makeFolders(path.join(temporary, folder));
    const fd = fs.openSync(path.join(temporary, folder, name), 'wx');
    try {
      for (const piece of data) writeFully(fd, piece);
    } finally {
      fs.closeSync(fd);
    }
    pictures++;
    onProgress?.(pictures);
  };
  try {
    makeFolders(temporary);
    if (split === 'train') {
      for (const outer of tarFiles(file)) {
        const wnid = /^(?:\.\/)?(n\d{8})\.tar$/.exec(outer.name)?.[1];
        if (wnid === undefined)
          throw new IoError('format', `${file} holds ${JSON.stringify(outer.name)}, no class`, file);
        for (const inner of tarFiles(outer.pieces(), `${file}: ${outer.name}`)) {
          write(wnid, pictureName(inner.name, file), inner.pieces());
        }
      }
    } else {
      for (const inner of tarFiles(file)) {
        const picture = pictureName(inner.name, file);
        const number = Number(/_val_(\d{8})\.JPEG$/.exec(picture)?.[1]);
        const wnid = devkit.validation[number - 1];
        if (wnid === undefined) throw new IoError('format', `${file}: no class is known of ${picture}`, file);
        write(wnid, picture, inner.pieces());
      }
    }
    if (pictures === 0) throw new IoError('format', `${file} holds no pictures`, file);
    // Before it has its name: a folder of that name is taken for the whole.
    syncTree(temporary);
    place(temporary, path.join(root, split));
    syncFolder(root);
  } catch (error) {
    fs.rmSync(temporary, { recursive: true, force: true });
    throw explainSystemError(error, 'write', temporary);
  }
}

/** A name without folders, which cannot lead anywhere else. */
function pictureName(name: string, file: string): string {
  const plain = name.replace(/^\.\//, '');
  if (/^[\w-]+\.JPEG$/.test(plain)) return plain;
  throw new IoError('format', `${file} holds ${JSON.stringify(name)}, which is no name of a picture`, file);
}

/** Another process may have been faster. */
function place(temporary: string, folder: string): void {
  try {
    fs.renameSync(temporary, folder);
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    fs.rmSync(temporary, { recursive: true, force: true });
  }
}

/** What processes of this machine that are gone have left. */
function removeLeftovers(root: string, split: string): void {
  const prefix = `.${split}-${os.hostname()}-`;
  for (const name of fs.readdirSync(root)) {
    const pid = name.startsWith(prefix) ? /^(\d+)-[0-9a-f]{8}$/.exec(name.slice(prefix.length))?.[1] : undefined;
    if (pid === undefined) continue;
    try {
      process.kill(Number(pid), 0); // signal 0 only asks
    } catch (error) {
      if (systemCode(error) === 'ESRCH') fs.rmSync(path.join(root, name), { recursive: true, force: true });
    }
  }
}
