/**
 * Uneven numbers of batches: with `join`, every rank ends with the losses, buckets, parameters and buffers of Python's, bit for bit, and with its errors.
 */
import assert from 'node:assert/strict';
import { parityDescribe } from '../python.js';
import { compareCases } from './compare-cases.js';

parityDescribe('join against Python', function () {
  this.timeout(300_000);

  it('two ranks', async () => {
    const [first, second] = await compareCases(2, [
      { steps: [5, 2] },
      { steps: [0, 3], divide: false },
      { steps: [2, 4], zero: true, bucketCapMb: 0.001 },
      { steps: [3, 3], enable: false },
      { steps: [4, 2], throws: true },
      { steps: [1, 4], count: true },
    ]);
    assert.equal(first![0]!.losses.length, 5);
    assert.deepEqual(first![0]!.state, second![0]!.state);
    assert.equal(second![4]!.error, 'Rank 1 exhausted all inputs.');
    assert.match(first![4]!.error!, /^Detected at least one rank that exhausted inputs/);
    assert.equal(first![5]!.last, 1);
  });

  it('three ranks: buckets made anew, unused parameters, steps of two backwards, buffers of each rank; groups by lists', async () => {
    const [first, second, third] = await compareCases(3, [
      { steps: [2, 5, 3], divide: false, bucketCapMb: 0.001 },
      { steps: [4, 1, 6], accumulate: [1, 3], view: true },
      { steps: [1, 4, 2], unused: true, buffers: false, bucketCapMb: 0.0005 },
      { steps: [1, 3, 3], unused: true, norm: false, divide: false },
      { steps: [3, 1, 2], throws: true },
      { steps: [2, 0, 2], count: true },
      { steps: [0, 0, 0], subgroups: [[2, 0]] },
      { steps: [0, 0, 0], subgroups: [[1], [0, 2]] },
      {
        steps: [0, 0, 0],
        subgroups: [
          [0, 1],
          [1, 2],
        ],
      },
      { steps: [0, 0, 0], subgroups: [] },
    ]);
    for (const index of [0, 1, 3]) {
      assert.deepEqual(first![index]!.state, second![index]!.state);
      assert.deepEqual(first![index]!.state, third![index]!.state);
    }
  });
});
