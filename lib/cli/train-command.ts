import type { RunOptions } from '../train/config.js';
import { RunInterrupted } from '../train/errors.js';
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
    await train(options, {
      save,
      resume,
      download,
      reporter,
      signal: interrupt.signal,
      onBegin: () => interrupt.listen(),
    });
    bar?.close();
    if (bar !== null) stdout.write(`The run is in ${save}: curves.png, results.csv, losses.csv, model.pth\n`);
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
