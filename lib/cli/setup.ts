import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { packageFile } from '../train/package-version.js';

/**
 * `torchbridge setup`: fetches libtorch and builds the addon, whatever of it is missing or stale.
 *
 * A process of its own, because the set-up is what makes this one able to load the addon. @returns the exit code.
 */
export function runSetup(): Promise<number> {
  const script = join(dirname(packageFile()), 'scripts', 'setup.mjs');
  const child = spawn(process.execPath, [script], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
