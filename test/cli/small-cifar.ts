import fs from 'node:fs';
import path from 'node:path';
import { NdArray, writePickle } from '../../lib/io/index.js';

/**
 * Writes a small data set in CIFAR-10's layout: `folder/cifar-10-batches-py`. Each class has a brightness of its own
 * under noise, so that a few steps of training change the errors.
 */
export function writeSmallCifar(
  folder: string,
  { train = 60, test = 20 }: { train?: number; test?: number } = {},
): void {
  const root = path.join(folder, 'cifar-10-batches-py');
  fs.mkdirSync(root, { recursive: true });
  const random = randomNumbers(5);
  for (let i = 0; i < 5; i++) {
    const count = Math.floor((train * (i + 1)) / 5) - Math.floor((train * i) / 5);
    fs.writeFileSync(path.join(root, `data_batch_${i + 1}`), batch(`training batch ${i + 1} of 5`, count, random));
  }
  fs.writeFileSync(path.join(root, 'test_batch'), batch('testing batch 1 of 1', test, random));
  const names = Array.from({ length: 10 }, (_, i) => `class ${i}`);
  const meta = { num_cases_per_batch: Math.floor(train / 5), label_names: names, num_vis: 3072 };
  fs.writeFileSync(path.join(root, 'batches.meta'), writePickle(meta));
}

function batch(label: string, count: number, random: () => number): Uint8Array {
  const data = new Uint8Array(count * 3072);
  const labels = Array.from({ length: count }, () => Math.floor(10 * random()));
  labels.forEach((each, i) => {
    for (let j = 0; j < 3072; j++) data[i * 3072 + j] = Math.floor(16 * each + 96 * random());
  });
  const filenames = labels.map((_, i) => `${i}.png`);
  return writePickle({ batch_label: label, labels, data: new NdArray('uint8', [count, 3072], data), filenames });
}

/** Numbers in [0, 1) that are the same every time (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
