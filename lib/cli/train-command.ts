import type { RunOptions } from '../train/config.js';
import { RunInterrupted } from '../train/errors.js';
import { formatFixed } from '../train/format.js';
import { holdsFolds, trainFolds, type FoldsResult } from '../train/k-fold.js';
import type { Ranks } from '../train/ranks.js';
import { train } from '../train/train.js';
import { BarReporter } from './bar-reporter.js';
import { interrupts } from './interrupt.js';
import { LineReporter } from './line-reporter.js';
import { isTerminal, type Output } from './output.js';
import { withRanks } from './with-ranks.js';

/** What the command itself is told. */
export interface TrainPlace {
  readonly save: string;
  readonly resume: boolean;
  readonly overwrite: boolean;
  readonly download: boolean;
  /** Seconds that the processes of a run wait for each other. */
  readonly timeout?: number | undefined;
}

/** `torchbridge train`. @returns the exit code. */
export async function runTrain(
  options: RunOptions,
  { timeout, ...place }: TrainPlace,
  stdout: Output,
  stderr: Output,
): Promise<number> {
  const way = `go on with: torchbridge train --save ${place.save} --resume, and the same processes`;
  return withRanks(timeout, way, (ranks) => runHere(options, { ...place, ranks }, stdout, stderr));
}

async function runHere(
  options: RunOptions,
  { save, resume, overwrite, download, ranks }: TrainPlace & { readonly ranks: Ranks | undefined },
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
    const settings = { save, resume, overwrite, download, ranks, reporter, signal, onBegin: () => interrupt.listen() };
    const ofFolds = options.kFold != null || (resume && holdsFolds(save));
    const isFolds = ranks === undefined ? ofFolds : await ranks.fromFirst(ofFolds);
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
    // Until the line is written, as in withRanks.
    if (ranks !== undefined) process.on('SIGTERM', () => undefined);
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
