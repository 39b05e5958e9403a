import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from '../../lib/io/index.js';
import { scope, type Tensor } from '../../lib/tensor/index.js';
import { train, type RunOptions } from '../../lib/train/index.js';
import { suiteFolder } from '../cli/command.js';
import { fromHex } from './hex.js';
import { parityDescribe, runPython } from './python.js';

const here = path.dirname(fileURLToPath(import.meta.url));
const common = { depth: 10, growthRate: 4, validSize: 12, batchSize: 8, seed: 3, threads: 1 };

interface Case {
  readonly title: string;
  readonly ours: RunOptions;
  readonly theirs: Readonly<Record<string, unknown>>;
}

/** 4 iterations an epoch, the last one of 8 pictures too. */
const cases: readonly Case[] = [
  {
    title: 'AdamW, warm-up and cosine by steps, label smoothing, accumulation, a moving average',
    ours: {
      ...{ nEpochs: 3, optimizer: 'adamw', lr: 0.01, betas: [0.8, 0.99], schedule: 'cosine', scheduleEvery: 'step' },
      ...{ warmupEpochs: 1, labelSmoothing: 0.1, accumulate: 3, ema: 0.75 },
    },
    theirs: {
      ...{ n_epochs: 3, optimizer: 'AdamW', kwargs: { lr: 0.01, betas: [0.8, 0.99] }, schedule: 'cosine' },
      ...{ warmup_epochs: 1, label_smoothing: 0.1, accumulate: 3, ema: 0.75 },
    },
  },
  {
    title: 'RMSprop, one cycle, clipped gradients',
    ours: { nEpochs: 2, optimizer: 'rmsprop', lr: 0.003, schedule: 'one-cycle', clipGradNorm: 0.5 },
    theirs: { n_epochs: 2, optimizer: 'RMSprop', kwargs: { lr: 0.003 }, schedule: 'one-cycle', clip: 0.5 },
  },
  {
    title: 'SGD with Nesterov momentum, plateau',
    ours: { nEpochs: 4, schedule: 'plateau', patience: 0, lr: 0.4 },
    theirs: {
      ...{ n_epochs: 4, optimizer: 'SGD', schedule: 'plateau', patience: 0 },
      kwargs: { lr: 0.4, momentum: 0.9, nesterov: true, weight_decay: 1e-4 },
    },
  },
];

parityDescribe('training options beside a Python loop', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  before(() => {
    runPython(path.join(here, 'small_cifar.py'), [path.join(folder.path, 'data'), '44', '16']);
  });

  for (const { title, ours, theirs } of cases) {
    it(`${title}: every bit is the same`, async () => {
      const data = path.join(folder.path, 'data');
      const file = path.join(folder.path, `${ours.schedule ?? ''}.pth`);
      const save = path.join(folder.path, `${ours.schedule ?? ''}-ours`);
      const { depth, growthRate: growth_rate, validSize: valid_size, batchSize: batch_size, seed } = common;
      const options = { data, save: file, depth, growth_rate, valid_size, batch_size, seed, ...theirs };
      const expected = runPython(path.join(here, 'train_options.py'), [JSON.stringify(options)]).json() as {
        losses: string[];
        rates: number[];
        validLosses: number[];
      };
      const validLosses: number[] = [];
      const reporter = { epoch: ({ validLoss }: { validLoss: number }) => void validLosses.push(validLoss) };
      await train({ ...common, data, verify: false, ...ours }, { save, reporter });
      const rows = fs.readFileSync(path.join(save, 'losses.csv'), 'utf8').trimEnd().split('\n').slice(1);
      const column = (index: number): number[] => rows.map((row) => Number(row.split(',')[index]));
      assert.deepEqual(column(2).map(Math.fround), expected.losses.map(fromHex), 'the loss of every iteration');
      assert.deepEqual(column(4), expected.rates, 'learning rates');
      assert.ok(new Set(expected.rates).size > 1, 'the learning rate changes');
      assert.deepEqual(validLosses, expected.validLosses);
      scope(() => {
        const mine = load(path.join(save, 'checkpoint.pth')) as Map<string, Map<string, Tensor>>;
        const python = load(file) as Map<string, Map<string, Tensor> | null>;
        for (const part of ['model', 'averaged']) {
          const wanted = python.get(part);
          if (wanted == null) continue;
          const got = mine.get(part);
          assert.deepEqual([...(got?.keys() ?? [])], [...wanted.keys()]);
          for (const [name, tensor] of wanted) assert.ok(tensor.equal(got!.get(name)!), `${part}.${name}`);
        }
      });
    });
  }
});
