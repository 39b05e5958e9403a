/** 200,000 damaged files, the same in every run: each is read, or refused with one clear error, and nothing is left behind. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { TSX } from './tsx-loader.js';
import type { MutationSummary } from './mutation-child.js';

const CHILD = path.join(path.dirname(fileURLToPath(import.meta.url)), 'mutation-child.ts');

/** Runs in a process of its own: one that ends by itself would take the other tests along. */
function mutations(count: number, seed: number): Promise<MutationSummary> {
  const args = ['--import', TSX, CHILD, String(count), String(seed)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-2000)));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(stdout) as MutationSummary);
      else reject(new Error(`seed ${seed}: the process ended with ${signal ?? code ?? '?'} after ${stderr}`));
    });
  });
}

describe('mutations of valid files', function () {
  this.timeout(300_000);

  it('200,000 of zip, legacy, tar and safetensors files', async () => {
    const summaries = await Promise.all([mutations(100_000, 1), mutations(100_000, 2)]);
    for (const { tried, read, refused, plain, failures, slowest, left } of summaries) {
      assert.deepEqual(failures, []);
      assert.equal(read + refused, tried);
      // were all refused at the door, nothing behind it would be tested
      assert.ok(read > tried / 20 && refused > tried / 2, `${read} read, ${refused} refused`);
      assert.ok(plain > tried / 50, `${plain} read the short way`);
      assert.deepEqual(left, [0, 0], 'tensors and bytes that were not freed');
      assert.ok(slowest < 5000, `${slowest} ms for one`);
    }
  });
});
