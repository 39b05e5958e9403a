import assert from 'node:assert/strict';
import { distributedFuzz } from '../unit/distributed/fuzz.js';

describe('arguments of every kind for distributed training, in bulk', function () {
  this.timeout(1_200_000);

  for (const seed of [2, 3, 4, 5, 6, 7, 8, 9]) {
    it(`20,000 calls do not end the process (seed ${seed})`, async () => {
      const { code, signal, output } = await distributedFuzz(seed, 20_000);
      assert.equal(signal ?? code, 0, output);
    });
  }
});
