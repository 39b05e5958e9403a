/** smoke.mjs on an addon, in a process of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';

export function smoke(addon: string, env: Record<string, string> = {}) {
  const program = path.join(import.meta.dirname, 'smoke.mjs');
  const run = spawnSync(process.execPath, [program], {
    encoding: 'utf8',
    env: { ...process.env, TORCHBRIDGE_ADDON: addon, ...env },
  });
  return { code: run.status, signal: run.signal, stdout: run.stdout, stderr: run.stderr };
}

export function expectSmokePassed(addon: string, version: string): void {
  const { code, stdout, stderr } = smoke(addon);
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), {
    product: [
      [19, 22],
      [43, 50],
    ],
    gradient: [
      [11, 15],
      [11, 15],
    ],
    torchVersion: version,
    // a.grad is not the function's result, but its owner lives no longer than the scope either.
    tensorsLeft: 0,
  });
}
