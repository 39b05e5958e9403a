import { isJobScript } from '../distributed/launch.js';
import { RankZeroFailed } from '../train/errors.js';
import { Ranks } from '../train/ranks.js';
import { TorchError } from '../tensor/index.js';
import { explainLoss } from './explain-loss.js';
import { endWithParent } from './spawn-ranks.js';

/** How long a process that has failed may take to end, in milliseconds. */
const LINGER = 5000;

/**
 * Runs a command as one of the processes that a launcher has started, where it has; else alone.
 * @param seconds that they wait for each other.
 * @param way what to do when one of them has ended.
 * @param run given the processes, undefined alone. @returns its exit code; 1 where rank 0 says why they end.
 */
export async function withRanks(
  seconds: number | undefined,
  way: string,
  run: (ranks: Ranks | undefined) => Promise<number>,
): Promise<number> {
  endWithParent();
  const ranks = await Ranks.join(seconds === undefined ? undefined : 1000 * seconds);
  if (ranks === null) {
    if (process.env.RANK === undefined && isJobScript())
      process.stderr.write(
        `This process works alone: srun, which starts the ${process.env.SLURM_NTASKS ?? ''} tasks of the job, has not started it\n`,
      );
    return run(undefined);
  }
  ranks.tellAtEnd(way);
  let failed = true;
  try {
    const code = await run(ranks);
    failed = !(await ranks.meetAtEnd());
    return code;
  } catch (error) {
    // What is left waiting for processes that have gone does not keep this one.
    setTimeout(() => process.exit(), LINGER).unref();
    // A launcher ends the others when one has gone: what there is to say comes first.
    process.on('SIGTERM', () => undefined);
    if (error instanceof RankZeroFailed) return 1;
    const line = error instanceof TorchError ? explainLoss(error.message, ranks, way) : null;
    throw line === null ? error : new Error(line, { cause: error });
  } finally {
    ranks.leave({ failed });
  }
}
