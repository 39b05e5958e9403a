import type { Reporter } from '../train/reporter.js';
import { EvaluationInterrupted } from '../train/errors.js';
import { evaluate } from '../train/evaluate.js';
import { BarReporter } from './bar-reporter.js';
import type { EvalOptions } from './eval-options.js';
import { interrupts } from './interrupt.js';
import { LineReporter } from './line-reporter.js';
import { isTerminal, type Output } from './output.js';

/** `torchbridge eval`. @returns the exit code. */
export async function runEval(options: EvalOptions, stdout: Output, stderr: Output): Promise<number> {
  const { json, ...rest } = options;
  const print = (text: string): void => void stdout.write(`${text}\n`);
  const notice = (text: string): void => void stderr.write(`${text}\n`);
  const bar = isTerminal(stdout) && !json ? new BarReporter(stdout, notice) : null;
  const lines = new LineReporter(print, notice);
  const quiet: Reporter = { notice, download: (progress) => lines.download(progress) };
  // The model's print belongs to training; here it would bury the one number that was asked for.
  const plain: Reporter = {
    notice,
    download: (progress) => lines.download(progress),
    iteration: (report) => lines.iteration(report),
    finalTest: (error) => lines.finalTest(error),
  };
  // Signals keep their usual effect, as there is nothing to save.
  const interrupt = interrupts(stdout, notice);
  try {
    const result = await evaluate({
      ...rest,
      reporter: json ? quiet : (bar ?? plain),
      signal: interrupt.signal,
    });
    if (json) print(JSON.stringify(result));
    if (interrupt.outputFailure !== null) throw new Error(interrupt.outputFailure);
    return interrupt.brokenPipe ? interrupt.exitCode() : 0;
  } catch (error) {
    if (!(error instanceof EvaluationInterrupted)) throw error;
    if (interrupt.outputFailure !== null) throw new Error(interrupt.outputFailure, { cause: error });
    return interrupt.exitCode();
  } finally {
    bar?.close();
    interrupt.dispose();
  }
}
