/** Every network of `--model` trained by the command: three steps of each, and small ones until the loss has fallen. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { NETWORK_FACTS, NETWORK_NAMES, type NetworkName } from '../../lib/train/network-names.js';
import { writeClassFolders } from '../cli/class-folders.js';
import { succeed, suiteFolder } from '../cli/command.js';

/** Without momentum: the files of a VGG are large enough. */
const plain = ['--optimizer', 'sgd', '--momentum', '0', '--no-nesterov', '--weight-decay', '0'];
const common = [
  '--data',
  'data',
  '--batch-size',
  '4',
  '--seed',
  '1',
  '--threads',
  '1',
  '--no-augment',
  '--workers',
  '1',
];

/** Small ones that learn in 48 steps, and their learning rates. */
const FALLING: readonly [NetworkName, number][] = [
  ['cifar-densenet', 0.1],
  ['densenet121', 0.02],
  ['notes-densenet', 0.02],
  ['fashion-densenet121', 0.02],
  ['resnet18', 0.01],
  ['notes-resnet18', 0.01],
  ['googlenet', 0.01],
  ['lenet', 0.05],
  ['classic-lenet', 0.05],
];

describe('the command trains', function () {
  this.timeout(600_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);

  before(async () => {
    await writeClassFolders(at('few', 'train'), { pictures: 4 });
    await writeClassFolders(at('many', 'train'), { pictures: 16 });
    for (const name of ['few', 'many']) await writeClassFolders(at(name, 'val'), { pictures: 1, seed: 1 });
  });
  afterEach(() => fs.rmSync(at('run'), { recursive: true, force: true }));

  /** The loss of every iteration. */
  async function losses(model: NetworkName, data: string, options: readonly string[]): Promise<number[]> {
    const { sizes, fixed } = NETWORK_FACTS[model];
    const size = sizes !== null && !fixed ? ['--resize', '64'] : [];
    const args = ['train', ...common, '--data', data, '--model', model, ...size, ...options, '--save', 'run'];
    await succeed(args, { cwd: folder.path });
    const rows = fs.readFileSync(at('run', 'losses.csv'), 'utf8').trimEnd().split('\n').slice(1);
    return rows.map((row) => Number(row.split(',')[2]));
  }

  for (const model of NETWORK_NAMES) {
    it(`${model}, three steps`, async () => {
      const found = await losses(model, 'few', [...plain, '--lr', '0.001', '--n-epochs', '1']);
      assert.equal(found.length, 3);
      assert.ok(
        found.every((loss) => Number.isFinite(loss) && loss > 0),
        found.join(),
      );
    });
  }

  for (const [model, lr] of FALLING) {
    it(`${model} until its loss has fallen`, async () => {
      const found = await losses(model, 'many', ['--lr', String(lr), '--n-epochs', '4']);
      assert.equal(found.length, 48);
      const mean = (part: readonly number[]): number => part.reduce((sum, loss) => sum + loss, 0) / part.length;
      const [first, last] = [mean(found.slice(0, 12)), mean(found.slice(-12))];
      assert.ok(last < 0.9 * first, `${first} in the first epoch, ${last} in the last`);
    });
  }
});
