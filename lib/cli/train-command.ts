import type { RunOptions } from '../train/config.js';
import { RankZeroFailed, RunInterrupted, UsageError } from '../train/errors.js';
import { formatFixed } from '../train/format.js';
import { holdsFolds, trainFolds, type FoldsResult } from '../train/k-fold.js';
import { Ranks } from '../train/ranks.js';
import { train } from '../train/train.js';
import { TorchError } from '../tensor/index.js';
import { BarReporter } from './bar-reporter.js';
import { interrupts } from './interrupt.js';
import { LineReporter } from './line-reporter.js';
import { isTerminal, type Output } from './output.js';
import { endWithParent } from './spawn-ranks.js';

/** What the command itself is told. */
export interface TrainPlace {
  readonly save: string;
  readonly resume: boolean;
  readonly download: boolean;
  /** Seconds that the processes of a run wait for each other. */
  readonly timeout?: number | undefined;
}

/** `torchbridge train`. @returns the exit code. */
export async function runTrain(
  options: RunOptions,
  { save, resume, download, timeout }: TrainPlace,
  stdout: Output,
  stderr: Output,
): Promise<number> {
  endWithParent();
  const ranks = await Ranks.join(timeout === undefined ? undefined : 1000 * timeout);
  if (ranks === null) return runHere(options, { save, resume, download }, stdout, stderr);
  try {
    return await runHere(options, { save, resume, download, ranks }, stdout, stderr);
  } catch (error) {
    if (error instanceof RankZeroFailed) return 1;
    throw explainLoss(error, ranks, save);
  } finally {
    ranks.leave();
  }
}

/** In one line that another process is missing, where that is what c10d's words say. */
function explainLoss(error: unknown, ranks: Ranks, save: string): unknown {
  if (!(error instanceof TorchError)) return error;
  const reason = /Connection (?:closed by peer|reset)|Broken pipe|Timed out|timed? ?out|not connected/i.exec(
    error.message,
  );
  if (reason === null) return error;
  const way = `go on with: torchbridge train --save ${save} --resume, and the same processes`;
  return new Error(
    `Rank ${ranks.rank} of ${ranks.size} cannot go on, another process has ended or did not come in time (${reason[0]}); ${way}`,
    { cause: error },
  );
}

async function runHere(
  options: RunOptions,
  { save, resume, download, ranks }: TrainPlace & { readonly ranks?: Ranks },
  stdout: Output,
  stderr: Output,
): Promise<number> {
  const writes = ranks?.isFirst !== false;
  const toError = (text: string): void => void stderr.write(`${text}\n`);
  const bar = isTerminal(stdout) && writes ? new BarReporter(stdout, toError) : null;
  const lines = bar ?? new LineReporter((text) => void stdout.write(`${text}\n`), toError);
  const reporter = writes ? lines : undefined;
  const interrupt = interrupts(stdout, (text) => {
    if (!writes) return;
    if (bar === null) toError(text);
    else bar.notice(text);
  });
  try {
    const { signal } = interrupt;
    const settings = { save, resume, download, ranks, reporter, signal, onBegin: () => interrupt.listen() };
    const isFolds = options.kFold != null || (resume && holdsFolds(save));
    if (isFolds && ranks !== undefined) throw new UsageError('Expected no --k-fold with several processes');
    const folds = isFolds ? await trainFolds(options, settings) : undefined;
    if (folds === undefined) await train(options, settings);
    bar?.close();
    if (!writes) return 0;
    if (folds !== undefined) stdout.write(foldsText(folds, save));
    else if (bar !== null) stdout.write(`The run is in ${save}: curves.png, results.csv, losses.csv, model.pth\n`);
    if (interrupt.outputFailure !== null) throw new Error(interrupt.outputFailure);
    return 0;
  } catch (error) {
    bar?.close();
    if (!(error instanceof RunInterrupted)) throw error;
    const holds = `${error.checkpoint} holds the run. Go on with: torchbridge train --save ${save} --resume`;
    if (interrupt.outputFailure !== null) {
      throw new Error(`${interrupt.outputFailure}; ${holds}`, { cause: error });
    }
    if (!interrupt.brokenPipe && writes) toError(`Interrupted; ${holds}`);
    return interrupt.exitCode();
  } finally {
    interrupt.dispose();
  }
}

/** What the folds came to, in two lines and a place. */
function foldsText({ folds, validError, testError }: FoldsResult, save: string): string {
  const percent = (share: number): string => `${formatFixed(100 * share, 2)} %`;
  const line = (name: string, { mean, deviation }: FoldsResult['validError']): string =>
    `${name} error of ${folds.length} folds: ${percent(mean)}, deviation ${percent(deviation)}\n`;
  return `${line('Validation', validError)}${line('Test', testError)}The runs are in ${save}/fold-1 to fold-${folds.length}, their errors in ${save}/folds.csv\n`;
}
