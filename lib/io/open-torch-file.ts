import type { ByteSource } from './byte-source.js';
import { IoError } from './errors.js';
import type { TorchContainer } from './torch-file.js';
import { isLegacy, openLegacy } from './torch-legacy.js';
import { isTar, openTar } from './torch-tar.js';
import { openZip } from './torch-zip.js';

/**
 * Opens a file of torch.save in any of its forms, told apart by what it begins with, and checks that it is whole. Of its
 * storages nothing is read.
 * @throws IoError `format` | `unsupported`, one line that names the file and what it is instead.
 */
export function openTorchFile(source: ByteSource): TorchContainer {
  const head = Buffer.from(source.read(0, Math.min(source.size, 64)));
  const begins = (text: string): boolean => head.toString('latin1', 0, text.length) === text;
  const refuse = (message: string): never => {
    throw new IoError('format', `${source.name}: ${message}`, source.name);
  };
  if (head.length === 0) refuse('the file is empty');
  if (begins('PK')) return openZip(source);
  try {
    if (isTar(source)) return openTar(source);
    if (isLegacy(source)) return openLegacy(source);
  } catch (error) {
    if (error instanceof IoError || !(error instanceof Error)) throw error;
    refuse(error.message);
  }
  if (begins('version https://git-lfs.'))
    refuse('a Git LFS pointer instead of the file itself; fetch it with git lfs pull');
  const other = KINDS.find(([beginnings]) => beginnings.some(begins))?.[1];
  return refuse(`not a file of torch.save: ${other ?? 'no zip file begins here, and none of its older forms'}`);
}

/** What people hand over by mistake, by how it begins. */
const KINDS: readonly [string[], string][] = [
  [['\xff\xd8\xff', '\x89PNG', 'GIF8', 'BM', 'RIFF'], 'it is a picture'],
  [['<!DOCTYPE', '<!doctype', '<html', '<HTML', '<?xml'], 'it is a web page, as servers send when a download fails'],
  [['\x89HDF\r\n'], 'it is an HDF5 file (Keras)'],
  [['\x93NUMPY'], 'it is a numpy array'],
  [['\x1f\x8b', 'BZh', '\xfd7zXZ', '(\xb5/\xfd'], 'it is compressed; unpack it first'],
  [['\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05'], 'it is a pickle, but not one that torch.save wrote'],
];
