import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';

const compiled = path.resolve(import.meta.dirname, '../../dist/lib/index.js');
const built = existsSync(compiled) ? compiled : path.resolve(import.meta.dirname, '../../dist/index.js');

/** Runs a program in a worker thread, with the package as `torch`. */
function work(body: string): Worker {
  const text = `
    const { parentPort } = require('node:worker_threads');
    import(${JSON.stringify(built)}).then((torch) => {
      const { autograd, keep, tensor } = torch;
      ${body}
    });`;
  return new Worker(text, { eval: true });
}

const answerOf = (worker: Worker): Promise<unknown> =>
  new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });

const ended = (worker: Worker): Promise<number> => new Promise((resolve) => worker.once('exit', resolve));

const graph = `
  const f = autograd.customFunction({
    forward(ctx, x) { ctx.held = x.mul(2); ctx.saveForBackward(x); return x.mul(3); },
    backward(ctx, g) { return g.mul(ctx.held).mul(ctx.savedTensors[0]); },
  });
  const x = keep(tensor([1, 2], { requiresGrad: true }));
  x.registerHook((g) => g.mul(2));
  x.registerPostAccumulateGradHook(() => undefined);
  const y = keep(f(x));
  y.registerHook((g) => g.mul(5));
  globalThis.held = [x, y, y.gradFn];`;

describe('autograd in worker threads', function () {
  this.timeout(300_000);

  it('differentiates, and ends with graphs that are still alive', async () => {
    const worker = work(`${graph} y.sum().backward({ retainGraph: true }); parentPort.postMessage(x.grad.toArray());`);
    const exit = ended(worker);
    assert.deepEqual(await answerOf(worker), [20, 80]);
    assert.equal(await exit, 0); // nothing of ours keeps the thread
  });

  it('may be ended in the middle of a backward', async () => {
    for (let i = 0; i < 5; ++i) {
      const worker = work(`${graph}
        const slow = autograd.customFunction({
          forward: (ctx, t) => t.mul(1),
          backward: (ctx, g) => { parentPort.postMessage('in backward'); for (;;) g.add(1).dispose(); },
        });
        slow(y).sum().backward();`);
      const exit = ended(worker);
      assert.equal(await answerOf(worker), 'in backward');
      await worker.terminate();
      assert.equal(await exit, 1);
    }
  });
});
