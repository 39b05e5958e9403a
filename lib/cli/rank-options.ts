import { Option } from '@commander-js/extra-typings';
import { positiveInteger } from './values.js';

/** `--nproc <n>` @param what the processes do. */
export function nprocOption(what: string) {
  return new Option('--nproc <n>', `processes on this machine that ${what} (default: 1)`).argParser(
    positiveInteger('--nproc', 1024),
  );
}

/** `--timeout <seconds>` */
export function timeoutOption() {
  return new Option(
    '--timeout <seconds>',
    'how long processes of one run wait for each other (default: 1800)',
  ).argParser(positiveInteger('--timeout', 1e6));
}
