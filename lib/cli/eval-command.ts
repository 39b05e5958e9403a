import { existsSync } from 'node:fs';
import { IoError } from '../io/index.js';
import type { Reporter } from '../train/reporter.js';
import { EvaluationInterrupted, UsageError } from '../train/errors.js';
import { isInFiles } from '../train/dataset-names.js';
import { evaluate, type Evaluation } from '../train/evaluate.js';
import { evaluateFolder, holdsPictures, type FolderEvaluation } from '../train/evaluate-folder.js';
import { formatFixed } from '../train/format.js';
import { isPublished } from '../train/picture-network.js';
import type { Ranks } from '../train/ranks.js';
import { runPaths } from '../train/run-files.js';
import { BarReporter } from './bar-reporter.js';
import type { EvalOptions } from './eval-options.js';
import { interrupts } from './interrupt.js';
import { LineReporter } from './line-reporter.js';
import { formatDuration, isTerminal, type Output } from './output.js';
import { withRanks } from './with-ranks.js';

/** `torchbridge eval`. @returns the exit code. */
export async function runEval(options: EvalOptions, stdout: Output, stderr: Output): Promise<number> {
  return withRanks(options.timeout, 'run it again', (ranks) => runHere(options, ranks, stdout, stderr));
}

async function runHere(
  options: EvalOptions,
  ranks: Ranks | undefined,
  stdout: Output,
  stderr: Output,
): Promise<number> {
  const { json } = options;
  const writes = ranks?.isFirst !== false;
  const look = (): Promise<boolean> => Promise.resolve().then(() => isOnFolder(options));
  const onFolder = await (ranks === undefined ? look() : ranks.inTurn(look));
  const print = (text: string): void => void stdout.write(`${text}\n`);
  const notice = (text: string): void => void stderr.write(`${text}\n`);
  const bar =
    isTerminal(stdout) && !json && writes ? new BarReporter(stdout, notice, onFolder ? 'test' : undefined) : null;
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
    const reporter = json ? quiet : (bar ?? plain);
    const surroundings = { reporter: writes ? reporter : undefined, signal: interrupt.signal, ranks };
    const result: FolderEvaluation | Evaluation = onFolder
      ? await evaluateFolder({ ...folderOptions(options), ...surroundings })
      : await evaluate({ ...cifarOptions(options), ...surroundings });
    bar?.close();
    if (!writes) return 0;
    if (json) print(JSON.stringify(result));
    else if (isOfFolder(result)) print(summary(result));
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

/** Whether the pictures are files in folders, by what was asked for or by what the folder holds. */
function isOnFolder({ dataset, data, weights, download }: EvalOptions): boolean {
  if (dataset !== undefined) return isInFiles(dataset);
  if (weights !== undefined && isPublished(weights)) return true;
  if (data !== undefined && !download && !existsSync(data)) {
    const expected = 'expected a folder that holds CIFAR-10, CIFAR-100, or one folder of pictures for each class';
    throw new IoError('missing', `cannot read ${data}: no such folder; ${expected}`, data);
  }
  return data !== undefined && holdsPictures(data);
}

function folderOptions({
  save,
  data,
  weights,
  timeout: _,
  ...options
}: EvalOptions): Parameters<typeof evaluateFolder>[0] {
  if (data === undefined) {
    throw new UsageError('Expected --data DIR: a folder with one folder of pictures for each class');
  }
  if (options.download) throw new UsageError('Expected no --download: there is no address for folders of pictures');
  return { ...options, data, weights: weights ?? runPaths(save ?? '.').model };
}

function cifarOptions({
  save,
  weights,
  entry,
  data,
  dataset,
  verify,
  download,
  model,
  batchSize,
  device,
  threads,
  workers,
  skipBroken,
  amp,
  channelsLast,
}: EvalOptions): Parameters<typeof evaluate>[0] {
  return {
    ...{ save, weights, entry, data, dataset, verify, download, model },
    ...{ batchSize, device, threads, workers, skipBroken: skipBroken ? true : undefined, amp, channelsLast },
  };
}

function isOfFolder(result: FolderEvaluation | Evaluation): result is FolderEvaluation {
  return 'error5' in result;
}

function summary({ error, error5, loss, pictures, crops, skipped, seconds, classes }: FolderEvaluation): string {
  const percent = (share: number): string => `${formatFixed(100 * share, 2)} %`;
  const how = [
    `${pictures.toLocaleString('en-US')} pictures`,
    crops === 1 ? 'single crop' : `${crops} crops`,
    ...(skipped > 0 ? [`${skipped} left out`] : []),
    formatDuration(seconds),
  ];
  const top5 = classes > 5 ? `  top-5 error: ${percent(error5)}` : ''; // no error is possible among five
  return `Top-1 error: ${percent(error)}${top5}  loss: ${formatFixed(loss, 4)}  (${how.join(', ')})`;
}
