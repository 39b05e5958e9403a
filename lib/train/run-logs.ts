import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { explainSystemError, IoError } from '../io/index.js';
import { formatDouble, formatFixed, formatFloat32, formatPadded } from './format.js';
import type { RunPaths } from './run-files.js';

/**
 * A text file that only grows, and can be cut back to a length recorded earlier.
 *
 * Lines go to the operating system at once, so that a process killed at any moment has lost none it has passed on.
 */
export class GrowingFile {
  readonly #fd: number;
  #length: number;

  /**
   * @param path made anew with `header` unless `length` is given.
   * @param length bytes of the existing file to keep; what follows belongs to work that will be done again.
   */
  constructor(
    readonly path: string,
    header: string,
    length?: number,
  ) {
    this.#length = 0;
    try {
      this.#fd = openSync(path, length === undefined ? 'w' : 'r+');
    } catch (error) {
      throw explainSystemError(error, length === undefined ? 'write' : 'go on with', path);
    }
    if (length === undefined) {
      this.write(header);
      return;
    }
    const size = fstatSync(this.#fd).size;
    if (size < length) {
      closeSync(this.#fd);
      throw new IoError(
        'integrity',
        `${path} has ${size} bytes where the checkpoint counts ${length}: it was changed since`,
        path,
      );
    }
    ftruncateSync(this.#fd, length);
    this.#length = length;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  write(text: string): void {
    const bytes = Buffer.from(text);
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#length + done);
    } catch (error) {
      // A line that did not fit is taken back: the file ends with a whole one.
      ftruncateSync(this.#fd, this.#length);
      throw explainSystemError(error, 'write', this.path);
    }
    this.#length += bytes.length;
  }

  /** Returns when the lines are on the disk itself. */
  sync(): void {
    fsyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

const resultsHeader = 'epoch,train_loss,train_error,valid_loss,valid_error,test_error\n';
const lossesHeader = 'epoch,iteration,loss,error,lr\n';

/** Lengths in bytes of the two logs, as a checkpoint records them. */
export interface LogLengths {
  readonly results: number;
  readonly losses: number;
}

/** What is told of a run as it goes on. */
export type Logs = Pick<RunLogs, 'iteration' | 'epoch' | 'finalTest' | 'syncedLengths' | 'close'>;

const nothing = (): void => undefined;

/** Logs of a process that writes none. */
export const noLogs: Logs = {
  iteration: nothing,
  epoch: nothing,
  finalTest: nothing,
  syncedLengths: () => ({ results: 0, losses: 0 }),
  close: nothing,
};

/** `results.csv` (the format of the efficient_densenet_pytorch script) and `losses.csv` (every iteration). */
export class RunLogs {
  readonly #results: GrowingFile;
  readonly #losses: GrowingFile;

  /** @param lengths goes on with existing logs, cut to these lengths. */
  constructor(paths: RunPaths, lengths?: LogLengths) {
    this.#results = new GrowingFile(paths.results, resultsHeader, lengths?.results);
    try {
      this.#losses = new GrowingFile(paths.losses, lossesHeader, lengths?.losses);
    } catch (error) {
      this.#results.close();
      throw error;
    }
  }

  /** @param epoch from 0. @param iteration from 0. @param loss a float32 value. */
  iteration(epoch: number, iteration: number, loss: number, error: number, lr: number): void {
    const fields = [epoch + 1, iteration + 1, formatFloat32(loss), formatDouble(error), formatDouble(lr)];
    this.#losses.write(`${fields.join(',')}\n`);
  }

  /** @param epoch from 0. */
  epoch(epoch: number, trainLoss: number, trainError: number, validLoss: number, validError: number): void {
    const train = `${formatFixed(trainLoss, 6)},${formatFixed(trainError, 6)}`;
    const valid = `${formatFixed(validLoss, 5)},${formatFixed(validError, 5)}`;
    this.#results.write(`${formatPadded(epoch + 1, 3)},${train},${valid},\n`);
  }

  finalTest(testError: number): void {
    this.#results.write(`,,,,,${formatFixed(testError, 5)}\n`);
  }

  /** The lengths to record in a checkpoint; the lines they count are on the disk when this returns. */
  syncedLengths(): LogLengths {
    this.#results.sync();
    this.#losses.sync();
    return { results: this.#results.length, losses: this.#losses.length };
  }

  close(): void {
    this.#results.close();
    this.#losses.close();
  }
}
