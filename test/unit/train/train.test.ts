import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { load, save as saveFile } from '../../../lib/io/index.js';
import { cifarDenseNet } from '../../../lib/models/index.js';
import { memory, scope } from '../../../lib/tensor/index.js';
import {
  evaluate,
  train,
  RunInterrupted,
  UsageError,
  type Reporter,
  type RunOptions,
} from '../../../lib/train/index.js';
import { readConfig } from '../../../lib/train/config.js';
import { settle } from '../../settle.js';
import { writeSmallCifar } from '../../cli/small-cifar.js';

describe('train/train', function () {
  this.timeout(300_000);
  let folder: string;
  let save: string;
  let options: RunOptions;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-train-'));
    save = path.join(folder, 'run');
    const data = path.join(folder, 'data');
    writeSmallCifar(data);
    options = {
      ...{ data, verify: false, depth: 10, growthRate: 4, batchSize: 16, validSize: 20 },
      ...{ seed: 1, threads: 1, nEpochs: 2 },
    };
  });
  afterEach(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  /** Runs until an iteration of a phase in the first epoch has ended. */
  async function stopAfter(phase: 'train' | 'valid', iteration: number): Promise<void> {
    const controller = new AbortController();
    const reporter: Reporter = {
      iteration: (report) => {
        if (report.phase === phase && report.iteration === iteration) controller.abort();
      },
    };
    await assert.rejects(
      train(options, { save, overwrite: true, reporter, signal: controller.signal }),
      RunInterrupted,
    );
  }

  async function noticesOfResume(): Promise<string[]> {
    const notices: string[] = [];
    await train({}, { save, resume: true, reporter: { notice: (text) => notices.push(text) } });
    return notices;
  }

  it('leaves no tensors behind, epoch after epoch', async () => {
    await settle(); // what other tests left is not counted
    const counts: number[] = [];
    const reporter: Reporter = {
      iteration: ({ phase, iteration }) => {
        if (phase === 'train' && iteration === 0) counts.push(memory().tensors);
      },
    };
    await train({ ...options, nEpochs: 5 }, { save, reporter });
    assert.deepEqual(counts, Array(5).fill(counts[0]), counts.join(' '));
  });

  it('says where it goes on', async () => {
    await stopAfter('train', 0);
    assert.deepEqual(await noticesOfResume(), [`Resuming the run in ${save} at epoch 1 of 2, after 1 iteration`]);
    await stopAfter('valid', 0);
    const validation = `Resuming the run in ${save} at epoch 1 of 2, in its validation, after 1 iteration`;
    assert.deepEqual(await noticesOfResume(), [validation]);
  });

  it('goes on after the last iteration of an epoch without a warning', async () => {
    await stopAfter('train', 2);
    const warnings: string[] = [];
    const listen = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', listen);
    try {
      const [notice] = await noticesOfResume();
      assert.match(notice ?? '', /at epoch 1 of 2, after 3 iterations$/);
    } finally {
      process.off('warning', listen);
    }
    assert.deepEqual(warnings, []);
  });

  it('tells the test error of a run that is finished already', async () => {
    const { testError } = await train(options, { save });
    const told: number[] = [];
    await train({}, { save, resume: true, reporter: { finalTest: (error) => told.push(error) } });
    assert.deepEqual(told, [testError]);
  });

  it('goes on without a picture that cannot be drawn', async () => {
    const notices: string[] = [];
    const reporter: Reporter = {
      notice: (text) => notices.push(text),
      // A folder in the place of the picture.
      start: () => fs.mkdirSync(path.join(save, 'curves.png')),
    };
    const { testError } = await train(options, { save, reporter });
    assert.ok(testError <= 1);
    assert.equal(notices.length, 1);
    assert.match(notices[0] ?? '', /^The curves could not be drawn: [^\n]+$/);
  });

  it('goes on with the data it began with, wherever they are, and no others', async () => {
    await stopAfter('train', 0);
    const resume = (data: string): Promise<unknown> => train({ data }, { save, resume: true });
    const checkpoint = fs.readFileSync(path.join(save, 'checkpoint.pth'));
    const more = path.join(folder, 'more');
    writeSmallCifar(more, { train: 65 });
    await assert.rejects(
      resume(more),
      /^Error: Cannot resume [^\n]*more are others than its own \(65 training and 20 test pictures in 10 classes, where it began with 60/,
    );
    const changed = path.join(folder, 'changed');
    fs.cpSync(options.data ?? '', changed, { recursive: true });
    const batch = path.join(changed, 'cifar-10-batches-py', 'data_batch_2');
    const bytes = fs.readFileSync(batch);
    bytes[bytes.length >> 1]! ^= 1;
    fs.writeFileSync(batch, bytes);
    await assert.rejects(resume(changed), /changed are others than its own \(pictures or labels have changed\)$/);
    assert.ok(fs.readFileSync(path.join(save, 'checkpoint.pth')).equals(checkpoint));
    const moved = path.join(folder, 'moved');
    fs.renameSync(options.data ?? '', moved);
    await resume(moved);
    const config = readConfig(fs.readFileSync(path.join(save, 'config.json'), 'utf8'), 'config.json');
    assert.equal(config.data, moved);
  });

  it('names the checkpoint whose place is not within its pass', async () => {
    await stopAfter('train', 0);
    const file = path.join(save, 'checkpoint.pth');
    const checkpoint = load(file) as Map<string, Map<string, Map<string, Map<string, unknown>>>>;
    checkpoint.get('place')?.get('pass')?.get('loader')?.set('batches', 99);
    saveFile(checkpoint, file);
    await assert.rejects(
      train({}, { save, resume: true }),
      /checkpoint\.pth is damaged: Expected 0 to 3 batches in the state of a loader but received 99$/,
    );
  });

  it('does not go on with the checkpoint of the run that was being replaced', async () => {
    await stopAfter('train', 0);
    const old = fs.readFileSync(path.join(save, 'checkpoint.pth'));
    await train({ ...options, seed: 2 }, { save, overwrite: true });
    // As if the process had been ended between the new configuration and the removal of the old checkpoint.
    fs.writeFileSync(path.join(save, 'checkpoint.pth'), old);
    await assert.rejects(
      train({}, { save, resume: true }),
      /^Error: \S+checkpoint\.pth and \S+config\.json are of two runs: remove the one that shall not go on, then resume$/,
    );
  });

  it('ends an evaluation at the signal', async () => {
    await train(options, { save });
    const controller = new AbortController();
    let iterations = 0;
    const reporter: Reporter = {
      iteration: () => {
        iterations += 1;
        controller.abort();
      },
    };
    await assert.rejects(evaluate({ save, batchSize: 1, reporter, signal: controller.signal }), { name: 'AbortError' });
    assert.equal(iterations, 1);
  });

  it('evaluates on pictures of the classes and the channels of the network alone', async () => {
    const weights = path.join(folder, 'weights.pth');
    const refused = async (form: { numClasses?: number; inChannels?: number }, message: RegExp): Promise<void> => {
      scope(() => saveFile(cifarDenseNet({ depth: 10, growthRate: 4, ...form }).stateDict(), weights));
      await assert.rejects(
        evaluate({ weights, dataset: 'shapes' }),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    };
    await refused(
      { numClasses: 7 },
      /^Expected pictures of 7 classes, as the network has, but --dataset shapes has 10$/,
    );
    await refused({ inChannels: 1 }, /^Expected pictures without colours, .* but --dataset shapes has them$/);
  });
});
