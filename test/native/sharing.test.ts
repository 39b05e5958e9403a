import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import {
  arange,
  asTensor,
  Complex,
  memory,
  ones,
  receive,
  scope,
  share,
  type SharedTensor,
  sharedTensors,
  tensor,
  unshare,
} from '../../lib/tensor/index.js';
import { settle } from '../settle.js';

// A worker does not inherit the loader of TypeScript: it takes what the set-up compiled.
const compiled = new URL('../../dist/lib/tensor/index.js', import.meta.url).href;

/** A worker that runs `body` with each message it is sent, and answers with what that returns. */
function start(body: string): Worker {
  const script = `
    import { parentPort } from 'node:worker_threads';
    const torch = await import(${JSON.stringify(compiled)});
    const run = new Function('torch', 'message', ${JSON.stringify(body)});
    parentPort.on('message', (message) => {
      try { parentPort.postMessage({ value: run(torch, message) }); }
      catch (error) { parentPort.postMessage({ error: error.message }); }
    });`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), { execArgv: [] });
}

async function ask(worker: Worker, message: unknown): Promise<unknown> {
  worker.postMessage(message);
  const answer = await new Promise<{ value?: unknown; error?: string }>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer.value;
}

/** Bytes that are held once the collector has found what nothing refers to. */
async function settledBytes(): Promise<number> {
  await settle();
  return memory().bytes;
}

describe('tensors between workers', function () {
  this.timeout(300_000);
  const workers: Worker[] = [];
  const worker = (body: string): Worker => {
    const made = start(body);
    workers.push(made);
    return made;
  };
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((each) => each.terminate()));
    assert.equal(sharedTensors(), 0);
  });

  it('work on the same memory, both ways', async () => {
    const x = arange(6).reshape([2, 3]);
    const there = worker(`
      const x = torch.receive(message);
      globalThis.kept = x;
      x.set([1, ':'], 100);
      return { shape: x.shape, stride: x.stride(), first: x.get(0).toArray() };`);
    const said = await ask(there, share(x.t()));
    assert.deepEqual(said, { shape: [3, 2], stride: [1, 3], first: [0, 3] });
    assert.deepEqual(x.toArray(), [
      [0, 100, 2],
      [3, 100, 5],
    ]);
    x.dispose();
  });

  it('outlive the worker that made them, and the worker that received them', async () => {
    const before = await settledBytes();
    const maker = worker(`return torch.share(torch.ones([1000]).mul(7));`);
    const message = (await ask(maker, null)) as SharedTensor;
    await maker.terminate();
    assert.equal(memory().bytes - before, 4000);
    const x = receive(message);
    assert.equal(x.sum().item(), 7000);
    const other = worker(`globalThis.kept = torch.receive(message); return kept.fill_(1).get(0).item();`);
    assert.equal(await ask(other, share(x)), 1);
    await other.terminate();
    assert.equal(x.sum().item(), 1000);
    x.dispose();
    assert.equal(await settledBytes(), before);
  });

  it('carry dtype, conjugation and requiresGrad of a leaf, not its gradient', async () => {
    const there = worker(`
      const x = torch.receive(message);
      return [x.dtype, x.requiresGrad, x.isLeaf, x.grad, x.shape, String(x)];`);
    const leaf = ones([2], { requiresGrad: true });
    leaf.sum().backward();
    const leafText = 'tensor([1., 1.], requires_grad=True)';
    assert.deepEqual(await ask(there, share(leaf)), ['float32', true, true, null, [2], leafText]);
    const conjugated = tensor([new Complex(1, 2)]).conj();
    assert.deepEqual(await ask(there, share(conjugated)), ['complex64', false, true, null, [1], 'tensor([1.-2.j])']);
    const half = tensor([[1.5], [2.5]], { dtype: 'bfloat16' }).get('1:');
    const halfText = 'tensor([[2.5000]], dtype=torch.bfloat16)';
    assert.deepEqual(await ask(there, share(half)), ['bfloat16', false, true, null, [1, 1], halfText]);
    assert.throws(() => share(leaf.mul(2)), /Cowardly refusing to serialize non-leaf tensor which requires_grad/);
  });

  it('are received as often as they may be', async () => {
    const there = worker(`return torch.receive(message).sum().item();`);
    const message = share(ones([3]), { receivers: 2 });
    assert.equal(await ask(there, message), 3);
    assert.equal(await ask(there, message), 3);
    await assert.rejects(ask(there, message), /received as often as share\(\) allowed/);
    assert.throws(() => receive(message), { code: 'value' });
  });

  it('that nobody receives keep their memory until they are unshared', () => {
    const before = memory();
    const message = scope(() => share(ones([1000])));
    assert.equal(sharedTensors(), 1);
    assert.equal(memory().bytes - before.bytes, 4000);
    assert.equal(memory().tensors, before.tensors);
    assert.equal(unshare(message), true);
    assert.equal(memory().bytes, before.bytes);
    assert.equal(unshare(message), false);
    assert.throws(() => receive(message), { code: 'value' });
  });

  it('over a SharedArrayBuffer send the buffer itself', async () => {
    const array = new Float32Array(new SharedArrayBuffer(16));
    const x = asTensor(array, { shape: [2, 2] });
    const there = worker(`const x = torch.receive(message); x.add_(5); return x.shape;`);
    assert.deepEqual(await ask(there, share(x.get(1))), [2]);
    assert.deepEqual([...array], [0, 0, 5, 5]);
    const forged = { ...share(x), shape: [1000] };
    assert.throws(() => receive(forged), { code: 'shape' });
  });

  it('whose memory came from an array are copied out of it', async () => {
    const moved = new Float32Array([1, 2, 3]);
    const x = asTensor(moved, { move: true });
    const view = x.get('1:');
    const there = worker(`torch.receive(message).fill_(9); return null;`);
    await ask(there, share(x));
    assert.deepEqual(view.toArray(), [9, 9]);
    const sender = worker(`
      const x = torch.asTensor(new Float32Array([4, 5]), { move: true });
      return torch.share(x);`);
    const message = (await ask(sender, null)) as SharedTensor;
    await sender.terminate();
    assert.deepEqual(receive(message).toArray(), [4, 5]);
  });

  it('refuse what is no message, and what cannot be shared', () => {
    for (const wrong of [null, 5, {}, { torchbridge: 'tensor' }, ones([1])]) {
      assert.throws(() => receive(wrong), { code: 'type' });
    }
    assert.throws(() => receive({ torchbridge: 'tensor', token: '1-1' }), { code: 'value' });
    assert.throws(() => share(ones([2]).to('meta')), /not on the CPU/);
    assert.throws(() => share(ones([2, 2]).toSparse()), /not dense/);
    assert.throws(() => share(ones([1]), { receivers: 0 }), { code: 'value' });
  });

  it('survive workers that are terminated while they use them', async () => {
    const before = await settledBytes();
    const x = ones([100_000]);
    const busy = Array.from({ length: 4 }, () =>
      worker(`
        const x = torch.receive(message);
        globalThis.array = x.asTypedArray();
        setImmediate(() => { for (;;) torch.scope(() => { x.mul(2).sum(); array[0] = 1; }); });
        return null;`),
    );
    const message = share(x, { receivers: busy.length });
    await Promise.all(busy.map((each) => ask(each, message)));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await Promise.all(busy.map((each) => each.terminate()));
    assert.equal(x.sum().item(), 100_000);
    x.dispose();
    assert.equal(await settledBytes(), before);
  });
});
