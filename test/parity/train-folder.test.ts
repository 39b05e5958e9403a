/** Training on folders of pictures beside PyTorch and torchvision: the same losses, rates and weights, to the last bit. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { load } from '../../lib/io/index.js';
import { scope, type Tensor } from '../../lib/tensor/index.js';
import { train } from '../../lib/train/index.js';
import { writeClassFolders } from '../cli/class-folders.js';
import { suiteFolder } from '../cli/command.js';
import { fromHex } from './hex.js';
import { parityDescribe, runPython } from './python.js';

parityDescribe('training on folders of pictures beside torchvision', function () {
  this.timeout(300_000);
  const folder = suiteFolder();

  it('random parts and mirrors, dropout, warm-up in steps and cosine: every bit is the same', async () => {
    const data = path.join(folder.path, 'data');
    await writeClassFolders(path.join(data, 'train'), { pictures: 7 });
    await writeClassFolders(path.join(data, 'val'), { pictures: 3, seed: 7 });
    const file = path.join(folder.path, 'theirs.pth');
    const [save, script] = [path.join(folder.path, 'ours'), path.join(import.meta.dirname, 'train_folder.py')];
    const theirs = { crop: 24, resize: 27, drop_rate: 0.2, n_epochs: 3, batch_size: 8, warmup_steps: 4, seed: 5 };
    const expected = runPython(script, [JSON.stringify({ data, save: file, ...theirs })]).json() as {
      losses: string[];
      rates: number[];
      validLosses: number[];
    };
    const validLosses: number[] = [];
    const reporter = { epoch: ({ validLoss }: { validLoss: number }) => void validLosses.push(validLoss) };
    const form = { depth: 10, growthRate: 4, dropRate: 0.2, resize: 24 };
    const learning = { nEpochs: 3, batchSize: 8, schedule: 'cosine', warmupSteps: 4, seed: 5, threads: 1 } as const;
    await train({ ...form, ...learning, dataset: 'imagefolder', data, workers: 0 }, { save, reporter });
    const rows = fs.readFileSync(path.join(save, 'losses.csv'), 'utf8').trimEnd().split('\n').slice(1);
    const column = (index: number): number[] => rows.map((row) => Number(row.split(',')[index]));
    assert.deepEqual(column(2).map(Math.fround), expected.losses.map(fromHex), 'the loss of every iteration');
    assert.deepEqual(column(4), expected.rates, 'learning rates');
    assert.equal(new Set(expected.rates).size, 9, 'the learning rate moves with each step');
    assert.deepEqual(validLosses, expected.validLosses);
    scope(() => {
      const mine = load(path.join(save, 'checkpoint.pth')) as Map<string, Map<string, Tensor>>;
      const python = load(file) as Map<string, Tensor>;
      const got = mine.get('model')!;
      assert.deepEqual([...got.keys()], [...python.keys()]);
      for (const [name, tensor] of python) assert.ok(tensor.equal(got.get(name)!), name);
    });
  });
});
