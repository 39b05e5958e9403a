/** The command on data sets of one channel: generated digits, and files in MNIST's form. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { digits } from '../../lib/data/index.js';
import { failWith, succeed, suiteFolder } from './command.js';

describe('data sets of one channel', function () {
  this.timeout(120_000);
  const folder = suiteFolder();

  function idx(shape: readonly number[], data: Uint8Array): Uint8Array {
    const head = Buffer.alloc(4 + 4 * shape.length);
    head.set([0, 0, 8, shape.length]);
    shape.forEach((size, i) => head.writeUInt32BE(size, 4 + 4 * i));
    return gzipSync(Buffer.concat([head, data]));
  }

  before(() => {
    const raw = path.join(folder.path, 'data', 'FashionMNIST', 'raw');
    fs.mkdirSync(raw, { recursive: true });
    const { set } = digits().train;
    for (const [part, from, count] of [
      ['train', 0, 120],
      ['t10k', 120, 40],
    ] as const) {
      const pictures = set.pictures.subarray(from * 784, (from + count) * 784);
      fs.writeFileSync(path.join(raw, `${part}-images-idx3-ubyte.gz`), idx([count, 28, 28], pictures));
      fs.writeFileSync(
        path.join(raw, `${part}-labels-idx1-ubyte.gz`),
        idx([count], set.labels.slice(from, from + count)),
      );
    }
  });

  it('trains on files in the form of MNIST, evaluates, and resumes', async () => {
    const options = { cwd: folder.path };
    const form = ['--depth', '10', '--growth-rate', '4', '--batch-size', '20', '--valid-size', '20', '--threads', '1'];
    const data = ['--dataset', 'fashion-mnist', '--data', 'data', '--no-verify'];
    const trained = await succeed(
      ['train', ...data, ...form, '--n-epochs', '1', '--seed', '1', '--save', 'run'],
      options,
    );
    const error = /Final test error: (\d\.\d{4})\n/.exec(trained.stdout)?.[1];
    const config = JSON.parse(fs.readFileSync(path.join(folder.path, 'run', 'config.json'), 'utf8')) as object;
    const { dataset, inChannels, numClasses } = config as Record<string, unknown>;
    assert.deepEqual([dataset, inChannels, numClasses], ['fashion-mnist', 1, 10]);
    const again = await succeed(['eval', '--save', 'run'], options);
    assert.match(again.stdout, new RegExp(`Final test error: ${error}\n`));
    // Without a config.json the one channel is read from the shapes.
    fs.mkdirSync(path.join(folder.path, 'other'));
    fs.copyFileSync(path.join(folder.path, 'run', 'model.pth'), path.join(folder.path, 'other', 'model.pth'));
    const bare = await succeed(['eval', '--weights', 'other/model.pth', ...data, '--json'], options);
    assert.equal((JSON.parse(bare.stdout) as { error: number }).error.toFixed(4), error);
    const resumed = await succeed(['train', '--save', 'run', '--resume'], options);
    assert.match(resumed.stderr, /The run in run is finished/);
  });

  it('--data digits is the generated set, unless a data set is named', async () => {
    const options = { cwd: folder.path };
    const digits = await failWith(2, ['train', '--data', 'digits', '--valid-size', '10000'], options);
    assert.match(digits, /below 10000 \(the training pictures there are\)/);
    const named = await failWith(1, ['train', '--data', 'digits', '--dataset', 'mnist'], options);
    assert.match(named, /cannot read MNIST: there is no folder .*digits$/);
    const both = await failWith(2, ['eval', '--save', 'run', '--dataset', 'digits', '--data', 'x'], options);
    assert.match(both, /Expected no --data with --dataset digits/);
  });
});
