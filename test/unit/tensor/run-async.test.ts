import assert from 'node:assert/strict';
import {
  enableGrad,
  inferenceMode,
  keep,
  manualSeed,
  memory,
  nn,
  noGrad,
  ones,
  ops,
  rand,
  randn,
  resetPeakMemory,
  runAsync,
  setNumThreads,
  tensor,
  Tensor,
  TorchError,
  zeros,
} from '../../../lib/index.js';
import { settle } from '../../settle.js';

const { BatchNorm2d, Conv2d, Dropout, Linear, Module, ReLU, Sequential } = nn;

/** A net that looks at the shapes of what it has just computed, as PyTorch code does. */
class Net extends Module {
  readonly body = new Sequential(
    new Conv2d(3, 8, { kernelSize: 3, padding: 1 }),
    new BatchNorm2d(8),
    new ReLU({ inplace: true }),
    new nn.MaxPool2d({ kernelSize: 2 }),
    new nn.AdaptiveAvgPool2d([2, null]),
  );
  readonly drop = new Dropout({ p: 0.5 });
  readonly fc = new Linear(64, 5);
  seen: number[] = [];

  forward(x: Tensor): Tensor {
    const features = this.body.call(x);
    this.seen = features.shape;
    const [left, right] = features.view([features.size(0), -1]).chunk(2, 1) as [Tensor, Tensor];
    return this.fc.call(this.drop.call(ops.cat([right, left], 1)));
  }
}

function made(): { net: Net; x: Tensor } {
  manualSeed(3);
  return { net: new Net(), x: randn([2, 3, 8, 8]) };
}

const bits = (value: Tensor): string => Buffer.from(value.bytes()).toString('hex');

/** The warnings of a function, which are emitted in the next turn. */
async function warnings(fn: () => Promise<void>): Promise<string[]> {
  const seen: string[] = [];
  const listener = (warning: Error): void => void seen.push(warning.message);
  process.on('warning', listener);
  await fn();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listener);
  return seen;
}

async function failure(promise: Promise<unknown>): Promise<TorchError> {
  const error: unknown = await promise.then(
    () => undefined,
    (each: unknown) => each,
  );
  assert.ok(error instanceof TorchError, `Expected a TorchError but received ${String(error)}`);
  return error;
}

describe('runAsync and callAsync', () => {
  before(() => setNumThreads(1));

  it('gives the bits of the synchronous call, and knows shapes without waiting', async () => {
    const { net, x } = made();
    net.eval();
    const expected = bits(noGrad(() => net.call(x)));
    const seen = await warnings(async () => {
      using y = await net.callAsync(x);
      assert.equal(bits(y), expected);
      assert.equal(y.requiresGrad, false);
    });
    assert.deepEqual(seen, []);
    assert.deepEqual(net.seen, [2, 8, 2, 4]);
  });

  it('holds what the synchronous call holds, at its peak and afterwards', async () => {
    await settle();
    const { net, x } = made();
    net.eval();
    const peakOf = async (run: () => Promise<unknown>): Promise<[number, number, number]> => {
      const before = memory();
      resetPeakMemory();
      await run();
      const after = memory();
      return [after.peakBytes - before.bytes, after.bytes - before.bytes, after.tensors - before.tensors];
    };
    const synchronous = (): Promise<void> => {
      noGrad(() => net.call(x)).dispose();
      return Promise.resolve();
    };
    await synchronous();
    const expected = await peakOf(synchronous);
    assert.deepEqual(await peakOf(async () => (await net.callAsync(x)).dispose()), expected);
    assert.ok(expected[0] > 0);
  });

  it('trains batch norm and draws random numbers in the order of the calls', async () => {
    const run = async (call: (net: Net, x: Tensor) => Promise<Tensor>): Promise<string[]> => {
      const { net, x } = made();
      manualSeed(7);
      // Not awaited one by one: the second call is recorded while the first one runs.
      const results = await Promise.all([call(net, x), call(net, x)]);
      const later = rand([3]);
      return [...results, later, ...net.buffers()].map(bits);
    };
    const expected = await run((net, x) => Promise.resolve(noGrad(() => net.call(x))));
    assert.deepEqual(await run((net, x) => net.callAsync(x)), expected);
  });

  it('draws after an asynchronous call has drawn, also while it runs', async () => {
    manualSeed(5);
    const expected = [rand([4]), rand([4])].map(bits);
    manualSeed(5);
    const first = runAsync(() => rand([4]));
    const second = rand([4]);
    assert.deepEqual([bits(await first), bits(second)], expected);
  });

  it('waits for a value that the function reads, and says so once', async () => {
    const x = tensor([1, 2, 3]);
    const seen = await warnings(async () => {
      for (let i = 0; i < 2; ++i) {
        const read = await runAsync(() => {
          const doubled = x.mul(2);
          const total = doubled.sum().item();
          return { total, rows: doubled.toArray(), mask: ops.equal(doubled, x), after: doubled.add(total) };
        });
        assert.deepEqual(
          [read.total, read.rows, read.mask, read.after.toArray()],
          [12, [2, 4, 6], false, [14, 16, 18]],
        );
      }
    });
    assert.equal(seen.length, 1);
    assert.match(seen[0] ?? '', /event loop had to wait.*not computed yet was read/);
  });

  it('knows how many tensors an operator returns, or waits to learn it', async () => {
    const x = tensor([
      [3, 1, 2],
      [6, 5, 4],
    ]);
    const read = await runAsync(() => {
      const [values, indices] = x.topk(2);
      const rows = x.unbind(0);
      const where = ops.aten<Tensor[]>('nonzero_numpy', x.gt(3));
      const swapped = x.add(0).t_();
      return { values, indices, rows, where, swapped: swapped.shape, dtype: x.gt(3).dtype };
    });
    assert.deepEqual(read.values.toArray(), [
      [3, 2],
      [6, 5],
    ]);
    assert.deepEqual(
      read.rows.map((row) => row.toArray()),
      [
        [3, 1, 2],
        [6, 5, 4],
      ],
    );
    assert.deepEqual(
      read.where.map((each) => each.toArray()),
      [
        [1n, 1n, 1n],
        [0n, 1n, 2n],
      ],
    );
    assert.deepEqual([read.swapped, read.dtype, read.indices.dtype], [[3, 2], 'bool', 'int64']);
  });

  it('changes tensors in place, in order with what the surroundings do', async () => {
    const x = ones([256, 256]);
    const weight = ones([256, 256]);
    const running = runAsync(() => {
      let y = x;
      for (let i = 0; i < 20; ++i) y = y.matmul(weight).div(256);
      x.add_(1);
      return y.sum();
    });
    weight.zero_(); // still read: waits
    assert.equal(x.sum().item(), 2 * 256 * 256); // still changed: waits
    assert.equal((await running).item(), 256 * 256);
    assert.equal(weight.sum().item(), 0);
  });

  it('computes with what was released, exchanged or converted after the call was made', async () => {
    const { net, x } = made();
    net.eval();
    const expected = bits(noGrad(() => net.call(x)));
    const running = net.callAsync(x);
    net.to('float64');
    x.dispose();
    for (const parameter of net.parameters()) parameter.dispose();
    assert.equal(bits(await running), expected);
  });

  it('rejects with the error of the operator that failed, and the stack of its call', async () => {
    await settle();
    const before = memory();
    const [a, b] = [ones([2, 3]), ones([4, 5])];
    const theCulprit = (): Tensor => a.matmul(b);
    const error = await failure(runAsync(() => [a.add(1), theCulprit().add(1)]));
    assert.equal(error.code, 'shape');
    assert.equal(error.operator, 'matmul');
    assert.equal(error.operands, 'Tensor float32[2, 3], Tensor float32[4, 5]');
    assert.match(error.stack ?? '', /^TorchError: matmul: mat1 and mat2 shapes cannot be multiplied/);
    assert.match(error.stack ?? '', /theCulprit/);
    assert.equal(memory().tensors - before.tensors, 2);
    a.dispose();
    b.dispose();
    assert.equal(memory().bytes, before.bytes);
    assert.deepEqual((await runAsync(() => ones([2]).add(1))).toArray(), [2, 2]);
  });

  it('tells a wrong call where it is made', async () => {
    const error = await failure(runAsync(() => ops.aten('add.Tensor', ones([1]), 'text')));
    assert.equal(error.code, 'type');
  });

  it('runs nothing of a function that throws', async () => {
    await settle();
    const x = zeros([2]);
    const before = memory();
    await assert.rejects(
      runAsync(() => {
        x.add_(1).mul(3);
        throw new RangeError('no');
      }),
      RangeError,
    );
    assert.deepEqual(x.toArray(), [0, 0]);
    assert.deepEqual([memory().tensors, memory().bytes], [before.tensors, before.bytes]);
  });

  it('keeps a tensor that leaves by another way from being read too early', async () => {
    let leaked: Tensor | undefined;
    const running = runAsync(() => (leaked = keep(ones([3]).mul(2))).add(1));
    assert.ok(leaked);
    assert.deepEqual(leaked.toArray(), [2, 2, 2]);
    // A call that is not done yet gives to the next one.
    const next = runAsync(() => (leaked = keep(leaked?.add(5) ?? ones([1]))));
    const last = await runAsync(() => leaked?.mul(2));
    assert.deepEqual(
      [(await running).toArray(), (await next).toArray()],
      [
        [3, 3, 3],
        [7, 7, 7],
      ],
    );
    assert.deepEqual(last?.toArray(), [14, 14, 14]);
  });

  it('says what became of a tensor whose call failed', async () => {
    let leaked: Tensor | undefined;
    const running = runAsync(() => {
      leaked = ones([2]).matmul(ones([3]));
      leaked = keep(tensor([1]).add(leaked));
      return 0;
    });
    const next = failure(runAsync(() => leaked?.add(1)));
    await failure(running);
    assert.match((await next).message, /tensor.* was not computed: inconsistent tensor size/);
  });

  it('refuses promises, gradients, and an asynchronous call inside another', async () => {
    const x = ones([2], { requiresGrad: true });
    const linear = new Linear(2, 2);
    const asynchronous = (): Promise<Tensor> => Promise.resolve(ones([1]));
    assert.match((await failure(runAsync(asynchronous))).message, /Expected a synchronous function for runAsync/);
    assert.match((await failure(linear.callAsync(x))).message, /input 0 requires them/);
    assert.match((await failure(runAsync(() => enableGrad(() => x.mul(2))))).message, /Expected no gradients/);
    assert.match((await failure(runAsync(() => x.sum().backward()))).message, /Expected no gradients/);
    assert.match((await failure(runAsync(() => x.data.resize_([4])))).message, /changes more than elements/);
    const inner = await runAsync(() => failure(runAsync(() => 1))).catch((error: unknown) => error);
    assert.match(String(inner), /Expected a synchronous function for runAsync/);
    assert.equal((await runAsync(() => inferenceMode(() => x.mul(2)))).isInference(), true);
  });

  it('makes values and arrays of tensors without blocking', async () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    assert.equal(await x.sum().itemAsync(), 10);
    assert.deepEqual(await x.t().toArrayAsync(), [
      [1, 3],
      [2, 4],
    ]);
    assert.deepEqual(await x.t().toTypedArrayAsync(), new Float32Array([1, 3, 2, 4]));
    await assert.rejects(x.itemAsync(), /a Tensor with 4 elements cannot be converted to Scalar/);
  });
});
