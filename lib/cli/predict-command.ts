import { predict, type Prediction } from '../train/predict.js';
import type { Reporter } from '../train/reporter.js';
import { DownloadLines } from './download-lines.js';
import { BarReporter } from './bar-reporter.js';
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
  const unreadable = { stdout: false };
  // Nobody reads any more: the rest need not be computed. What went wrong is told where the command began.
  const onError = (): void => void (unreadable.stdout = true);
  stdout.on('error', onError);
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
      if (unreadable.stdout) break;
    }
    if (json) stdout.write(count === 0 ? '[]\n' : '\n]\n');
  } finally {
    stdout.off('error', onError);
  }
  return failures > 0 ? 1 : 0;
}

function jsonOf({ path, top, error }: Prediction): string {
  return JSON.stringify(error === null ? { path, top } : { path, error: errorLine(error) });
}
