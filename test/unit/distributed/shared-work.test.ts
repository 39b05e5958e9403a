/** What processes share besides gradients: the moments of their batches, and the state of an optimizer. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { distributed, nn, randn, scope } from '../../../lib/index.js';
import { startRanks, succeed } from '../../parity/distributed/launch.js';
import { withTemporaryFolder } from '../../parity/python.js';
import { freeModule } from '../../parity/models/networks.js';

const program = fileURLToPath(new URL('shared-work-rank.ts', import.meta.url));

async function run<T>(ranks: number, task: string, folder: string): Promise<T[]> {
  const started = await startRanks(ranks, ['--import=tsx', program, task, folder]);
  return Promise.all(started.map(async ({ ended }) => JSON.parse((await succeed(ended)).trim()) as T));
}

describe('work that processes share', function () {
  this.timeout(300_000);

  it('SyncBatchNorm is the batch norm of the whole batch, also where a process has none of it', async () => {
    type Errors = Record<string, [number, number]>;
    for (const { float32, float64 } of await run<{ float32: Errors; float64: Errors }>(3, 'norm', '')) {
      // Twice plain float32's own error, or the last bit of a number of the size of those compared.
      for (const [name, [synced, plain]] of Object.entries(float32))
        assert.ok(synced <= Math.max(2 * plain, 4e-6), `${name}: ${synced}, plain ${plain}`);
      for (const [name, [synced]] of Object.entries(float64)) assert.ok(synced < 1e-11, `${name}: ${synced}`);
    }
  });

  it('SyncBatchNorm of one process, in evaluation and without a group, is plain batch norm', () => {
    scope(() => {
      const plain = new nn.Sequential(new nn.Conv2d(2, 3, { kernelSize: 1 }), new nn.BatchNorm2d(3), new nn.ReLU());
      const [, norm] = plain.children();
      const copy = distributed.convertSyncBatchNorm(plain.copy()) as nn.Sequential;
      assert.match(String(copy), /\(1\): SyncBatchNorm\(3, eps=1e-05, momentum=0.1, affine=True/);
      assert.deepEqual([...copy.stateDict().keys()], [...plain.stateDict().keys()]);
      const x = randn([2, 2, 4, 4]);
      assert.ok(copy.call(x).equal(plain.call(x)));
      assert.ok(copy.buffers()[0]!.equal(plain.buffers()[0]!));
      plain.eval();
      copy.eval();
      assert.ok(copy.call(x).equal(plain.call(x)));
      assert.throws(
        () => new distributed.SyncBatchNorm(3).call(randn([3])),
        /expected at least 2D input \(got 1D input\)/,
      );
      assert.equal(distributed.convertSyncBatchNorm(norm!).constructor, distributed.SyncBatchNorm);
      freeModule(plain);
      freeModule(copy);
    });
  });

  it('an optimizer whose state is divided steps to the bits of the plain one, and saves its file', async () => {
    await withTemporaryFolder(async (folder) => {
      const found = await run<{ held: number; whole: number }>(2, 'zero', folder);
      const [first, second] = found.map(({ held }) => held) as [number, number];
      assert.equal(first + second, found[0]!.whole, 'together they hold the state once');
      assert.ok(Math.max(first, second) < 0.6 * found[0]!.whole);
      assert.deepEqual(fs.readFileSync(`${folder}/sharded.0`), fs.readFileSync(`${folder}/plain.0`));
    });
  });
});
