/** The embedded pictures: the same everywhere, kept whole, made once. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { shapes } from '../../../lib/data/index.js';
import { generateShapes } from '../../../lib/data/shapes.js';

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

describe('shapes', () => {
  let cacheFolder: string;
  beforeEach(() => {
    cacheFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-shapes-'));
  });
  afterEach(() => {
    fs.chmodSync(cacheFolder, 0o700);
    fs.rmSync(cacheFolder, { recursive: true, force: true });
  });

  it('draws the same pictures on every machine', () => {
    const { train, test } = shapes({ cacheFolder });
    assert.deepEqual([train.length, test.length, train.classes.length], [5000, 1000, 10]);
    // Recorded when the drawing was made. A change of the drawing changes the number in the folder's name and these, together:
    // an older cache must not be taken for the new pictures.
    assert.deepEqual(
      {
        folders: fs.readdirSync(cacheFolder),
        pictures: md5(train.set.pictures),
        labels: md5(train.set.labels),
        test: md5(test.set.pictures),
      },
      {
        folders: ['shapes-2-0'],
        pictures: '63a6da7ea07b8b613cd8ed1afac20adc',
        labels: '744fec034104ed030438c5c1bca51d9d',
        test: '10c4adff330025a9460b626e452e4818',
      },
    );
    const counts = new Array<number>(10).fill(0);
    for (const label of train.set.labels) counts[label]!++;
    assert(
      counts.every((count) => count > 400 && count < 600),
      String(counts),
    );
  });

  it('differ from seed to seed and from batch to batch', () => {
    const sums = [0, 1, 2 ** 40].flatMap((seed) => [...generateShapes(seed).files.values()].slice(0, 6).map(md5));
    assert.equal(new Set(sums).size, 18);
  });

  it('are read from the folder the second time, and drawn again when it is damaged', () => {
    const first = shapes({ cacheFolder });
    const folder = path.join(cacheFolder, fs.readdirSync(cacheFolder)[0]!, 'cifar-10-batches-py');
    assert.deepEqual(fs.readdirSync(folder).sort(), [
      ...['batches.meta', 'data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5'],
      ...['md5sums', 'test_batch'],
    ]);
    const file = path.join(folder, 'data_batch_3');
    const made = fs.statSync(file).mtimeMs;
    assert.deepEqual(shapes({ cacheFolder }).train.set.pictures, first.train.set.pictures);
    assert.equal(fs.statSync(file).mtimeMs, made);
    fs.truncateSync(file, 1000);
    assert.deepEqual(shapes({ cacheFolder }).train.set.pictures, first.train.set.pictures);
    assert(fs.statSync(file).size > 1000);
    fs.rmSync(path.join(folder, 'md5sums'));
    assert.deepEqual(shapes({ cacheFolder }).test.set.labels, first.test.set.labels);
  });

  it('come without a folder when none can be written', () => {
    const blocked = path.join(cacheFolder, 'file');
    fs.writeFileSync(blocked, '');
    assert.equal(shapes({ cacheFolder: path.join(blocked, 'below') }).train.length, 5000);
  });

  it('may be made by several processes at once', async function () {
    this.timeout(300_000);
    const program = `import { shapes } from './lib/data/index.js';
      process.exitCode = shapes({ cacheFolder: process.argv[1] }).train.length === 5000 ? 0 : 1;`;
    const codes = await Promise.all(
      [1, 2, 3].map(async () => {
        const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', program, cacheFolder], {
          cwd: path.resolve(import.meta.dirname, '../../..'),
          stdio: 'inherit',
        });
        const [code] = (await once(child, 'exit')) as [number | null];
        return code;
      }),
    );
    assert.deepEqual(codes, [0, 0, 0]);
    const root = path.join(cacheFolder, fs.readdirSync(cacheFolder)[0]!);
    assert.deepEqual(fs.readdirSync(root), ['cifar-10-batches-py']);
  });

  it('refuse a seed that is no integer', () => {
    assert.throws(() => shapes({ seed: 0.5, cacheFolder }), {
      message: 'Expected an integer for seed but received 0.5',
    });
  });
});
