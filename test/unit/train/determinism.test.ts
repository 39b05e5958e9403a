/** `--deterministic`: which switches it sets for how long, and that it goes with every network's training. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runOptions, trainCommand } from '../../../lib/cli/train-options.js';
import {
  areDeterministicAlgorithmsEnabled,
  backends,
  isDeterministicAlgorithmsWarnOnlyEnabled,
  useDeterministicAlgorithms,
} from '../../../lib/tensor/index.js';
import { computeDeterministically } from '../../../lib/train/determinism.js';
import { train, UsageError, type Reporter } from '../../../lib/train/index.js';
import { writeSmallCifar } from '../../cli/small-cifar.js';

const VARIABLE = 'CUBLAS_WORKSPACE_CONFIG';
const switches = () => [
  areDeterministicAlgorithmsEnabled(),
  isDeterministicAlgorithmsWarnOnlyEnabled(),
  backends.cudnn.deterministic,
];

describe('a deterministic run', function () {
  this.timeout(300_000);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-determinism-'));
  const workspaces = process.env[VARIABLE];
  before(() => writeSmallCifar(at('data')));
  afterEach(() => {
    if (workspaces === undefined) Reflect.deleteProperty(process.env, VARIABLE);
    else process.env[VARIABLE] = workspaces;
    useDeterministicAlgorithms(false);
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const at = (...names: string[]): string => path.join(folder, ...names);
  const form = { depth: 10, growthRate: 4, validSize: 12, batchSize: 16, seed: 1, threads: 1, dropRate: 0.2 };
  const options = { data: at('data'), verify: false, ...form, nEpochs: 1 };

  it('takes deterministic algorithms while it lasts, and has the bits that the CPU has anyway', async () => {
    Reflect.deleteProperty(process.env, VARIABLE);
    const seen: unknown[] = [];
    const reporter: Reporter = { iteration: () => void seen.push(...switches(), process.env[VARIABLE]) };
    await train({ ...options, deterministic: true }, { save: at('with'), reporter });
    assert.deepEqual(seen.slice(0, 4), [true, false, true, ':4096:8']);
    assert.deepEqual(new Set(seen), new Set(seen.slice(0, 4)));
    assert.deepEqual(switches(), [false, false, false]);
    seen.length = 0;
    await train(options, { save: at('without'), reporter });
    assert.equal(seen[0], false);
    for (const name of ['losses.csv', 'results.csv', 'model.pth'])
      assert.ok(fs.readFileSync(at('with', name)).equals(fs.readFileSync(at('without', name))), name);
    const config = JSON.parse(fs.readFileSync(at('with', 'config.json'), 'utf8')) as Record<string, unknown>;
    assert.equal(config['deterministic'], true);
  });

  it('leaves the switches of a program as they were, after a failure too', async () => {
    useDeterministicAlgorithms(true, { warnOnly: true });
    process.env[VARIABLE] = ':16:8';
    const putBack = computeDeterministically();
    assert.deepEqual([...switches(), process.env[VARIABLE]], [true, false, true, ':16:8']);
    putBack();
    assert.deepEqual(switches(), [true, true, false]);
    const broken = {
      iteration: () => {
        throw new Error('meant');
      },
    };
    await assert.rejects(train({ ...options, deterministic: true }, { save: at('failed'), reporter: broken }), /meant/);
    assert.deepEqual(switches(), [true, true, false]);
  });

  it('goes on as what it was', async () => {
    const given = runOptions(trainCommand().exitOverride().parse(['--deterministic'], { from: 'user' }).opts());
    assert.equal(given.deterministic, true);
    await assert.rejects(train(given, { save: at('without'), resume: true }), (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /with --deterministic \(it was --no-deterministic\): the numbers would change$/);
      return true;
    });
  });
});
