import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  autograd,
  checkpoint,
  keep,
  manualSeed,
  memory,
  nn,
  noGrad,
  randn,
  savedTensorsHooks,
  scope,
  scopeAsync,
  type Tensor,
  zeros,
} from '../../../../lib/index.js';
import { settle } from '../../../settle.js';

describe('backwardAsync', () => {
  let x: Tensor;
  let start: { tensors: number; bytes: number };
  beforeEach(async () => {
    await settle();
    manualSeed(4);
    x = keep(randn([64, 64], { requiresGrad: true }));
    scope(() => {
      x.grad = zeros([64, 64]);
    });
    start = memory();
  });
  afterEach(() => {
    x.dispose();
  });
  const held = (): [number, number] => [memory().tensors - start.tensors, memory().bytes - start.bytes];
  const asserted = (other: Tensor): void => {
    assert.deepEqual(x.grad!.bytes(), other.bytes());
  };

  const doubling = autograd.customFunction({
    name: 'Doubling',
    forward: (ctx, a: Tensor) => {
      ctx.saveForBackward(a);
      return a.mul(a);
    },
    backward: (ctx, g) => g.mul(ctx.savedTensors[0]!).mul(2),
  });

  /** Everything that calls JavaScript: hooks, custom functions, checkpoints of both kinds, one in the other. */
  function compute(a: Tensor, calls: string[]): Tensor {
    const inner = (b: Tensor): Tensor => {
      calls.push('inner');
      return b.sin().exp();
    };
    const outer = (b: Tensor): Tensor => {
      calls.push('outer');
      return checkpoint(inner, doubling(b.cos()), { useReentrant: false }).sin();
    };
    const first = checkpoint(outer, a.mul(0.5), { useReentrant: false });
    first.registerHook((g) => {
      calls.push('hook');
      return g.mul(1.5);
    });
    const second = checkpoint((b: Tensor) => doubling(b).sin(), first, { useReentrant: true });
    return savedTensorsHooks(
      (t) => t.to('float64'),
      (t) => {
        calls.push('unpack');
        return t.to('float32');
      },
      () => second.exp().sum(),
    );
  }

  it('gives the bits of backward, with JavaScript in the graph, and leaves nothing behind', async () => {
    const calls: string[] = [];
    scope(() => compute(x, calls).backward());
    const expected = keep(x.grad!.clone());
    const again: string[] = [];
    for (let i = 0; i < 5; ++i) {
      again.length = 0;
      scope(() => noGrad(() => x.grad!.zero_()));
      await scopeAsync(async () => {
        await compute(x, again).backwardAsync();
      });
      asserted(expected);
    }
    assert.deepEqual(again, calls);
    expected.dispose();
    await settle();
    // Less where something of an earlier test went meanwhile; what a step leaves would be thousands of bytes, five times.
    assert.ok(held()[1] <= 0, `${held()[1]} bytes are left`);
  });

  it('lets timers fire: the event loop stays alive', async function () {
    this.timeout(300_000);
    const w = keep(randn([400, 400]));
    const deep = (a: Tensor): Tensor => {
      let y = a;
      for (let i = 0; i < 12; ++i) y = y.matmul(w).tanh();
      return y;
    };
    await scopeAsync(async () => {
      const a = randn([400, 400], { requiresGrad: true });
      let y: Tensor = a;
      for (let i = 0; i < 10; ++i) y = checkpoint(deep, y, { useReentrant: false });
      const loss = y.sum();
      let ticks = 0;
      const timer = setInterval(() => ++ticks, 10);
      const begin = performance.now();
      await loss.backwardAsync();
      const took = performance.now() - begin;
      clearInterval(timer);
      // Each recomputation holds the loop for its own time; between them timers fire.
      assert.ok(ticks >= 5, `${ticks} ticks of 10 ms in ${took} ms`);
    });
    w.dispose();
  });

  it('rejects with the error of the engine and the stack of the call', async () => {
    async function caller(): Promise<void> {
      await scopeAsync(() => x.mul(2).backwardAsync());
    }
    await assert.rejects(caller, (error: Error) => {
      assert.match(error.message, /grad can be implicitly created only for scalar outputs/);
      assert.match(error.stack ?? '', /backward-async\.test\.ts/);
      return true;
    });
    await scopeAsync(async () => {
      const y = x.mul(2).exp().sum();
      await y.backwardAsync();
      await assert.rejects(y.backwardAsync(), /Trying to backward through the graph a second time/);
    });
  });

  it('rejects with what JavaScript threw, and the next one works', async () => {
    const failure = new Error('in a hook');
    await scopeAsync(async () => {
      const y = x.mul(2);
      y.registerHook(() => {
        throw failure;
      });
      await assert.rejects(y.sum().backwardAsync(), (error) => error === failure);
      assert.match(failure.stack ?? '', /backward-async\.test\.ts/);
      let runs = 0;
      const fails = (a: Tensor): Tensor => {
        if (runs++ === 1) throw failure;
        return a.exp().sin();
      };
      await assert.rejects(
        checkpoint(fails, x, { useReentrant: false }).sum().backwardAsync(),
        (error) => error === failure,
      );
      await x.mul(3).sum().backwardAsync();
    });
    scope(() => assert.equal(x.grad!.get(0, 0).item(), 3));
    await settle();
    assert.equal(held()[1], 0);
  });

  it('runs one after the other, and what reads gradients waits', async () => {
    const order: string[] = [];
    const said = (name: string): Tensor => {
      const y = x.mul(1);
      y.registerHook(() => {
        order.push(name);
        return undefined;
      });
      return y.sum();
    };
    await scopeAsync(async () => {
      const both = [said('a').backwardAsync(), said('b').backwardAsync()];
      assert.equal(x.grad!.get(0, 0).item(), 2); // waited for both
      assert.deepEqual(order, ['a', 'b']);
      said('c').backward();
      assert.deepEqual(order, ['a', 'b', 'c']);
      await Promise.all(both);
      const last = said('d').backwardAsync();
      x.grad = null;
      assert.deepEqual(order, ['a', 'b', 'c', 'd']);
      await last;
      assert.equal(x.grad, null);
    });
  });

  it('takes gradients, inputs and a graph that is kept, as backward does', async () => {
    await scopeAsync(async () => {
      const a = randn([3], { requiresGrad: true });
      const b = randn([3], { requiresGrad: true });
      const y = a.mul(b);
      await y.backwardAsync({ gradient: a.detach(), retainGraph: true, inputs: [b] });
      assert.equal(a.grad, null);
      assert.deepEqual(b.grad!.toArray(), a.mul(a).toArray());
      await autograd.backwardAsync([y, y.sum()], { gradTensors: [b.detach(), null] });
      assert.notEqual(a.grad, null);
      assert.throws(
        () => void autograd.backwardAsync([y], { gradTensors: [] }),
        /Expected 1 gradTensors but received 0/,
      );
    });
  });

  it('does not keep a process from ending, nor ends under it', () => {
    const program = `
      import { randn, setNumThreads, nn } from ${JSON.stringify(new URL('../../../../lib/index.ts', import.meta.url).href)};
      setNumThreads(1);
      const x = randn([600, 600], { requiresGrad: true });
      let y = x;
      for (let i = 0; i < 20; ++i) y = y.matmul(x);
      y.registerHook(() => { console.log('hook'); return undefined; });
      y.sum().backwardAsync();
      process.exit(3);
    `;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', program],
      { encoding: 'utf8' },
    );
    assert.equal(status, 3, stderr);
    assert.equal(stdout, 'hook\n');
  });

  it('works with batch norm and an optimizer-like step between awaits', async () => {
    const net = new nn.Sequential(new nn.Linear(64, 8), new nn.BatchNorm1d(8), new nn.ReLU(), new nn.Linear(8, 1));
    const losses: number[] = [];
    for (let i = 0; i < 3; ++i) {
      await scopeAsync(async () => {
        const loss = checkpoint((a: Tensor) => net.call(a), x, { useReentrant: false })
          .square()
          .mean();
        losses.push(loss.item());
        await loss.backwardAsync();
        noGrad(() => {
          for (const p of net.parameters()) p.sub_(p.grad!.mul(0.05));
        });
      });
    }
    assert.ok(losses[2]! < losses[0]!);
  });

  it('is finished by a synchronous backward, though checkpoints with reentrance ask for one inside of it', async () => {
    const under = (): Tensor => checkpoint((a: Tensor) => a.exp(), x.sin(), { useReentrant: true }).sum();
    const [first, second] = [keep(under()), keep(under())];
    const later = [first.backwardAsync(), second.backwardAsync()];
    scope(() => under().backward());
    await Promise.all(later);
    scope(() => {
      const [g] = autograd.grad(x.sin().exp().sum(), x);
      asserted(g!.add(g!).add(g!));
    });
    first.dispose();
    second.dispose();
  });
});
