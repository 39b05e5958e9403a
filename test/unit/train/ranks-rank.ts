/** One of two processes of ranks.test.ts. */
import assert from 'node:assert/strict';
import { IoError } from '../../../lib/io/index.js';
import { DistributedDataParallel } from '../../../lib/distributed/index.js';
import { Linear } from '../../../lib/nn/index.js';
import { GradScaler, SGD } from '../../../lib/optim/index.js';
import { full, Generator, memory, scope, tensor } from '../../../lib/tensor/index.js';
import { RankZeroFailed, UsageError } from '../../../lib/train/errors.js';
import { backward, stepWith } from '../../../lib/train/precision.js';
import { Ranks } from '../../../lib/train/ranks.js';

const ranks = await Ranks.join(60_000);
assert.ok(ranks !== null);
const { rank, isFirst } = ranks;
const before = memory().tensors;

for (let round = 0; round < 20; round++) {
  // Rank 1 has no batch in even rounds.
  const numbers = isFirst || round % 2 === 1 ? [round, rank, 0.1] : null;
  const shared: { results: number[][]; stop: boolean } = await ranks.share(numbers, 3, round === 9 && rank === 1);
  const first = [round, 0, 0.1];
  assert.deepEqual(shared.results, round % 2 === 1 ? [first, [round, 1, 0.1]] : [first]);
  assert.equal(shared.stop, round === 9);
}

assert.deepEqual(await ranks.ready(null), { failure: null, notes: [] });
if (rank === 1) ranks.note('said by rank 1');
assert.deepEqual(await ranks.ready(null), { failure: null, notes: ['said by rank 1'] });
const { failure } = await ranks.ready(rank === 1 ? new IoError('format', 'a.png: torn', 'a.png') : null);
assert.deepEqual([failure?.code, failure?.message, failure?.path], ['format', 'a.png: torn', 'a.png']);

assert.equal(await ranks.fromFirst(rank), 0);
assert.deepEqual(await ranks.gathered({ rank }), [{ rank: 0 }, { rank: 1 }]);
assert.equal(await ranks.inTurn(() => Promise.resolve(rank)), rank);
await assert.rejects(
  ranks.inTurn(() => (isFirst ? Promise.reject(new RangeError('no')) : Promise.resolve())),
  isFirst ? /^RangeError: no$/ : RankZeroFailed,
);
await assert.rejects(
  ranks.inTurn(() => (isFirst ? Promise.resolve() : Promise.reject(new RangeError('no')))),
  isFirst ? /^Error: rank 1: no$/ : RankZeroFailed,
);

const refuse = (): never => {
  throw new UsageError('not so');
};
await assert.rejects(
  ranks.together(() => (isFirst ? 'made' : refuse())),
  isFirst ? (error) => error instanceof UsageError && error.message === 'rank 1: not so' : RankZeroFailed,
);
assert.equal(await ranks.together(() => Promise.resolve(rank)), rank);

// Stand-ins for the GPUs of a machine: one for each, too few, and one that both are shown.
const taken: number[] = [];
const gpus = (ids: readonly string[]): Parameters<Ranks['takeGpu']>[1] => ({
  count: () => ids.length,
  use: (index) => void taken.push(index),
  idOf: (index) => ids[index] ?? null,
});
ranks.takeGpu('cpu', gpus(['GPU-a', 'GPU-b']));
ranks.takeGpu('cuda', gpus(['GPU-a', 'GPU-b', 'GPU-c']));
await ranks.compareGpus();
assert.deepEqual(taken, [rank]);
assert.throws(() => {
  ranks.takeGpu('cuda:1', gpus(['GPU-a', 'GPU-b']));
}, UsageError);
ranks.takeGpu('cuda', gpus(['GPU-a']));
await assert.rejects(
  ranks.compareGpus(),
  isFirst ? /^UsageError: .*ranks 0 and 1 have the same one \(GPU-a\)/ : RankZeroFailed,
);

// The generator of a device: each process has its own.
const generator = new Generator().manualSeed(rank);
const own = generator.getState();
const states = await ranks.gatheredStates(generator.getState());
const seeded = new Generator();
for (const [of, state] of states.entries()) {
  const expected = seeded.manualSeed(of).getState();
  assert.ok(state.equal(expected), `the state of rank ${of}`);
  expected.dispose();
}
for (const state of [own, ...states]) state.dispose();

// An infinity on one process is one on all, as gradients are averaged before they are unscaled: all leave the step out.
scope(() => {
  const net = new DistributedDataParallel(new Linear(2, 1));
  const optimizer = new SGD(net.parameters(), { lr: 0.1 });
  using scaler = new GradScaler('cpu', { initScale: 8 });
  const { weight } = net.module;
  const begun = weight.tolist();
  for (const [value, scale] of [
    [rank === 1 ? 3e38 : 1, 4],
    [1, 4],
  ] as const) {
    optimizer.zeroGrad();
    backward(net.call(full([1, 2], value)).sum(), scaler);
    stepWith(optimizer, scaler, null);
    assert.equal(scaler.getScale(), scale);
    if (value !== 1) assert.deepEqual(weight.tolist(), begun);
  }
  assert.deepEqual(weight.sub(tensor(begun)).mul(10).round().tolist(), [[-1, -1]]);
  optimizer.zeroGrad();
  for (const parameter of net.module.parameters()) parameter.dispose();
  net.dispose();
});

assert.equal(memory().tensors, before, 'no tensor stays behind');
// They have taken GPUs: they end together, or know that one has gone.
assert.equal(await ranks.meetAtEnd(), true);
if (isFirst) assert.equal(await ranks.meetAtEnd(), false);
ranks.leave();
