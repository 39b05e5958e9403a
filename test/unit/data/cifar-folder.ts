/** Small data sets in CIFAR-10's layout, for tests. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { NdArray, writePickle } from '../../../lib/io/index.js';

export const NAMES = ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5', 'test_batch'];

/** A batch of `count` pictures: picture i of batch b is filled with 10 b + i, its label is (b + i) mod 10. */
export function batch(index: number, count: number, changes: Record<string, unknown> = {}): Uint8Array {
  const data = Uint8Array.from({ length: count * 3072 }, (_, at) => 10 * index + Math.floor(at / 3072));
  const labels = Array.from({ length: count }, (_, i) => (index + i) % 10);
  return writePickle({ labels, data: new NdArray('uint8', [count, 3072], data), ...changes }, { protocol: 3 });
}

export const meta = (): Uint8Array => writePickle({ label_names: Array.from('abcdefghij') });

/** Writes `root/cifar-10-batches-py` with 2 pictures in each file. @returns that folder. */
export function writeCifar(root: string): string {
  const folder = path.join(root, 'cifar-10-batches-py');
  fs.mkdirSync(folder, { recursive: true });
  NAMES.forEach((name, index) => fs.writeFileSync(path.join(folder, name), batch(index, 2)));
  fs.writeFileSync(path.join(folder, 'batches.meta'), meta());
  return folder;
}

/** Packs the folder of {@link writeCifar} into the archive's name and removes it. @returns the archive. */
export function pack(root: string): string {
  const archive = path.join(root, 'cifar-10-python.tar.gz');
  const { status, stderr } = spawnSync('tar', ['-czf', archive, '-C', root, 'cifar-10-batches-py'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  fs.rmSync(path.join(root, 'cifar-10-batches-py'), { recursive: true });
  return archive;
}
