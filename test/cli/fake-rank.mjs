/**
 * A command that `--nproc` runs several times, with processes that do what a test asks for: `node fake-rank.mjs NPROC STORY`, where
 * STORY is the name of what is below.
 */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnRanks } from '../../dist/lib/cli/spawn-ranks.js';

const [nproc, story, file] = process.argv.slice(2);
const rank = process.env.RANK;
const forever = setInterval(() => undefined, 1000);
const end = (code) => process.exit(code);

/** Longer than a process that has failed gives the others. */
const LONG = 6000;

/** What ranks 0 and 1 do. */
const stories = {
  // The first one still writes when the other one, which the signal has not reached, has stopped with it.
  interrupted: [
    () => process.once('SIGINT', () => void sleep(LONG).then(() => (fs.writeFileSync(file, 'whole'), end(130)))),
    () => process.once('SIGINT', () => end(128)),
  ],
  // Rank 0 says why both end.
  explained: [() => sleep(LONG).then(() => (process.stderr.write('torchbridge: why\n'), end(1))), () => end(1)],
  // The one that is killed is the cause, even where the other one is seen to end first.
  killed: [() => end(1), () => sleep(500).then(() => process.kill(process.pid, 'SIGKILL'))],
  // One that hangs is ended with the one that failed.
  hangs: [() => undefined, () => (process.stderr.write('torchbridge: broken\n'), end(7))],
};

if (rank === undefined) {
  process.exitCode = await spawnRanks(Number(nproc), process.stderr);
  clearInterval(forever);
} else {
  stories[story][Number(rank)]();
  if (rank === '0') process.stdout.write('ready\n');
}
