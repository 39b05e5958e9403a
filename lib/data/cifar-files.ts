import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { explainSystemError, IoError, openRegularFile } from '../io/index.js';
import { ALL_FILES, ARCHIVE, FOLDER, TRAIN_FILES } from './cifar-checksums.js';
import { readTarGz } from './tar-archive.js';

/** The pickled files of a CIFAR-10 data set, by name, and where they came from, for messages. */
export interface CifarFiles {
  readonly origin: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

const WAY_OUT = '--no-verify (verify: false) takes data of your own in this layout';

/**
 * Finds and reads CIFAR-10, Python version: `root/cifar-10-batches-py/`, `root` itself if it is that folder, or else
 * `root/cifar-10-python.tar.gz`, which is read in memory without unpacking it to disk.
 * @param names the files that are needed, of {@link ALL_FILES}; with `verify` all are checked, as torchvision does.
 * @throws IoError `missing` | `access` | `integrity` | `format`, one line that names the file and the way out.
 */
export function readCifarFiles(root: string, names: ReadonlySet<string>, verify: boolean): CifarFiles {
  const folder = findFolder(root);
  if (folder !== undefined) return readFolder(folder, names, verify);
  const archive = path.join(root, ARCHIVE.name);
  if (fs.existsSync(archive)) return readArchive(archive, names, verify);
  if (!fs.existsSync(root)) throw new IoError('missing', `cannot read CIFAR-10: there is no folder ${root}`, root);
  throw new IoError(
    'missing',
    `cannot read CIFAR-10: ${root} holds neither ${ARCHIVE.name} nor ${FOLDER}/; ` +
      'get the Python version from https://www.cs.toronto.edu/~kriz/cifar.html',
    root,
  );
}

function findFolder(root: string): string | undefined {
  const inside = path.join(root, FOLDER);
  if (fs.existsSync(inside)) return inside;
  return [...ALL_FILES.keys()].some((name) => fs.existsSync(path.join(root, name))) ? root : undefined;
}

function readFolder(folder: string, names: ReadonlySet<string>, verify: boolean): CifarFiles {
  const files = new Map<string, Uint8Array>();
  for (const [name, expected] of ALL_FILES) {
    if (!verify && !names.has(name)) continue;
    const file = path.join(folder, name);
    if (!verify && mayBeAbsent(name) && !fs.existsSync(file)) continue;
    const bytes = readFile(file);
    if (verify) checkMd5(file, createHash('md5').update(bytes).digest('hex'), expected);
    if (names.has(name)) files.set(name, bytes);
  }
  return { origin: folder, files };
}

/** Data of one's own may have fewer batches, and no label names. */
function mayBeAbsent(name: string): boolean {
  return name === 'batches.meta' || (TRAIN_FILES.has(name) && name !== 'data_batch_1');
}

function readFile(file: string): Uint8Array {
  const { fd } = openRegularFile(file);
  try {
    return fs.readFileSync(fd);
  } catch (error) {
    throw explainSystemError(error, 'read', file);
  } finally {
    fs.closeSync(fd);
  }
}

function checkMd5(file: string, got: string, expected: string, note = ''): void {
  if (got === expected) return;
  const message = `${file} is not the published file${note}: its MD5 is ${got}, expected ${expected}; ${WAY_OUT}`;
  throw new IoError('integrity', message, file);
}

function readArchive(archive: string, names: ReadonlySet<string>, verify: boolean): CifarFiles {
  const wanted = (entry: string): string | undefined => {
    const [folder, name, ...rest] = entry.replace(/^\.\//, '').split('/');
    return folder === FOLDER && rest.length === 0 && name !== undefined && names.has(name) ? name : undefined;
  };
  const { files, md5, size, damage } = readTarGz(archive, wanted);
  if (verify) {
    const short = size < ARCHIVE.size ? ` (it is truncated: ${size} of ${ARCHIVE.size} bytes)` : '';
    checkMd5(archive, md5, ARCHIVE.md5, short);
  }
  if (damage !== undefined) {
    throw new IoError('format', `${archive} cannot be unpacked: it is damaged or truncated (${damage})`, archive);
  }
  for (const name of names) {
    if (files.has(name) || (!verify && mayBeAbsent(name))) continue;
    throw new IoError('missing', `${archive} holds no ${FOLDER}/${name}`, archive);
  }
  return { origin: archive, files };
}
