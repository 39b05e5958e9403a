import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { Header } from 'tar';
import { shadePicture } from './shade-pictures.js';
import { randomNumbers } from './small-cifar.js';

/** Classes by their WordNet numbers, and their words; by the numbers they are in another order than in the devkit. */
export const SYNSETS = [
  ['n02084071', 'dog, domestic dog'],
  ['n01440764', 'tench, Tinca tinca'],
  ['n01443537', 'goldfish, Carassius auratus'],
] as const;

/** Writes ImageNet's three archives in their authors' layout, with pictures of one shade for each class. */
export async function writeImageNet(folder: string, counts: { train: number; val: number }): Promise<void> {
  fs.mkdirSync(folder, { recursive: true });
  const random = randomNumbers(3);
  const write = (name: string, bytes: Uint8Array): void => fs.writeFileSync(path.join(folder, name), bytes);
  const classes: [string, Uint8Array][] = [];
  for (const [shade, [wnid]] of SYNSETS.entries()) {
    const files: [string, Uint8Array][] = [];
    for (let i = 0; i < counts.train; i++)
      files.push([`${wnid}_${7 * i + 1}.JPEG`, await shadePicture(shade, random, 'jpeg')]);
    classes.push([`${wnid}.tar`, tar(files)]);
  }
  write('ILSVRC2012_img_train.tar', tar(classes));
  const truth = Array.from({ length: counts.val }, (_, i) => (2 * i) % 3);
  const pictures: [string, Uint8Array][] = [];
  for (const [i, shade] of truth.entries())
    pictures.push([`ILSVRC2012_val_${String(i + 1).padStart(8, '0')}.JPEG`, await shadePicture(shade, random, 'jpeg')]);
  write('ILSVRC2012_img_val.tar', tar(pictures));
  const inside = 'ILSVRC2012_devkit_t12/data';
  const numbers = Buffer.from(truth.map((shade) => `${shade + 1}\n`).join(''));
  const kit = tar([
    [`${inside}/meta.mat`, metaMat()],
    [`${inside}/ILSVRC2012_validation_ground_truth.txt`, numbers],
  ]);
  write('ILSVRC2012_devkit_t12.tar.gz', gzipSync(kit));
}

function tar(files: readonly (readonly [name: string, bytes: Uint8Array])[]): Buffer {
  const parts = files.flatMap(([name, bytes]) => {
    const header = Buffer.alloc(512);
    new Header({ path: name, type: 'File', size: bytes.byteLength, mode: 0o644, mtime: new Date(0) }).encode(header);
    return [header, bytes, Buffer.alloc((512 - (bytes.byteLength % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

const [INT8, UINT16, INT32, UINT32, DOUBLE, MATRIX] = [1, 4, 5, 6, 9, 14];
const [STRUCT_CLASS, CHAR_CLASS, DOUBLE_CLASS] = [2, 4, 6];

/** An element of a MATLAB file: what it is, how long, its bytes up to a multiple of eight. */
function element(type: number, bytes: Uint8Array): Buffer {
  const tag = Buffer.alloc(8);
  tag.writeUInt32LE(type, 0);
  tag.writeUInt32LE(bytes.byteLength, 4);
  return Buffer.concat([tag, bytes, Buffer.alloc((8 - (bytes.byteLength % 8)) % 8)]);
}

const bytesOf = (values: Int32Array | Uint32Array | Uint16Array | Float64Array): Uint8Array =>
  new Uint8Array(values.buffer);

function matrix(kind: number, name: string, shape: readonly number[], ...body: Uint8Array[]): Buffer {
  const flags = element(UINT32, bytesOf(Uint32Array.of(kind, 0)));
  const sizes = element(INT32, bytesOf(Int32Array.from(shape)));
  return element(MATRIX, Buffer.concat([flags, sizes, element(INT8, Buffer.from(name)), ...body]));
}

/** The struct array `synsets` with a group of classes at its end, as `meta.mat` has it. */
function metaMat(): Buffer {
  const number = (value: number): Buffer =>
    matrix(DOUBLE_CLASS, '', [1, 1], element(DOUBLE, bytesOf(Float64Array.of(value))));
  const text = (value: string): Buffer =>
    matrix(CHAR_CLASS, '', [1, value.length], element(UINT16, bytesOf(Uint16Array.from(Buffer.from(value)))));
  const synsets = [...SYNSETS.map((each) => [...each, 0] as const), ['n00015388', 'animal', 3] as const];
  const values = synsets.flatMap(([wnid, words, children], i) => [
    number(i + 1),
    text(wnid),
    text(words),
    number(children),
  ]);
  const fields = ['ILSVRC2012_ID', 'WNID', 'words', 'num_children'].map((name) => name.padEnd(32, '\0')).join('');
  const head = Buffer.alloc(128, ' ');
  head.write('MATLAB 5.0 MAT-file');
  head.writeUInt16LE(0x0100, 124);
  head.write('IM', 126);
  const width = element(INT32, bytesOf(Int32Array.of(32)));
  const body = [width, element(INT8, Buffer.from(fields)), ...values];
  return Buffer.concat([head, matrix(STRUCT_CLASS, 'synsets', [synsets.length, 1], ...body)]);
}
