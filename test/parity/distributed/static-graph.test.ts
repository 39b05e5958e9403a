/**
 * Static graphs and the communication hooks that c10d has built in: losses, buckets, parameters and buffers are those of Python's
 * `static_graph=True` and `_register_builtin_comm_hook`, bit for bit.
 */
import assert from 'node:assert/strict';
import { parityDescribe } from '../python.js';
import { compareCases } from './compare-cases.js';

parityDescribe('static graphs and communication hooks against Python', function () {
  this.timeout(300_000);

  it('two ranks: layers that are not used, used twice, checkpointed; gradients in float16; uneven batches', async () => {
    const steps = [3, 3];
    const results = await compareCases(2, [
      { steps, bucketCapMb: 0.001 },
      { steps, staticGraph: true, bucketCapMb: 0.001 },
      { steps, staticGraph: true, spare: true, bucketCapMb: 0.0005, view: true },
      { steps, staticGraph: true, checkpoint: 'reentrant' },
      { steps, staticGraph: true, checkpoint: 'saved', bucketCapMb: 0.001 },
      { steps, staticGraph: true, accumulate: [1], buffers: false },
      { steps: [4, 2], staticGraph: true, divide: false },
      { steps, hook: 'allreduce', bucketCapMb: 0.001 },
      { steps, hook: 'fp16Compress', bucketCapMb: 0.001 },
      { steps: [2, 4], hook: 'fp16Compress', staticGraph: true, view: true },
      // What a graph that is not static does not allow.
      { steps, checkpoint: 'reentrant' },
    ]);
    for (const [rank, ended] of results.entries()) {
      const [plain, ...others] = ended;
      for (const index of [0, 6]) assert.deepEqual(others[index]!.state, plain!.state, `case ${index}, rank ${rank}`);
      assert.notDeepEqual(others[7]!.state, plain!.state);
      assert.match(ended[10]!.error!, /Expected to mark a variable ready only once/);
    }
  });
});
