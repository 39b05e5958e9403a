import type { RunOptions } from '../train/config.js';
import { RunInterrupted } from '../train/errors.js';
import { formatFixed } from '../train/format.js';
import { holdsFolds, trainFolds, type FoldsResult } from '../train/k-fold.js';
import { train } from '../train/train.js';
import { BarReporter } from './bar-reporter.js';
import { interrupts } from './interrupt.js';
import { LineReporter } from './line-reporter.js';
import { isTerminal, type Output } from './output.js';

/** `torchbridge train`. @returns the exit code. */
export async function runTrain(
  options: RunOptions,
  { save, resume, download }: { save: string; resume: boolean; download: boolean },
  stdout: Output,
  stderr: Output,
): Promise<number> {
  const toError = (text: string): void => void stderr.write(`${text}\n`);
  const bar = isTerminal(stdout) ? new BarReporter(stdout, toError) : null;
  const reporter = bar ?? new LineReporter((text) => void stdout.write(`${text}\n`), toError);
  const interrupt = interrupts(stdout, (text) => {
    if (bar === null) toError(text);
    else bar.notice(text);
  });
  try {
    const settings = { save, resume, download, reporter, signal: interrupt.signal, onBegin: () => interrupt.listen() };
    const isFolds = options.kFold != null || (resume && holdsFolds(save));
    const folds = isFolds ? await trainFolds(options, settings) : undefined;
    if (folds === undefined) await train(options, settings);
    bar?.close();
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
    if (!interrupt.brokenPipe) toError(`Interrupted; ${holds}`);
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
