/** Workers that compute, throw and are ended in the middle of an operation; for the test of that name and its long form. */
import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import { memory } from '../../lib/tensor/index.js';
import { settle } from '../settle.js';

// A worker does not inherit the loader of TypeScript: it takes what the set-up compiled.
const compiled = new URL('../../dist/lib/tensor/index.js', import.meta.url).href;

const script = `
import { parentPort, workerData } from 'node:worker_threads';
const { keep, ops, randn, scope, tensor } = await import(${JSON.stringify(compiled)});
const held = Array.from({ length: 8 }, () => keep(randn([64, 64], { requiresGrad: true })));
parentPort.postMessage('ready');
for (let i = 0; ; ++i) {
  try {
    scope(() => {
      const x = randn([48, 48], { requiresGrad: true });
      for (const each of held) x.matmul(x).add(each.slice(0, 0, 48).slice(1, 0, 48)).relu().sum().backward();
      ops.cat([x, tensor([1, 2])]); // throws: other dimensions
    });
  } catch (error) {
    if (error.name !== 'TorchError') throw error;
  }
  for (const each of held) each.grad = null;
  if (workerData.dies && i === 3) throw new Error('meant');
}`;
const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`);

/** One worker: it computes for some milliseconds and is then terminated, or dies of an exception of its own. */
function life(dies: boolean, milliseconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(url, { execArgv: [], workerData: { dies } });
    let meant = false;
    worker.once('message', () => {
      if (!dies) setTimeout(() => void worker.terminate(), milliseconds);
    });
    worker.on('error', (error: Error) => {
      meant = error.message === 'meant';
      if (!meant) reject(error);
    });
    worker.once('exit', () => {
      if (dies && !meant) reject(new Error('the worker did not throw what it should'));
      else resolve();
    });
  });
}

/** `rounds` times ten workers side by side, of which two die by themselves and eight are ended. */
async function tenWorkers(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; ++round) {
    await Promise.all(Array.from({ length: 10 }, (_, k) => life(k < 2, 1 + ((round * 7 + k * 3) % 23))));
  }
}

/** Runs them, and compares what is held afterwards with what was held before. */
export async function checkWorkers(rounds: number): Promise<void> {
  await tenWorkers(1); // what every thread leaves in caches once is no leak
  await settle();
  const before = memory();
  const resident = process.memoryUsage().rss;
  await tenWorkers(rounds);
  assert.deepEqual([memory().tensors, memory().bytes], [before.tensors, before.bytes]);
  const grown = (process.memoryUsage().rss - resident) / 2 ** 20;
  assert.ok(grown < 64 + rounds, `resident memory grew by ${grown.toFixed(0)} MiB over ${String(rounds * 10)} workers`);
}
