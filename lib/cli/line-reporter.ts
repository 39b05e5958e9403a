import type { DatasetProgress } from '../data/index.js';
import { formatFixed } from '../train/format.js';
import type { AverageMeter } from '../train/average-meter.js';
import type { IterationReport, Reporter } from '../train/reporter.js';
import { DownloadLines } from './download-lines.js';

/**
 * The lines of the efficient_densenet_pytorch script, character for character, for pipes and files. Notices, which the
 * script does not have, go elsewhere.
 */
export class LineReporter implements Reporter {
  readonly #write: (line: string) => void;
  readonly #notice: (line: string) => void;
  readonly #download: DownloadLines;

  constructor(write: (line: string) => void, notice: (line: string) => void) {
    this.#write = write;
    this.#notice = notice;
    this.#download = new DownloadLines(notice);
  }

  download(progress: DatasetProgress): void {
    this.#download.update(progress);
  }

  notice(text: string): void {
    this.#notice(text);
  }

  model(print: string, parameters: number): void {
    this.#write(print);
    // Python's print puts a space between its arguments, after the one in the text.
    this.#write(`Total parameters:  ${parameters}`);
  }

  iteration(report: IterationReport): void {
    this.#write(iterationLine(report));
  }

  newBest(error: number): void {
    this.#write(`New best error: ${formatFixed(error, 4)}`);
  }

  finalTest(error: number): void {
    this.#write(`Final test error: ${formatFixed(error, 4)}`);
  }

  done(): void {
    this.#write('Done!');
  }
}

/** `Epoch: [1/300]\tIter: [1/704]\tTime 0.071 (0.071)\tLoss 2.3249 (2.3249)\tError 0.9062 (0.9062)` */
export function iterationLine(report: IterationReport): string {
  const { phase, epoch, nEpochs, iteration, iterations, meters } = report;
  const pass = { train: `Epoch: [${epoch + 1}/${nEpochs}]`, valid: 'Valid', test: 'Test' }[phase];
  const show = (meter: AverageMeter, digits: number): string =>
    `${formatFixed(meter.val, digits)} (${formatFixed(meter.avg, digits)})`;
  return [
    pass,
    `Iter: [${iteration + 1}/${iterations}]`,
    `Time ${show(meters.time, 3)}`,
    `Loss ${show(meters.loss, 4)}`,
    `Error ${show(meters.error, 4)}`,
  ].join('\t');
}
