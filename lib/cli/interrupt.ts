import { constants } from 'node:os';
import { errorLine } from './output.js';

/** Ends a run in an orderly way when a signal, or an output that can no longer be written, asks for it. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Takes the signals over from the system, to which a program that has nothing to save yet leaves them. */
  listen(): void;
  /** The exit code that says what ended the run: 128 and the number of the signal. */
  exitCode(): number;
  /** Whether nobody reads the output any more. */
  readonly brokenPipe: boolean;
  /** Why the output cannot be written, in one line, when it is not for want of a reader. */
  readonly outputFailure: string | null;
  /** Gives the signals back their usual effect. */
  dispose(): void;
}

const signals = ['SIGINT', 'SIGTERM'] as const;

/**
 * Ctrl-C and SIGTERM, once asked to listen, and the end of stdout: its reader going away, its disk filling up.
 *
 * The first signal takes the listeners away again: with the usual effect restored the second one ends the process at
 * once, even in the middle of a long native call, where no JavaScript could answer it.
 */
export function interrupts(stdout: NodeJS.WriteStream, notice: (text: string) => void): Interrupt {
  const controller = new AbortController();
  let received: NodeJS.Signals | null = null;
  let outputFailure: string | null = null;
  const release = (): void => {
    for (const name of signals) process.off(name, stop);
  };
  const stop = (name: NodeJS.Signals): void => {
    release();
    received = name;
    if (name !== 'SIGPIPE') notice('Stopping after this iteration; once more ends at once');
    controller.abort();
  };
  const onOutput = (error: NodeJS.ErrnoException): void => {
    if (received !== null) return;
    if (error.code !== 'EPIPE') outputFailure = `cannot write the output: ${errorLine(error)}`;
    stop('SIGPIPE');
  };
  stdout.on('error', onOutput);
  return {
    signal: controller.signal,
    listen() {
      if (received === null) for (const name of signals) process.on(name, stop);
    },
    exitCode: () => 128 + (received === null ? 0 : constants.signals[received]),
    get brokenPipe() {
      return received === 'SIGPIPE' && outputFailure === null;
    },
    get outputFailure() {
      return outputFailure;
    },
    dispose() {
      release();
      // What was written since the output failed fails as well, later on, and has been answered for here.
      if (outputFailure === null) stdout.off('error', onOutput);
    },
  };
}
