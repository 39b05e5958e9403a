/** `--amp` and `--channels-last`: a run that goes on, and the evaluation of one. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runOptions, trainCommand } from '../../../lib/cli/train-options.js';
import { load } from '../../../lib/io/index.js';
import { evaluate, RunInterrupted, train, UsageError } from '../../../lib/train/index.js';
import { writeSmallCifar } from '../../cli/small-cifar.js';

describe('a run in mixed precision', function () {
  this.timeout(300_000);
  let folder: string;
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-precision-'));
    writeSmallCifar(path.join(folder, 'data'));
  });
  after(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });
  const at = (...names: string[]): string => path.join(folder, ...names);
  const common = { verify: false, depth: 10, growthRate: 4, validSize: 12, batchSize: 16, seed: 1, threads: 1 };
  const options = () => ({ ...common, data: at('data'), nEpochs: 2, dropRate: 0.2 });

  it('in float16 goes on with the state of its scaler, to the same bits', async () => {
    const given = { ...options(), amp: 'fp16' as const, channelsLast: true };
    await train(given, { save: at('whole') });
    const stop = new AbortController();
    let iterations = 0;
    const iteration = (): void => {
      iterations += 1;
      if (iterations === 4) stop.abort();
    };
    const interrupted = train(given, { save: at('parts'), signal: stop.signal, reporter: { iteration } });
    await assert.rejects(interrupted, RunInterrupted);
    const scaler = (load(at('parts', 'checkpoint.pth')) as Map<string, unknown>).get('scaler') as Map<string, unknown>;
    assert.deepEqual(
      [...scaler.keys()],
      ['scale', 'growth_factor', 'backoff_factor', 'growth_interval', '_growth_tracker'],
    );
    await assert.rejects(
      train({ amp: 'bf16' }, { save: at('parts'), resume: true }),
      /--amp bf16 \(it was --amp fp16\)/,
    );
    await train({}, { save: at('parts'), resume: true });
    for (const name of ['losses.csv', 'results.csv', 'model.pth', 'checkpoint.pth'])
      assert.ok(fs.readFileSync(at('parts', name)).equals(fs.readFileSync(at('whole', name))), name);
  });

  it('is evaluated as it was trained, and otherwise where that is asked for', async () => {
    await train({ ...options(), amp: 'bf16' }, { save: at('bf16') });
    const tested = fs.readFileSync(at('bf16', 'results.csv'), 'utf8').trim().split('\n').at(-1)!.split(',').at(-1);
    const narrow = await evaluate({ save: at('bf16') });
    const wide = await evaluate({ save: at('bf16'), amp: 'none', channelsLast: true });
    assert.equal(narrow.error.toFixed(5), tested);
    assert.notEqual(narrow.loss, wide.loss);
    assert.ok(Math.abs(narrow.loss - wide.loss) < 0.05, `${narrow.loss} beside ${wide.loss}`);
  });

  it('is picked by --fast on an accelerator, where nothing else is asked for', () => {
    const parse = (...args: string[]) => runOptions(trainCommand().exitOverride().parse(args, { from: 'user' }).opts());
    const picked = parse('--fast', '--device', 'cuda');
    assert.deepEqual([picked.amp, picked.channelsLast, picked.efficient], ['bf16', true, undefined]);
    assert.deepEqual(parse('--fast', '--amp', 'bf16').efficient, 'fused');
    assert.throws(() => parse('--fast', '--device', 'cuda', '--amp', 'fp16'), UsageError);
    assert.throws(() => parse('--amp', 'half'), /Expected none, bf16 or fp16 for --amp but received "half"/);
  });
});
