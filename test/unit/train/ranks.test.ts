/** What the processes of a run tell each other. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { suiteFolder } from '../../cli/command.js';
import { writeSmallCifar } from '../../cli/small-cifar.js';
import { startRanks, succeed } from '../../parity/distributed/launch.js';

describe('the processes of a run', function () {
  this.timeout(300_000);
  const folder = suiteFolder();

  it('learn what came out, what is wrong and where, and whose GPU is whose, and leave no tensors behind', async () => {
    const program = fileURLToPath(new URL('ranks-rank.ts', import.meta.url));
    const started = await startRanks(2, ['--import=tsx', program]);
    await Promise.all(started.map(({ ended }) => succeed(ended)));
  });

  it('go on with the random numbers of the device that each had', async () => {
    writeSmallCifar(path.join(folder.path, 'data'));
    const program = fileURLToPath(new URL('device-rng-rank.ts', import.meta.url));
    const started = await startRanks(2, ['--import=tsx', program, folder.path]);
    await Promise.all(started.map(({ ended }) => succeed(ended)));
  });
});
