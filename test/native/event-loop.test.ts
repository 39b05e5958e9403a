import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { manualSeed, memory, models, noGrad, randn, setNumThreads, type Tensor } from '../../lib/index.js';
import { settle } from '../settle.js';

const compiled = (part: string): string => pathToFileURL(path.resolve('dist/lib', part, 'index.js')).href;
const run = promisify(execFile);

describe('the event loop while a network infers', () => {
  let model: models.DenseNet;
  let x: Tensor;
  before(function () {
    this.timeout(300_000);
    setNumThreads(1);
    manualSeed(0);
    model = models.densenet121().eval();
    x = randn([1, 3, 224, 224]);
  });

  /** How often a timer of 1 ms fires, and how many requests a server answers, while `infer` runs. */
  async function meanwhile(infer: () => Promise<unknown>): Promise<{ ticks: number; answered: number }> {
    const server = http.createServer((request, reply) => reply.end(request.url));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    const state = { running: true };
    let ticks = 0;
    let answered = 0;
    const timer = setInterval(() => ++ticks, 1);
    const asking = (async () => {
      while (state.running) {
        const text = await (await fetch(url)).text();
        if (text === '/') ++answered;
      }
    })();
    try {
      await infer();
      return { ticks, answered };
    } finally {
      state.running = false;
      clearInterval(timer);
      await asking;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  it('goes round, and serves, with callAsync; the bits are those of call, which holds it', async function () {
    this.timeout(300_000);
    const expected = noGrad(() => model.call(x));
    const held = await meanwhile(() => {
      noGrad(() => model.call(x)).dispose();
      return Promise.resolve();
    });
    assert.deepEqual(held, { ticks: 0, answered: 0 });
    const outputs: Tensor[] = [];
    const free = await meanwhile(async () => {
      for (let i = 0; i < 3; ++i) outputs.push(await model.callAsync(x));
    });
    assert.ok(free.ticks >= 30 && free.answered >= 3, JSON.stringify(free));
    for (const output of outputs) {
      assert.deepEqual(output.bytes(), expected.bytes());
      output.dispose();
    }
    expected.dispose();
  });
});

describe('an end in the middle of an asynchronous call', () => {
  const busy = `
    const { randn, setNumThreads } = await import(${JSON.stringify(compiled('tensor'))});
    const nn = await import(${JSON.stringify(compiled('nn'))});
    setNumThreads(1);
    const layers = Array.from({ length: 40 }, () => new nn.Conv2d(16, 16, { kernelSize: 3, padding: 1 }));
    const net = new nn.Sequential(...layers);
    const x = randn([4, 16, 64, 64]);
    const infer = async () => { for (;;) (await net.callAsync(x)).dispose(); };`;

  it('of a worker thread gives everything back', async function () {
    this.timeout(300_000);
    await settle();
    const before = memory().bytes;
    for (let round = 0; round < 3; ++round) {
      const script = `${busy}
        import('node:worker_threads').then(({ parentPort }) => { infer(); infer(); setTimeout(() => parentPort.postMessage(0), 5); });`;
      const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
      const workers = Array.from({ length: 3 }, () => new Worker(url, { execArgv: [] }));
      await Promise.all(
        workers.map(async (worker) => {
          await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
          await worker.terminate();
        }),
      );
    }
    await settle();
    // What earlier tests left behind may have been collected meanwhile.
    assert.ok(memory().bytes <= before, `${String(memory().bytes)} bytes after, ${String(before)} before`);
  });

  it('of the process keeps its exit code', async function () {
    this.timeout(300_000);
    const ended = async (end: string): Promise<unknown> =>
      run(process.execPath, ['--input-type=module', '-e', `${busy}\ninfer(); infer();\n${end}`]).then(
        () => 0,
        (error: unknown) => {
          const { code, signal } = error as { code: unknown; signal: unknown };
          return code ?? signal;
        },
      );
    assert.equal(await ended('setTimeout(() => process.exit(7), 20);'), 7);
    assert.equal(await ended('process.exit(8);'), 8);
    assert.equal(await ended('setTimeout(() => { throw new Error("no"); }, 20);'), 1);
    assert.equal(await ended('setTimeout(() => process.kill(process.pid), 20);'), 'SIGTERM');
  });

  it('waits, without a timer, for calls that are not done', async function () {
    this.timeout(300_000);
    const end = 'net.callAsync(x).then((y) => console.log(y.shape.join()));';
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', `${busy}\n${end}`]);
    assert.equal(stdout, '4,16,64,64\n');
  });
});
