/** The command on data sets of one channel, generated digits and files in MNIST's form, and on mixes of them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { digits } from '../../lib/data/index.js';
import { failWith, succeed, suiteFolder } from './command.js';
import { writeSmallCifar } from './small-cifar.js';

describe('data sets in memory', function () {
  this.timeout(300_000);
  const folder = suiteFolder();

  function idx(shape: readonly number[], data: Uint8Array): Uint8Array {
    const head = Buffer.alloc(4 + 4 * shape.length);
    head.set([0, 0, 8, shape.length]);
    shape.forEach((size, i) => head.writeUInt32BE(size, 4 + 4 * i));
    return gzipSync(Buffer.concat([head, data]));
  }

  before(() => {
    const { set } = digits().train;
    for (const [name, part, from, count] of [
      ['FashionMNIST', 'train', 0, 120],
      ['FashionMNIST', 't10k', 120, 40],
      ['MNIST', 'train', 160, 60],
      ['MNIST', 't10k', 220, 20],
    ] as const) {
      const raw = path.join(folder.path, 'data', name, 'raw');
      fs.mkdirSync(raw, { recursive: true });
      const pictures = set.pictures.subarray(from * 784, (from + count) * 784);
      fs.writeFileSync(path.join(raw, `${part}-images-idx3-ubyte.gz`), idx([count, 28, 28], pictures));
      fs.writeFileSync(
        path.join(raw, `${part}-labels-idx1-ubyte.gz`),
        idx([count], set.labels.slice(from, from + count)),
      );
    }
    writeSmallCifar(path.join(folder.path, 'data'));
  });

  it('LeNet learns the digits to less than 3 % of errors', async () => {
    const options = { cwd: folder.path };
    const learning = ['--optimizer', 'adam', '--lr', '0.002', '--n-epochs', '4', '--seed', '1', '--threads', '1'];
    const args = ['train', '--model', 'lenet', '--dataset', 'digits', ...learning, '--save', 'lenet'];
    const trained = await succeed(args, options);
    const error = /Final test error: (\d\.\d{4})\n/.exec(trained.stdout)?.[1] ?? 'none';
    assert.ok(Number(error) < 0.03, error);
    const again = await succeed(['eval', '--save', 'lenet', '--json'], options);
    const tested = JSON.parse(again.stdout) as { error: number; pictures: number };
    assert.deepEqual([tested.error.toFixed(4), tested.pictures], [error, 2000]);
  });

  it('trains on mixes of files and generated pictures, tests on both, and resumes', async () => {
    const options = { cwd: folder.path };
    const learning = ['--optimizer', 'adam', '--batch-size', '50', '--n-epochs', '1', '--seed', '1', '--threads', '1'];
    const mix = async (dataset: string, save: string, ...more: string[]): Promise<Record<string, unknown>> => {
      const data = ['--dataset', dataset, '--data', 'data', '--no-verify', '--model', 'lenet'];
      const { stdout } = await succeed(['train', ...data, ...learning, '--save', save, ...more], options);
      const error = /Final test error: (\d\.\d{4})\n/.exec(stdout)?.[1];
      const again = await succeed(['eval', '--save', save, '--json'], options);
      const config = JSON.parse(fs.readFileSync(path.join(folder.path, save, 'config.json'), 'utf8')) as object;
      const tested = JSON.parse(again.stdout) as { error: number; pictures: number };
      assert.equal(tested.error.toFixed(4), error);
      return { ...config, tested: tested.pictures };
    };
    const files = await mix('fashion-mnist+mnist', 'files', '--valid-size', '30');
    const { train, test } = files['pictures'] as { train: number; test: number };
    assert.deepEqual([files['dataset'], train, test, files['tested']], ['fashion-mnist+mnist', 180, 60, 60]);
    const losses = fs
      .readFileSync(path.join(folder.path, 'files', 'losses.csv'), 'utf8')
      .trimEnd()
      .split('\n');
    assert.equal(losses.length, 1 + 3, '150 pictures in batches of 50');
    const resumed = await succeed(['train', '--save', 'files', '--resume'], options);
    assert.match(resumed.stderr, /The run in files is finished/);
    const generated = await mix('mnist+digits', 'generated', '--valid-size', '9560');
    assert.deepEqual([(generated['pictures'] as { train: number }).train, generated['tested']], [10060, 2020]);
    const colours = await mix('cifar10+shapes', 'colours', '--valid-size', '4560', '--no-augment');
    assert.deepEqual([colours['inChannels'], colours['tested']], [3, 1020]);
  });

  it('says in one line what cannot be mixed', async () => {
    const refused = (code: number, dataset: string, ...more: string[]): Promise<string> =>
      failWith(code, ['train', '--dataset', dataset, '--save', 'none', ...more], { cwd: folder.path });
    const data = ['--data', 'data', '--no-verify'];
    assert.match(await refused(2, 'mnist+cifar10', ...data), /one shape of pictures .* received 1x28x28 and 3x32x32$/);
    assert.match(
      await refused(1, 'digits+mnist', '--data', 'nowhere'),
      /cannot read MNIST: there is no folder nowhere/,
    );
    assert.match(await refused(2, 'digits+mnsit', ...data), /^torchbridge: Expected .* but received "digits\+mnsit"$/);
    assert.match(await refused(2, 'mnist+mnist', ...data), /different data sets .* "mnist\+mnist"$/);
    assert.match(await refused(2, 'mnist+imagefolder', ...data), /no mix with imagefolder/);
    assert.equal(fs.existsSync(path.join(folder.path, 'none')), false);
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
