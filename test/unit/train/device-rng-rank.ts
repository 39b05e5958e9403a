/**
 * One of two processes of ranks.test.ts: `folder` holds the pictures and gets the checkpoints. A generator stands in for that of the
 * device, and what follows an iteration draws from it, as dropout does on a GPU.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { load } from '../../../lib/io/index.js';
import { Generator, rand, scope } from '../../../lib/tensor/index.js';
import { readCheckpoint } from '../../../lib/train/checkpoint.js';
import { resolveConfig } from '../../../lib/train/config.js';
import { openData } from '../../../lib/train/datasets.js';
import type { DeviceRng } from '../../../lib/train/device-rng.js';
import { RunInterrupted } from '../../../lib/train/errors.js';
import { parallelRun } from '../../../lib/train/parallel-run.js';
import { Ranks } from '../../../lib/train/ranks.js';
import { buildRun, partsOf } from '../../../lib/train/run.js';
import { makeRunFolder, runPaths } from '../../../lib/train/run-files.js';
import { noLogs } from '../../../lib/train/run-logs.js';
import { firstPlace } from '../../../lib/train/run-place.js';
import { Trainer } from '../../../lib/train/trainer.js';

const [, , folder = ''] = process.argv;
const ranks = await Ranks.join(60_000);
assert.ok(ranks !== null);
const { rank } = ranks;

const source = { dataset: 'cifar10', data: path.join(folder, 'data'), verify: false } as const;
const data = openData(source, () => undefined);
const config = resolveConfig(
  { ...source, depth: 10, growthRate: 4, batchSize: 8, validSize: 12, nEpochs: 2, seed: 1, threads: 1 },
  {
    ...{ pictures: data.facts(), side: data.side, numClasses: data.numClasses, seed: 1, threads: 1, device: 'cpu' },
    versions: { torchbridge: '0', torch: '2' },
  },
);

/** Trains until so many iterations are over, or to the end. @returns what was drawn on the device. */
async function train(save: string, last: number, resumed: boolean): Promise<number[]> {
  const generator = new Generator().manualSeed(100 + rank);
  const fail = (): never => assert.fail('of several processes each has its own');
  const deviceRng: DeviceRng = {
    get: () => generator.getState(),
    set: (state) => void generator.setState(state),
    getAll: fail,
    setAll: fail,
  };
  const paths = runPaths(path.join(folder, save));
  if (ranks!.isFirst) makeRunFolder(path.join(folder, save));
  const run = parallelRun({ ...buildRun(config, data, null, undefined, 2), deviceRng }, ranks!);
  const checkpoint = resumed ? readCheckpoint(paths.checkpoint) : null;
  const place = checkpoint?.place ?? firstPlace();
  const loaderState = checkpoint?.loaderStates[rank];
  if (place.pass !== null && loaderState !== undefined) {
    place.pass = { ...place.pass, loader: loaderState };
    run.parallel!.train.resume(loaderState);
  }
  checkpoint?.restore(partsOf(run), rank);
  const drawn: number[] = [];
  const stop = new AbortController();
  const iteration = ({ phase }: { phase: string }): void => {
    if (phase !== 'train') return;
    drawn.push(scope(() => rand([1], { generator }).item()));
    if (drawn.length === last) stop.abort();
  };
  const { rngStates = [], deviceRngStates = [] } = checkpoint ?? {};
  const reporter = { iteration };
  const options = { paths, logs: noLogs, place, rngStates, deviceRngStates, reporter, signal: stop.signal };
  const trainer = new Trainer(run, options);
  try {
    await trainer.train();
  } catch (error) {
    if (!(error instanceof RunInterrupted)) throw error;
  } finally {
    trainer.dispose();
    run.parallel!.model.dispose();
  }
  return drawn;
}

const whole = await train('whole', 0, false);
// 48 pictures, half of them for each process.
assert.equal(whole.length, 2 * 3);
const begun = await train('stopped', 1, false);
assert.deepEqual(begun, whole.slice(0, 2)); // they agree on a stop after the iteration that follows
await ranks.gathered(null); // rank 0 has written
scope(() => {
  const file = load(path.join(folder, 'stopped', 'checkpoint.pth')) as Map<string, unknown>;
  assert.ok(!file.has('cuda_rng_state'));
  assert.equal((file.get('cuda_rng_states') as unknown[]).length, 2);
});
assert.deepEqual([...begun, ...(await train('stopped', 0, true))], whole);
ranks.leave();
