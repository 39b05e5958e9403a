/**
 * SyncBatchNorm as it is on CUDA: our function and PyTorch's own (torch/nn/modules/_functions.py), both over Gloo and with the same CPU
 * stand-ins for the five operators that have kernels on GPUs only, give the same bits.
 */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { io, Tensor } from '../../../lib/index.js';
import { parityDescribe, withTemporaryFolder } from '../python.js';
import { startRanks, succeed, torchrun } from './launch.js';
import type { Case } from './sync-norm-rank.js';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const even = [
  [3, 4, 5, 2],
  [2, 4, 5, 2],
];
const empty = [
  [3, 4, 5, 2],
  [0, 4, 5, 2],
];
const cases: readonly Case[] = [
  { shapes: even, dtype: 'float32' },
  { shapes: even, dtype: 'float64', format: 'channels_last', momentum: 0.25 },
  { shapes: even, dtype: 'float32', format: 'channels_last' },
  { shapes: even, dtype: 'float32', transposed: true },
  { shapes: even, dtype: 'bfloat16', eps: 1e-3 },
  { shapes: even, dtype: 'float16', format: 'channels_last' },
  { shapes: even, dtype: 'bfloat16', stored: 'bfloat16' },
  { shapes: even, dtype: 'float32', weight: false, bias: false, track: false },
  { shapes: even, dtype: 'float32', bias: false },
  { shapes: even, dtype: 'float32', frozenBias: true },
  { shapes: even, dtype: 'float32', byInput: false },
  { shapes: empty, dtype: 'float32' },
  { shapes: [...empty].reverse(), dtype: 'float64' },
  {
    shapes: [
      [2, 3, 1, 2, 3],
      [1, 3, 1, 2, 3],
    ],
    dtype: 'float32',
    format: 'channels_last_3d',
  },
  {
    shapes: [
      [4, 5],
      [1, 5],
    ],
    dtype: 'float32',
  },
];

const plain = (value: unknown): unknown =>
  value instanceof Tensor
    ? [value.dtype, value.shape, Buffer.from(value.contiguous().storageBytes()).toString('hex')]
    : value;

parityDescribe("SyncBatchNorm as on CUDA against PyTorch's function", function () {
  this.timeout(300_000);

  it('forward, backward and running statistics in every form, with two processes', async () => {
    await withTemporaryFolder(async (folder) => {
      const json = JSON.stringify(cases);
      const started = await startRanks(2, ['--import=tsx', here('sync-norm-rank.ts'), `${folder}/ours`, json]);
      await Promise.all([
        torchrun(2, [here('sync_norm.py'), `${folder}/theirs`, json]),
        ...started.map(({ ended }) => succeed(ended)),
      ]);
      for (const rank of [0, 1]) {
        const [ours, theirs] = ['ours', 'theirs'].map((name) => {
          const all = io.load(`${folder}/${name}.${rank}`) as Map<string, unknown>[];
          return all.map((each) => Object.fromEntries([...each].map(([key, value]) => [key, plain(value)])));
        });
        for (const [index, each] of cases.entries()) {
          assert.deepEqual(ours![index], theirs![index], `rank ${rank}, ${JSON.stringify(each)}`);
        }
      }
    });
  });
});
