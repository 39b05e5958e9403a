import type { Reporter } from '../train/reporter.js';
import { evaluate } from '../train/evaluate.js';
import { BarReporter } from './bar-reporter.js';
import type { EvalOptions } from './eval-options.js';
import { LineReporter } from './line-reporter.js';
import { isTerminal, type Output } from './output.js';

/** `torchbridge eval`. @returns the exit code. */
export async function runEval(options: EvalOptions, stdout: Output): Promise<number> {
  const { json, ...rest } = options;
  const print = (text: string): void => void stdout.write(`${text}\n`);
  const bar = isTerminal(stdout) && !json ? new BarReporter(stdout, print) : null;
  // The model's print belongs to training; here it would bury the one number that was asked for.
  const lines = new LineReporter(print, print);
  const quiet: Reporter = {};
  const plain: Reporter = {
    iteration: (report) => lines.iteration(report),
    finalTest: (error) => lines.finalTest(error),
  };
  try {
    const result = await evaluate({ ...rest, reporter: json ? quiet : (bar ?? plain) });
    if (json) print(JSON.stringify(result));
    return 0;
  } finally {
    bar?.close();
  }
}
