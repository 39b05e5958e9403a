import assert from 'node:assert/strict';
import path from 'node:path';
import {
  checkOptions,
  formatConfig,
  parseConfig,
  readConfig,
  resolveConfig,
  type ConfigSurroundings,
} from '../../../lib/train/config.js';
import { defaultMilestones } from '../../../lib/train/schedule-names.js';
import { resumedConfig } from '../../../lib/train/resumed-config.js';
import { UsageError } from '../../../lib/train/errors.js';

const around: ConfigSurroundings = {
  pictures: { train: 50000, test: 10000, sha256: '0'.repeat(64) },
  numClasses: 10,
  seed: 17,
  threads: 2,
  device: 'cpu',
  versions: { torchbridge: '0.1.0', torch: '2.13.0' },
};

describe('train/config', () => {
  it("has the script's defaults", () => {
    const config = resolveConfig({ data: 'data' }, around);
    const { dataset, depth, growthRate, validSize, nEpochs, batchSize, lr, momentum, weightDecay, nesterov } = config;
    assert.deepEqual(
      { dataset, depth, growthRate, validSize, nEpochs, batchSize, lr, momentum, weightDecay, nesterov },
      {
        dataset: 'cifar10',
        depth: 40,
        growthRate: 12,
        validSize: 5000,
        nEpochs: 300,
        batchSize: 64,
        lr: 0.1,
        momentum: 0.9,
        weightDecay: 1e-4,
        nesterov: true,
      },
    );
    assert.deepEqual(config.milestones, [150, 225]);
    assert.equal(config.numInitFeatures, 24);
    assert.equal(config.compression, 0.5);
  });

  it("has the paper's defaults without bottleneck, and shapes without data", () => {
    const config = resolveConfig({ bottleneck: false }, { ...around, pictures: { ...around.pictures, train: 5000 } });
    assert.equal(config.dataset, 'shapes');
    assert.equal(config.numInitFeatures, 16);
    assert.equal(config.compression, 1);
    assert.equal(config.validSize, 500);
  });

  it('rounds milestones up to whole epochs', () => {
    const cases: [number, number[]][] = [
      [1, [1, 1]],
      [2, [1, 2]],
      [3, [2, 3]],
      [4, [2, 3]],
      [5, [3, 4]],
      [6, [3, 5]],
      [300, [150, 225]],
    ];
    for (const [epochs, milestones] of cases) assert.deepEqual(defaultMilestones(epochs), milestones);
  });

  it('refuses what cannot be, in one line', () => {
    const refused = (run: () => unknown, message: RegExp): void => {
      assert.throws(
        run,
        (error) => error instanceof UsageError && message.test(error.message) && !error.message.includes('\n'),
      );
    };
    refused(() => resolveConfig({ validSize: 50000 }, around), /below 50000.*--valid-size.*50000/);
    const own = { ...around, pictures: { ...around.pictures, train: 60 } };
    refused(
      () => resolveConfig({ data: 'x' }, own),
      /60 training pictures, too few for the default --valid-size 5000: add/,
    );
    refused(() => checkOptions({ momentum: 0 }), /Nesterov momentum requires a momentum and zero dampening/);
    refused(() => checkOptions({ dampening: 0.1 }), /Nesterov/);
    refused(() => checkOptions({ dataset: 'cifar10' }), /--data/);
    refused(() => checkOptions({ dataset: 'shapes', data: 'x' }), /no --data/);
    refused(() => parseConfig({ ...resolveConfig({}, around), depth: 'deep' }), /^depth: /);
    refused(() => parseConfig(null), /the configuration/);
    checkOptions({ momentum: 0, nesterov: false, dampening: 0.5 });
  });

  it('comes back from its own text', () => {
    const config = resolveConfig({ data: 'data', dropRate: 0.2, milestones: [] }, around);
    assert.deepEqual(readConfig(formatConfig(config), 'config.json'), config);
  });

  it('names the file that is damaged', () => {
    assert.throws(() => readConfig('{', 'runs/config.json'), /^Error: runs\/config\.json is not valid JSON/);
    assert.throws(
      () => readConfig('{}', 'runs/config.json'),
      /^Error: runs\/config\.json is not a run's configuration: dataset/,
    );
  });

  it('reads the files of runs that named no way of computing', () => {
    const { efficient, ...older } = resolveConfig({}, around);
    assert.equal(efficient, 'none');
    assert.deepEqual(parseConfig(older), { ...older, efficient });
  });

  it('resumes with the options of the run, and names those that differ', () => {
    const stored = resolveConfig({ data: 'data', batchSize: 32 }, around);
    assert.deepEqual(resumedConfig(stored, {}, 'run'), stored);
    assert.equal(resumedConfig(stored, { batchSize: 32, data: 'elsewhere' }, 'run').data, path.resolve('elsewhere'));
    assert.equal(resumedConfig(stored, { milestones: [150, 225], verify: false }, 'run').verify, false);
    assert.throws(
      () => resumedConfig(stored, { batchSize: 64, nesterov: false, lr: 0.1 }, 'run'),
      (error) =>
        error instanceof UsageError &&
        error.message ===
          'Cannot resume the run in run with --batch-size 64 (it was --batch-size 32), --no-nesterov (it was --nesterov): the numbers would change',
    );
  });
});
