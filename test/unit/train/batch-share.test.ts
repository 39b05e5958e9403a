/** What falls to each of several processes: batches to judge, pictures to read, threads. */
import assert from 'node:assert/strict';
import os from 'node:os';
import { ImageClassification, PictureLoader, SequentialSampler } from '../../../lib/data/index.js';
import { defaultWorkers } from '../../../lib/data/picture-pool.js';
import { BatchShare } from '../../../lib/train/batch-share.js';

describe("a process's share", () => {
  it('is every so-many-th batch: all together are those of one process, each once', () => {
    for (const [length, batchSize, size] of [
      [15, 2, 3],
      [16, 2, 3],
      [1, 4, 2],
      [12, 5, 1],
      [0, 3, 2],
    ] as const) {
      const shares = Array.from({ length: size }, (_, rank) => new BatchShare({ length }, batchSize, { rank, size }));
      const batches = shares.map((share) => {
        const indices = [...share.indices()];
        assert.equal(indices.length, share.length);
        return Array.from({ length: Math.ceil(indices.length / batchSize) }, (_, i) =>
          indices.slice(i * batchSize, (i + 1) * batchSize),
        );
      });
      const dealt = Array.from({ length: batches[0]!.length }, (_, round) =>
        batches.flatMap((own) => own.slice(round, round + 1)),
      );
      const whole = Array.from({ length: Math.ceil(length / batchSize) }, (_, i) =>
        Array.from({ length: Math.min(batchSize, length - i * batchSize) }, (__, j) => i * batchSize + j),
      );
      assert.deepEqual(dealt.flat(), whole, `${length} pictures, batches of ${batchSize}, ${size} processes`);
    }
  });

  it('is what a loader of pictures reads', () => {
    const folder = { samples: Array.from({ length: 5 }, () => ({ path: '', target: 0 })), length: 5 };
    const transform = new ImageClassification({ cropSize: 8, resizeSize: 8 });
    const sampler = new BatchShare(folder, 2, { rank: 0, size: 2 });
    assert.equal(new PictureLoader(folder, { transform, batchSize: 2, sampler }).length, 2);
    assert.throws(
      () => new PictureLoader(folder, { transform, sampler: new SequentialSampler(folder), shuffle: true }),
      /^RangeError: sampler option is mutually exclusive with shuffle$/,
    );
  });

  it('of the threads that read is that of the processors', () => {
    const alone = Math.min(8, Math.max(1, os.availableParallelism() - 1));
    assert.equal(defaultWorkers({}), alone);
    assert.equal(defaultWorkers({ LOCAL_WORLD_SIZE: '1' }), alone);
    assert.equal(defaultWorkers({ LOCAL_WORLD_SIZE: 'some' }), alone);
    assert.equal(defaultWorkers({ LOCAL_WORLD_SIZE: '100000' }), 1);
  });
});
