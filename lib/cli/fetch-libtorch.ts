import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { packageFile } from '../train/package-version.js';

/**
 * `torchbridge fetch-libtorch`: lays out libtorch in the cache. A flavour that is named is what the set-up takes from then on.
 * @returns the exit code.
 */
export async function runFetchLibtorch(flavour: 'cpu' | 'cuda' | undefined): Promise<number> {
  const script = join(dirname(packageFile()), 'scripts', 'libtorch.mjs');
  const args = flavour === undefined ? [] : [`--${flavour}`];
  const child = spawn(process.execPath, [script, ...args], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve(code ?? 1);
    });
  });
}
