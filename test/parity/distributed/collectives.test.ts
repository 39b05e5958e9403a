/** Every collective with every dtype and awkward layouts: the bytes that Python's gives over Gloo, or the words in which it refuses. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parityDescribe, withTemporaryFolder } from '../python.js';
import { startRanks, succeed, torchrun } from './launch.js';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

parityDescribe('collectives against Python', function () {
  this.timeout(300_000);

  it('two ranks', async () => {
    await withTemporaryFolder(async (folder) => {
      await torchrun(2, [here('collectives.py'), `${folder}/theirs`]);
      const started = await startRanks(2, ['--import=tsx', here('collectives-rank.ts'), `${folder}/ours`]);
      await Promise.all(started.map(({ ended }) => succeed(ended)));
      for (const rank of [0, 1]) {
        const [ours, theirs] = ['ours', 'theirs'].map(
          (name) => JSON.parse(fs.readFileSync(`${folder}/${name}.${rank}`, 'utf8')) as Record<string, unknown>,
        ) as [Record<string, unknown>, Record<string, unknown>];
        assert.deepEqual(ours, theirs, `rank ${rank}`);
        const worked = Object.values(ours).filter(Array.isArray).length;
        assert.ok(worked > 900, `${worked} of ${Object.keys(ours).length} worked`);
      }
    });
  });
});
