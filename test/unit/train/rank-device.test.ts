/** Which GPU a process of a run takes: a table, as no machine of the tests has any. */
import assert from 'node:assert/strict';
import { UsageError } from '../../../lib/train/errors.js';
import { gpuOf, sharedGpu } from '../../../lib/train/rank-device.js';

describe('the GPU of a process', () => {
  const table: readonly [device: string, localRank: number, gpus: number, expected: number | null | RegExp][] = [
    ['cpu', 3, 2, null],
    ['mps', 1, 0, null],
    ['cuda', 0, 8, 0],
    ['cuda', 7, 8, 7],
    // Each task is shown its own.
    ['cuda', 0, 1, 0],
    ['cuda', 5, 1, 0],
    // Without CUDA the network's move says why.
    ['cuda', 0, 0, null],
    ['cuda', 3, 0, null],
    ['cuda', 2, 2, /LOCAL_RANK 2 sees 2: start 2 of them there \(--nproc 2\), or .*CUDA_VISIBLE_DEVICES$/],
    ['cuda', 9, 8, /LOCAL_RANK 9 sees 8: start 8 of them/],
    ['cuda:1', 1, 2, /^Expected --device cuda with several processes but received cuda:1: each takes the GPU of/],
    ['cuda:0', 0, 0, /received cuda:0/],
  ];
  for (const [device, localRank, gpus, expected] of table) {
    it(`${device}, local rank ${localRank}, ${gpus} seen`, () => {
      const take = (): number | null => gpuOf(device, { localRank, gpus });
      if (expected instanceof RegExp)
        assert.throws(take, (error) => error instanceof UsageError && expected.test(error.message));
      else assert.equal(take(), expected);
    });
  }

  it('is nobody else’s', () => {
    assert.equal(sharedGpu([]), null);
    assert.equal(sharedGpu([null, null]), null);
    assert.equal(sharedGpu(['GPU-a', null, 'GPU-b', null]), null);
    assert.match(
      sharedGpu(['GPU-a', 'GPU-b', 'GPU-b', 'GPU-a'])!,
      /but ranks 1 and 2 have the same one \(GPU-b\): start/,
    );
    assert.match(sharedGpu(['GPU-a', 'GPU-a', 'GPU-a'])!, /ranks 0 and 1 have/);
  });
});
