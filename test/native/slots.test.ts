import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import { Generator, memory, ones, scope, setNumThreads, Tensor, tensor } from '../../lib/tensor/index.js';

import { settle } from '../settle.js';
import { checkWorkers } from './terminated-workers.js';

// A worker does not inherit the loader of TypeScript: it takes what the set-up compiled.
const compiled = new URL('../../dist/lib/tensor/index.js', import.meta.url).href;
const entry = new URL('../../lib/tensor/index.ts', import.meta.url).href;

describe('slots', () => {
  it('never lets a stale object reach another tensor: 10⁷ tensors made and freed, two alive at a time', function () {
    this.timeout(300_000);
    setNumThreads(1);
    scope(() => {
      const sources = Array.from({ length: 8 }, (_, i) => tensor([i]));
      const live = memory().tensors;
      const stale: Tensor[] = [];
      const slots = new Set<number>();
      let [before, last]: [Tensor | undefined, Tensor | undefined] = [sources[0]?.detach(), sources[1]?.detach()];
      for (let i = 2; i < 10_000_000; ++i) {
        const next = sources[i & 7]?.detach();
        assert.ok(before !== undefined && last !== undefined && next !== undefined);
        slots.add(next.handle);
        before.dispose();
        if (i % 50_000 < 4) stale.push(before);
        // Both that live read their own element: the slot of the one that is gone was taken again.
        if (last.item() !== ((i - 1) & 7) || next.item() !== (i & 7)) assert.fail(`tensor ${String(i)} reads another`);
        [before, last] = [last, next];
      }
      assert.ok(slots.size <= 3, `${String(slots.size)} slots were used`);
      assert.equal(stale.length, 798);
      for (const each of stale) {
        assert.ok(each.isDisposed);
        assert.throws(() => each.item(), { code: 'disposed' });
        assert.throws(() => sources[0]?.add(each), { code: 'disposed' });
        each.dispose(); // a second time: whoever has the slot now keeps it
      }
      assert.equal(last?.item(), 9_999_999 & 7);
      before?.dispose();
      last.dispose();
      assert.equal(memory().tensors, live);
    });
  });

  it('warns once of a synchronous loop that piles tensors up', () => {
    const script = `import { ones } from ${JSON.stringify(entry)}; for (let i = 0; i < 50000; ++i) ones([1]);`;
    const run = spawnSync(process.execPath, ['--import=tsx', '--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    assert.equal(run.status, 0, run.stderr);
    assert.equal(run.stderr.split('TorchbridgeWarning').length, 2, run.stderr);
    assert.match(run.stderr, /scope\(/);
  });
});

describe('worker threads', () => {
  it('have slots of their own, and give them back when they end', async function () {
    this.timeout(300_000);
    await settle();
    const before = memory().bytes;
    const script = `
      import { parentPort } from 'node:worker_threads';
      const { ones, memory, tensor } = await import(${JSON.stringify(compiled)});
      globalThis.kept = ones([1000]);
      const x = tensor([2], { requiresGrad: true });
      x.mul(x).backward();
      parentPort.postMessage({ grad: x.grad.item(), tensors: memory().tensors });`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
    const worker = new Worker(url, { execArgv: [] });
    const said = await new Promise<{ grad: number; tensors: number }>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    assert.equal(said.grad, 4);
    assert.ok(said.tensors < 10);
    await new Promise((resolve) => worker.once('exit', resolve));
    assert.equal(memory().bytes, before);
  });

  it('compute, throw and are ended in mid-operation, ten at a time, and leave nothing behind', async function () {
    this.timeout(300_000);
    await checkWorkers(10);
  });
});

describe('forged handles', () => {
  // What a program without types can try.
  const anyTensor = Tensor as unknown as new (...given: unknown[]) => Tensor;
  const anyGenerator = Generator as unknown as new (...given: unknown[]) => Generator;

  it('are refused by the constructors', () => {
    const kept = ones([1]);
    for (const given of [
      [0],
      [kept.handle],
      ['0'],
      [null],
      [undefined, 0],
      [{ slot: 0 }],
      [Symbol('slot'), 0],
      [{ handle: 0 }],
    ]) {
      assert.throws(() => new anyTensor(...given), { code: 'type' });
    }
    for (const given of [[0], [Symbol('slot'), 0]]) assert.throws(() => new anyGenerator(...given), { code: 'type' });
    const base = Object.getPrototypeOf(Tensor) as new (slot: number) => object;
    assert.throws(() => Reflect.construct(base, [kept.handle], Tensor), { code: 'type' });
    kept.dispose();
  });

  it('cannot be put into an object', () => {
    const [mine, other] = [tensor([1]), tensor([2])];
    Object.assign(mine, { slot: other.handle });
    assert.equal(mine.item(), 1);
    const hollow = Object.create(Tensor.prototype) as Tensor;
    assert.throws(() => hollow.item(), TypeError);
    assert.throws(() => mine.add(hollow), TypeError);
    assert.throws(() => ((mine as { handle: number }).handle = other.handle), TypeError);
    assert.throws(() => mine.add(Object.assign({}, other)), { code: 'type' });
    mine.dispose();
    other.dispose();
  });
});
