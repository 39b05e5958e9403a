// What one binary must do on every line of Node, with the addon that TORCHBRIDGE_ADDON names. Prints what the test compares, as JSON.
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import * as torchbridge from '../../dist/lib/index.js';

const { buildInfo, io, manualSeed, memory, models, nn, ones, optim, randint, randn, scope, setNumThreads, TorchError } =
  torchbridge;
const index = new URL('../../dist/lib/index.js', import.meta.url);

/** Three steps of training, and every bit they leave. */
function train() {
  manualSeed(0);
  const model = models.cifarDenseNet({ depth: 10, growthRate: 4 });
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 });
  const [input, target] = [randn([4, 3, 16, 16]), randint(0, 10, [4])];
  for (let step = 0; step < 3; ++step) {
    scope(() => {
      optimizer.zeroGrad();
      nn.functional.crossEntropy(model.call(input), target).backward();
      optimizer.step();
    });
  }
  return createHash('sha256').update(io.serialize(model.stateDict())).digest('hex');
}

function errorOf(wrong) {
  try {
    wrong();
  } catch (error) {
    return [error instanceof TorchError, error.code, error.message.split('\n')[0]];
  }
  return undefined;
}

async function collect(enough) {
  for (let i = 0; i < 20 && !enough(); ++i) {
    globalThis.gc();
    await sleep(5);
  }
}

/** Tensors that no scope owns go when the garbage collector finds them. */
async function collected() {
  await collect(() => false);
  const before = memory();
  for (let i = 0; i < 100; ++i) {
    for (let j = 0; j < 10; ++j) ones([1000]);
    await turn();
  }
  await collect(() => memory().tensors === before.tensors);
  return [memory().tensors - before.tensors, memory().bytes - before.bytes];
}

const workerCode = (body) =>
  `import { parentPort } from 'node:worker_threads';
   const { ones, randn, scope } = await import(${JSON.stringify(index.href)});
   ${body}`;

/** A worker that ends by itself, by an error, or in the middle of an operation. */
async function worker(kind) {
  const bodies = {
    ends: 'globalThis.kept = ones([1000]); parentPort.postMessage(scope(() => ones([8]).sum().item()));',
    throws: 'globalThis.kept = ones([1000]); ones([2]).add(ones([3]));',
    terminated: 'parentPort.postMessage(0); const a = randn([300, 300]); for (;;) scope(() => a.matmul(a).matmul(a));',
  };
  const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(workerCode(bodies[kind]))}`));
  const exited = new Promise((resolve) => thread.once('exit', resolve));
  const said = await new Promise((resolve) => {
    thread.once('message', resolve);
    thread.once('error', (error) => resolve(error.code ?? error.message));
  });
  if (kind === 'terminated') {
    await sleep(20);
    await thread.terminate();
  }
  await exited;
  return said;
}

setNumThreads(1);
const state = train();
const gone = await collected();
const before = memory().bytes;
const workers = [];
for (let round = 0; round < 3; ++round) {
  workers.push(await Promise.all(['ends', 'throws', 'terminated'].map(worker)));
}
const bytesOfWorkers = memory().bytes - before;
const error = errorOf(() => ones([2]).add(ones([3])));
process.stdout.write(
  JSON.stringify({
    state,
    error,
    collected: gone,
    workers,
    bytesOfWorkers,
    required: createRequire(import.meta.url)('../../dist/lib/index.js').ones === torchbridge.ones,
    torchVersion: buildInfo().torchVersion,
  }),
);
