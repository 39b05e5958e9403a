import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { explainSystemError, IoError, openRegularFile } from '../io/index.js';
import { CIFAR_PUBLISHER } from '../io/publishers.js';
import { allFiles, type CifarForm, type CifarSource, type FileFacts } from './cifar-sources.js';
import { readTarGz } from './tar-archive.js';

/** The files of a data set, by name, their version, and where they came from, for messages. */
export interface CifarFiles {
  readonly form: CifarForm;
  readonly origin: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** A version of a data set that is there: its folder, or its archive. */
export interface FoundCifar {
  readonly form: CifarForm;
  readonly folder?: string;
  readonly archive?: string;
}

const WAY_OUT = '--no-verify (verify: false) takes data of your own in this layout';

/**
 * What `root` holds of a data set: a version's folder, `root` itself if it is that folder, or else a version's archive.
 * @returns undefined where there is none.
 */
export function findCifar(root: string, source: CifarSource): FoundCifar | undefined {
  for (const form of source.forms) {
    const inside = path.join(root, form.folder);
    if (fs.existsSync(inside)) return { form, folder: inside };
    if ([...allFiles(form).keys()].some((name) => isFile(path.join(root, name)))) return { form, folder: root };
  }
  for (const form of source.forms) {
    const archive = path.join(root, form.archive.name);
    if (fs.existsSync(archive)) return { form, archive };
  }
  return undefined;
}

/**
 * Finds and reads a data set. An archive is read in memory, without unpacking it to disk.
 * @param parts which pictures are needed; with `verify` all files are checked, as torchvision does.
 * @throws IoError `missing` | `access` | `integrity` | `format`, one line that names the file and the way out.
 */
export function readCifarFiles(
  root: string,
  source: CifarSource,
  parts: readonly ('train' | 'test')[],
  verify: boolean,
): CifarFiles {
  const found = findCifar(root, source);
  if (found === undefined) throw notFound(root, source);
  const { form } = found;
  const names = new Set([...parts.flatMap((part) => [...form[part].keys()]), ...form.meta.keys()]);
  if (found.folder !== undefined) return readFolder(found.folder, form, names, verify);
  return readArchive(found.archive!, form, names, verify);
}

function notFound(root: string, { title, forms }: CifarSource): IoError {
  const cannot = `cannot read ${title}: `;
  if (!fs.existsSync(root)) return new IoError('missing', `${cannot}there is no folder ${root}`, root);
  const [{ archive, folder }] = forms;
  return new IoError(
    'missing',
    `${cannot}${root} holds neither ${archive.name} nor ${folder}/; ` +
      `get the Python version from ${CIFAR_PUBLISHER}cifar.html, or let --download fetch it`,
    root,
  );
}

function isFile(file: string): boolean {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

function readFolder(folder: string, form: CifarForm, names: ReadonlySet<string>, verify: boolean): CifarFiles {
  const files = new Map<string, Uint8Array>();
  for (const [name, facts] of allFiles(form)) {
    if (!verify && !names.has(name)) continue;
    const file = path.join(folder, name);
    if (!verify && mayBeAbsent(form, name) && !fs.existsSync(file)) continue;
    const bytes = readFile(file);
    if (verify) checkFile(file, bytes, facts);
    if (names.has(name)) files.set(name, bytes);
  }
  return { form, origin: folder, files };
}

/** Data of one's own may have fewer batches, and no label names. */
function mayBeAbsent(form: CifarForm, name: string): boolean {
  return form.meta.has(name) || (form.train.has(name) && name !== [...form.train.keys()][0]);
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

function checkFile(file: string, bytes: Uint8Array, { md5, size }: FileFacts): void {
  if (md5 !== undefined) checkMd5(file, createHash('md5').update(bytes).digest('hex'), md5);
  if (size === undefined || size === bytes.byteLength) return;
  const message = `${file} is not the published file: it has ${bytes.byteLength} bytes, expected ${size}; ${WAY_OUT}`;
  throw new IoError('integrity', message, file);
}

function checkMd5(file: string, got: string, expected: string, note = ''): void {
  if (got === expected) return;
  const message = `${file} is not the published file${note}: its MD5 is ${got}, expected ${expected}; ${WAY_OUT}`;
  throw new IoError('integrity', message, file);
}

function readArchive(archive: string, form: CifarForm, names: ReadonlySet<string>, verify: boolean): CifarFiles {
  const wanted = (entry: string): string | undefined => {
    const [folder, name, ...rest] = entry.replace(/^\.\//, '').split('/');
    return folder === form.folder && rest.length === 0 && name !== undefined && names.has(name) ? name : undefined;
  };
  const { files, md5, size, damage } = readTarGz(archive, wanted);
  if (verify) {
    const whole = form.archive.size;
    checkMd5(archive, md5, form.archive.md5, size < whole ? ` (it is truncated: ${size} of ${whole} bytes)` : '');
  }
  if (damage !== undefined) {
    throw new IoError('format', `${archive} cannot be unpacked: it is damaged or truncated (${damage})`, archive);
  }
  for (const name of names) {
    if (files.has(name) || (!verify && mayBeAbsent(form, name))) continue;
    throw new IoError('missing', `${archive} holds no ${form.folder}/${name}`, archive);
  }
  return { form, origin: archive, files };
}
