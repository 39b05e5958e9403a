/**
 * Unusual uses of DistributedDataParallel and ZeroRedundancyOptimizer: outputs and parameters that the loss does not use, mixed dtypes, tied
 * and frozen parameters, sparse gradients, groups that are added later; two ranks end with the bits and the errors of Python's.
 */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { io, Tensor } from '../../../lib/index.js';
import { parityDescribe, withTemporaryFolder } from '../python.js';
import { startRanks, succeed, torchrun } from './launch.js';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** What a rank wrote, tensors as dtype, shape and bytes. */
function read(path: string): ReadonlyMap<string, readonly [unknown[], string]> {
  const plain = (value: unknown): unknown => {
    if (value instanceof Tensor) {
      return `${value.dtype} ${String(value.shape)} ${Buffer.from(value.contiguous().storageBytes()).toString('hex')}`;
    }
    return Array.isArray(value) ? value.map(plain) : value;
  };
  const cases = io.load(path) as Map<string, [unknown[], string]>;
  return new Map([...cases].map(([name, [log, error]]) => [name, [log.map(plain), error]]));
}

/** What differs on purpose: our methods have other names. */
const own = (error: string): string => error.replace('consolidateStateDict', 'consolidate_state_dict');

parityDescribe('unusual uses against Python', function () {
  this.timeout(300_000);

  it('two ranks end with the same', async () => {
    await withTemporaryFolder(async (folder) => {
      await torchrun(2, [here('awkward.py'), `${folder}/theirs`]);
      const started = await startRanks(2, ['--import=tsx', here('awkward-rank.ts'), `${folder}/ours`]);
      await Promise.all(started.map(({ ended }) => succeed(ended)));
      for (const rank of [0, 1]) {
        const [ours, theirs] = [read(`${folder}/ours.${rank}`), read(`${folder}/theirs.${rank}`)];
        assert.deepEqual([...ours.keys()], [...theirs.keys()]);
        for (const [name, [log, error]] of theirs) {
          assert.deepEqual(ours.get(name)![0], log, `${name}, rank ${rank}`);
          assert.equal(own(ours.get(name)![1]), error, `${name}, rank ${rank}`);
        }
      }
    });
  });
});
