import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { train, type RunOptions } from '../../lib/train/index.js';
import { suiteFolder } from '../cli/command.js';
import { fromHex } from './hex.js';
import { parityDescribe, runPython } from './python.js';

const here = path.dirname(fileURLToPath(import.meta.url));

/** 4 iterations an epoch. */
const common = { depth: 10, growthRate: 4, validSize: 12, batchSize: 8, seed: 3, threads: 1 };

interface Theirs {
  readonly losses: string[];
  readonly validLosses: number[];
  readonly scales: number[];
  readonly compared: number;
  readonly differences: string[];
}

const cases: readonly { readonly title: string; readonly nEpochs: number; readonly ours: RunOptions }[] = [
  { title: 'bfloat16, 20 iterations', nEpochs: 5, ours: { amp: 'bf16' } },
  { title: 'bfloat16, channels last', nEpochs: 2, ours: { amp: 'bf16', channelsLast: true } },
  {
    title: 'float16 with a scaler, accumulation and clipping',
    nEpochs: 3,
    ours: { amp: 'fp16', accumulate: 3, clipGradNorm: 0.5 },
  },
  { title: 'float32, channels last', nEpochs: 2, ours: { channelsLast: true } },
];

parityDescribe('mixed precision and channels_last in a training run', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  before(() => {
    runPython(path.join(here, 'small_cifar.py'), [path.join(folder.path, 'data'), '44', '16']);
  });

  cases.forEach(({ title, nEpochs, ours }, index) => {
    it(`${title}: the losses, the weights and the scale of torch.autocast`, async () => {
      const data = path.join(folder.path, 'data');
      const save = path.join(folder.path, `ours-${index}`);
      const reports: number[] = [];
      await train(
        { ...common, ...ours, nEpochs, schedule: 'constant', data, verify: false },
        { save, reporter: { epoch: ({ validLoss }) => void reports.push(validLoss) } },
      );
      const { amp = 'none', channelsLast = false, accumulate = 1, clipGradNorm = null } = ours;
      const options = {
        ...{ data, ours: save, depth: 10, growth_rate: 4, valid_size: 12, batch_size: 8, n_epochs: nEpochs, seed: 3 },
        ...{ amp, channels_last: channelsLast, accumulate, clip: clipGradNorm },
      };
      const theirs = runPython(path.join(here, 'amp.py'), [JSON.stringify(options)]).json() as Theirs;
      const rows = fs.readFileSync(path.join(save, 'losses.csv'), 'utf8').trimEnd().split('\n').slice(1);
      const losses = rows.map((row) => Math.fround(Number(row.split(',')[2])));
      assert.equal(losses.length, 4 * nEpochs);
      assert.deepEqual(losses, theirs.losses.map(fromHex), 'the loss of every iteration');
      assert.deepEqual(reports, theirs.validLosses, 'the validation losses');
      assert.deepEqual(theirs.differences, []);
      assert.ok(theirs.compared > 30);
      if (amp === 'fp16') assert.ok(theirs.scales.every((scale) => scale <= 65536 && scale > 0));
    });
  });
});
