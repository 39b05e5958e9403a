import { constants } from 'node:os';

/** Ends a run in an orderly way when a signal or a closed pipe asks for it. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Takes the signals over from the system, to which a program that has nothing to save yet leaves them. */
  listen(): void;
  /** The exit code that says what ended the run: 128 and the number of the signal. */
  exitCode(): number;
  /** Whether nobody reads the output any more. */
  readonly brokenPipe: boolean;
  /** Gives the signals back their usual effect. */
  dispose(): void;
}

const signals = ['SIGINT', 'SIGTERM'] as const;

/**
 * Ctrl-C and SIGTERM, once asked to listen, and the reader of stdout going away.
 *
 * The first signal takes the listeners away again: with the usual effect restored the second one ends the process at
 * once, even in the middle of a long native call, where no JavaScript could answer it.
 */
export function interrupts(stdout: NodeJS.WriteStream, notice: (text: string) => void): Interrupt {
  const controller = new AbortController();
  let received: NodeJS.Signals | null = null;
  const stop = (name: NodeJS.Signals): void => {
    dispose();
    received = name;
    if (name !== 'SIGPIPE') notice('Stopping after this iteration; once more ends at once');
    controller.abort();
  };
  const onPipe = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE' && received === null) stop('SIGPIPE');
  };
  const dispose = (): void => {
    for (const name of signals) process.off(name, stop);
    stdout.off('error', onPipe);
  };
  stdout.on('error', onPipe);
  return {
    signal: controller.signal,
    listen() {
      if (received === null) for (const name of signals) process.on(name, stop);
    },
    exitCode: () => 128 + (received === null ? 0 : constants.signals[received]),
    get brokenPipe() {
      return received === 'SIGPIPE';
    },
    dispose,
  };
}
