import { fileURLToPath } from 'node:url';
import { type Ended, start } from '../../parity/distributed/launch.js';

/** Runs fuzz-program.ts. */
export function distributedFuzz(seed: number, calls: number): Promise<Ended> {
  const program = fileURLToPath(new URL('fuzz-program.ts', import.meta.url));
  return start(process.execPath, ['--import=tsx', program, String(seed), String(calls)]).ended;
}
