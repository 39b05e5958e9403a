import { predict, type Prediction } from '../train/predict.js';
import type { Reporter } from '../train/reporter.js';
import { DownloadLines } from './download-lines.js';
import { BarReporter } from './bar-reporter.js';
import { interrupts } from './interrupt.js';
import { errorLine, isTerminal, type Output } from './output.js';
import type { PredictCommandOptions } from './predict-options.js';
import { plain, predictionBars, predictionTable } from './prediction-text.js';

/** `torchbridge predict`. @returns the exit code: 1 when a picture could not be read. */
export async function runPredict(options: PredictCommandOptions, stdout: Output, stderr: Output): Promise<number> {
  const { json, bars, ...rest } = options;
  const notice = (text: string): void => void stderr.write(`${plain(text)}\n`);
  const lines = new DownloadLines(notice);
  const bar = isTerminal(stderr) ? new BarReporter(stderr, notice) : null;
  const reporter: Reporter = {
    notice,
    download: (progress) => (bar === null ? lines.update(progress) : bar.download(progress)),
  };
  // Signals keep their usual effect: what was shown is shown.
  const interrupt = interrupts(stdout, notice);
  let failures = 0;
  let count = 0;
  try {
    for await (const prediction of predict({ ...rest, reporter })) {
      if (prediction.error !== null) {
        failures++;
        stderr.write(`torchbridge: ${plain(errorLine(prediction.error))}\n`);
      }
      if (json) stdout.write(`${count === 0 ? '[\n' : ',\n'}${jsonOf(prediction)}`);
      else if (prediction.error === null) {
        const show = bars ? predictionBars : predictionTable;
        stdout.write(`${show(prediction.path, prediction.top, stdout)}\n`);
      }
      count++;
      if (interrupt.signal.aborted) break;
    }
    if (json) stdout.write(count === 0 ? '[]\n' : '\n]\n');
    if (interrupt.outputFailure !== null) throw new Error(interrupt.outputFailure);
    if (interrupt.brokenPipe) return interrupt.exitCode();
  } finally {
    interrupt.dispose();
  }
  return failures > 0 ? 1 : 0;
}

function jsonOf({ path, top, error }: Prediction): string {
  return JSON.stringify(error === null ? { path, top } : { path, error: errorLine(error) });
}
