import { Presets, SingleBar } from 'cli-progress';
import type { DatasetProgress } from '../data/index.js';
import { formatFixed } from '../train/format.js';
import type { EpochReport, IterationReport, Phase, Reporter, StartReport } from '../train/reporter.js';
import { downloadText } from './download-lines.js';
import { coloursFor, formatDuration, type Output } from './output.js';

const labels: Record<Phase, string> = { train: 'train', valid: 'valid', test: 'test ' };

/** A progress bar for each pass and a line for each epoch, for people at a terminal. */
export class BarReporter implements Reporter {
  readonly #output: Output;
  readonly #colours: ReturnType<typeof coloursFor>;
  readonly #notice: (line: string) => void;
  readonly #began = performance.now();
  #bar: SingleBar | null = null;
  #drawn = -Infinity;
  #plan: StartReport | null = null;
  #pass: { phase: Phase; epoch: number; seconds: number; pictures: number } | null = null;
  /** Mean seconds of an iteration, by kind of pass, for the time that is left. */
  readonly #seconds = new Map<Phase, number>();

  readonly #finalTitle: string;

  /**
   * @param notice prints a notice; the bar is off the screen while it does.
   * @param finalTitle stands before the bar of the last test.
   */
  constructor(output: Output, notice: (line: string) => void, finalTitle = 'test of the kept model') {
    this.#finalTitle = finalTitle;
    this.#output = output;
    this.#colours = coloursFor(output);
    this.#notice = notice;
  }

  notice(text: string): void {
    this.#stopBar();
    this.#notice(text);
  }

  download(progress: DatasetProgress): void {
    const now = performance.now();
    const whole = progress.done === progress.total;
    if (!whole && now - this.#drawn < 100) return;
    this.#drawn = now;
    // Written over until it is whole, then left standing.
    this.#output.write(`\r\x1b[K${downloadText(progress).slice(0, this.#output.columns - 1)}${whole ? '\n' : ''}`);
  }

  model(print: string, parameters: number): void {
    const name = /^\w+/.exec(print)?.[0] ?? 'Model';
    this.#line(`${this.#colours.bold(name)} with ${parameters.toLocaleString('en-US')} parameters`);
  }

  start(report: StartReport): void {
    this.#plan = report;
  }

  iteration(report: IterationReport): void {
    const { phase, epoch, iteration, iterations, meters } = report;
    if (this.#pass?.phase !== phase || this.#pass.epoch !== epoch || this.#bar === null) {
      this.#stopBar();
      this.#pass = { phase, epoch, seconds: 0, pictures: 0 };
      this.#bar = this.#makeBar();
      this.#bar.start(iterations, iteration, { report, text: '' });
    }
    this.#seconds.set(phase, meters.time.avg);
    // Speed is that of this process: the meters of a resumed pass began before it.
    this.#pass.seconds += meters.time.val;
    this.#pass.pictures += report.pictures;
    const speed = this.#pass.pictures / this.#pass.seconds;
    const fields = [
      `loss ${formatFixed(meters.loss.avg, 4)}`,
      `error ${formatFixed(100 * meters.error.avg, 1)} %`,
      `${Math.round(speed)} images/s`,
      `${formatDuration(this.#secondsLeft(report))} left`,
    ];
    this.#bar.update(iteration + 1, { report, text: fields.join('  ') });
  }

  epoch(report: EpochReport): void {
    this.#stopBar();
    const colours = this.#colours;
    const width = String(report.nEpochs).length;
    const error = (value: number): string => `${formatFixed(100 * value, 2)} %`;
    this.#line(
      [
        colours.bold(`epoch ${String(report.epoch + 1).padStart(width)}/${report.nEpochs}`),
        `train loss ${formatFixed(report.trainLoss, 4)} error ${error(report.trainError)}`,
        `${report.validatedOn} loss ${formatFixed(report.validLoss, 4)} error ${error(report.validError)}`,
        colours.dim(`lr ${Number(report.lr.toPrecision(6))}`),
        ...(report.saved && report.validatedOn === 'valid' ? [colours.green('best')] : []),
      ].join('  '),
    );
  }

  finalTest(error: number): void {
    this.#stopBar();
    const seconds = (performance.now() - this.#began) / 1000;
    this.#line(
      `${this.#colours.bold(`Final test error: ${formatFixed(error, 4)}`)}  (after ${formatDuration(seconds)})`,
    );
  }

  /** Takes the bar off the screen; for the moment an error is about to be printed. */
  close(): void {
    this.#stopBar();
  }

  #makeBar(): SingleBar {
    return new SingleBar(
      {
        stream: this.#output,
        clearOnComplete: true,
        hideCursor: false, // it would stay hidden when a second Ctrl-C ends the process at once
        fps: 8,
        format: (_options, params, payload: { report: IterationReport; text: string }) =>
          this.#format(params.progress, payload),
      },
      Presets.shades_classic,
    );
  }

  #format(progress: number, { report, text }: { report: IterationReport; text: string }): string {
    const { epoch, nEpochs, iteration, iterations, phase } = report;
    const head = report.final ? this.#finalTitle : `epoch ${epoch + 1}/${nEpochs} ${labels[phase]}`;
    const tail = `${iteration + 1}/${iterations}  ${text}`;
    const room = this.#output.columns - head.length - tail.length - 4;
    // Nothing may wrap: the cursor could not find its way back to the beginning of the bar.
    if (room < 5) return `${head} ${tail}`.slice(0, Math.max(10, this.#output.columns - 1));
    const size = Math.min(30, room);
    const full = Math.round(progress * size);
    const bar = this.#colours.cyan('█'.repeat(full)) + this.#colours.dim('░'.repeat(size - full));
    return `${head} ${bar} ${tail}`;
  }

  /** Of the whole run, from the mean iteration of each kind of pass; a kind not yet seen counts a third of training's. */
  #secondsLeft(report: IterationReport): number {
    const plan = this.#plan;
    const here = (report.iterations - report.iteration - 1) * report.meters.time.avg;
    if (report.final) return here;
    if (plan === null) return NaN;
    const each = (phase: Phase): number =>
      this.#seconds.get(phase) ?? (this.#seconds.get('train') ?? report.meters.time.avg) / 3;
    const epochsAfter = report.nEpochs - report.epoch - 1;
    const validation: Phase = this.#seconds.has('valid') ? 'valid' : 'test';
    const validOfEpoch = plan.validIterations * each(validation);
    const rest = epochsAfter * (plan.trainIterations * each('train') + validOfEpoch);
    return here + (report.phase === 'train' ? validOfEpoch : 0) + rest + plan.testIterations * each('test');
  }

  #stopBar(): void {
    this.#bar?.stop();
    this.#bar = null;
  }

  #line(text: string): void {
    this.#output.write(`${text}\n`);
  }
}
