import assert from 'node:assert/strict';
import {
  autograd,
  enableGrad,
  isGradEnabled,
  keep,
  memory,
  noGrad,
  ones,
  scope,
  type Tensor,
  tensor,
} from '../../../../lib/tensor/index.js';

type Ctx<Held = unknown> = autograd.FunctionCtx & Held;

/** Doubles; keeps what `hold` makes on its context. */
const holding = (hold: (x: Tensor) => unknown): ((x: Tensor) => Tensor) =>
  autograd.customFunction<[Tensor], Tensor, Ctx<{ held: unknown }>>({
    name: 'Holding',
    forward(ctx, x) {
      x.add(1).add(2); // freed when forward ends
      ctx.held = hold(x);
      return x.mul(2);
    },
    backward(ctx, g) {
      const [first] = Array.isArray(ctx.held) ? (ctx.held as Tensor[]) : [ctx.held as Tensor];
      return g.mul(first!);
    },
  });

describe('custom functions', () => {
  let leaf: Tensor;
  let start: { tensors: number; bytes: number };
  beforeEach(() => {
    leaf = keep(tensor([1, 2, 3, 4], { dtype: 'float64', requiresGrad: true }));
    leaf.grad = ones([4], { dtype: 'float64' });
    const { tensors, bytes } = memory();
    start = { tensors, bytes };
  });
  const held = (): [number, number] => {
    const { tensors, bytes } = memory();
    return [tensors - start.tensors, bytes - start.bytes];
  };

  it('keep what the context holds as long as the graph, to the byte', () => {
    const double = holding((x) => x.mul(3));
    scope(() => {
      const y = double(leaf);
      assert.deepEqual(held(), [2, 64]); // the output, and what the context holds
      y.backward({ gradient: leaf.detach(), retainGraph: true });
      assert.deepEqual(leaf.grad?.toArray(), [4, 13, 28, 49]);
      const z = y.sum();
      y.dispose();
      z.backward();
      assert.deepEqual(held().slice(1), [8 + 32]); // the sum, and what the context holds: attributes outlive backward
      z.dispose();
      assert.deepEqual(held()[1], 0);
    });
    assert.deepEqual(held()[0], 0);
  });

  it('free what was saved in backward, unless the graph is retained', () => {
    const square = autograd.customFunction({
      forward(ctx, x: Tensor) {
        ctx.saveForBackward(x.mul(5), null);
        return x.mul(x);
      },
      backward(ctx, g) {
        const [five, none] = ctx.savedTensors as [Tensor, Tensor | null];
        assert.equal(none, null);
        return g.mul(five);
      },
    });
    scope(() => {
      const y = square(leaf);
      assert.deepEqual(held(), [1, 64]);
      y.backward({ gradient: leaf.detach(), retainGraph: true });
      assert.equal(held()[1], 64);
      y.backward({ gradient: leaf.detach() });
      assert.equal(held()[1], 32);
    });
    assert.deepEqual(held(), [0, 0]);
  });

  it('hold inputs of scopes that have ended, lists too, but no outputs', () => {
    const y = scope(() => {
      const x = leaf.mul(1);
      return holding((input) => [input, 5])(x);
    });
    y.sum().backward();
    assert.deepEqual(leaf.grad?.toArray(), [2, 3, 4, 5]);
    y.dispose();
    let context: Ctx<{ held: Tensor }> | undefined;
    const output = autograd.customFunction<[Tensor], Tensor, Ctx<{ held: Tensor }>>({
      forward(ctx, x) {
        context = ctx;
        ctx.held = x.mul(2);
        return ctx.held;
      },
      backward: (_ctx, g) => g,
    });
    scope(() => void output(leaf));
    assert.throws(() => context?.held.add(1), { code: 'disposed' });
  });

  it('forget a tensor of the context that was disposed of, without touching the one that took its place', () => {
    let context: Ctx<{ held: Tensor }> | undefined;
    const f = autograd.customFunction<[Tensor], Tensor, Ctx<{ held: Tensor }>>({
      forward(ctx, x) {
        context = ctx;
        ctx.held = x.mul(2);
        return x.mul(3);
      },
      backward: (_ctx, g) => g,
    });
    scope(() => {
      const y = f(leaf);
      context?.held.dispose();
      const other = tensor([7, 8]);
      y.dispose();
      assert.deepEqual(other.toArray(), [7, 8]);
      f(leaf).dispose();
      assert.deepEqual(other.toArray(), [7, 8]);
    });
    assert.deepEqual(held(), [0, 0]);
  });

  it('pass errors of JavaScript through as they are, and leave nothing behind', () => {
    class Mine extends Error {}
    const failing = autograd.customFunction({
      forward(_ctx, x: Tensor, when: string) {
        x.mul(2);
        if (when === 'forward') throw new Mine('in forward');
        return x.mul(3);
      },
      backward() {
        throw new Mine('in backward');
      },
    });
    scope(() => {
      assert.throws(
        () => failing(leaf, 'forward'),
        (error) => error instanceof Mine && /custom-function.test/.test(error.stack!),
      );
      assert.equal(isGradEnabled(), true);
      const y = failing(leaf, 'backward').sum();
      assert.throws(
        () => y.backward(),
        (error) => error instanceof Mine && /custom-function.test/.test(error.stack!),
      );
    });
    assert.deepEqual(held(), [0, 0]);
    const odd = autograd.customFunction({
      forward: (_ctx, x: Tensor) => x.mul(1),
      backward(): never {
        throw Object.assign(Object.create(null) as Error, { no: 'Error' });
      },
    });
    scope(() =>
      assert.throws(
        () => odd(leaf).sum().backward(),
        (error) => (error as { no?: string }).no === 'Error',
      ),
    );
  });

  it('refuse Promises, released tensors and what is no function', () => {
    const later = autograd.customFunction({ forward: (_ctx, x: Tensor) => Promise.resolve(x) });
    assert.throws(() => later(leaf), { code: 'type', message: /Promise/ });
    const gone = autograd.customFunction({
      forward(_ctx, x: Tensor) {
        const y = x.mul(2);
        y.dispose();
        return y;
      },
    });
    assert.throws(() => gone(leaf), { code: 'disposed' });
    assert.equal(isGradEnabled(), true);
    assert.deepEqual(held(), [0, 0]);
    assert.throws(() => (autograd.Function as unknown as { apply(x: Tensor): void }).apply(leaf), {
      code: 'notImplemented',
    });
  });

  it('nest, on threads of the engine too', async () => {
    let deepest = 0;
    const nest = (depth: number, level = 0): ((x: Tensor) => Tensor) =>
      autograd.customFunction({
        forward: (_ctx, x: Tensor) => x.mul(1),
        backward(_ctx, g) {
          deepest = level;
          if (level < depth) {
            enableGrad(() =>
              nest(
                depth,
                level + 1,
              )(tensor([1], { requiresGrad: true }))
                .sum()
                .backward(),
            );
          } else if (depth === 71) {
            throw new RangeError('far down');
          }
          return g;
        },
      });
    scope(() => {
      for (const depth of [3, 59, 60, 70]) {
        nest(depth)(leaf).sum().backward();
        assert.equal(deepest, depth);
      }
      // The error crosses every level, and every thread.
      assert.throws(() => nest(71)(leaf).sum().backward(), new RangeError('far down'));
    });
    // A thread of the engine may still be on its way out of what failed.
    for (let i = 0; i < 1000 && held()[1] !== 0; ++i) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(held(), [0, 0]);
  });

  it('free a loop’s contexts as it goes', () => {
    const f = holding((x) => x.mul(3));
    for (let i = 0; i < 2000; ++i) scope(() => f(leaf).sum().backward());
    assert.deepEqual(held(), [0, 0]);
  });
});

describe('hooks', () => {
  it('do not outlive their tensor, and may be registered again and again', () => {
    const x = keep(tensor([1, 2], { requiresGrad: true }));
    x.grad = ones([2]);
    const before = memory();
    let calls = 0;
    const counting = (): undefined => {
      ++calls;
      return undefined;
    };
    for (let i = 0; i < 1000; ++i) x.registerHook(counting).remove();
    scope(() => {
      const y = x.mul(2);
      y.registerHook((g) => {
        ++calls;
        return g.mul(2);
      });
      y.sum().backward();
    });
    assert.equal(calls, 1);
    assert.deepEqual(x.grad.toArray(), [5, 5]);
    assert.deepEqual(memory().bytes, before.bytes);
  });

  it('keep a gradient that is kept, and release the others', () => {
    const x = keep(tensor([1, 2], { requiresGrad: true }));
    const seen: Tensor[] = [];
    const kept: Tensor[] = [];
    x.registerHook((g) => {
      seen.push(g);
      kept.push(keep(noGrad(() => g.mul(1))));
      return undefined;
    });
    scope(() => x.mul(3).sum().backward());
    assert.equal(seen[0]?.isDisposed, true);
    assert.deepEqual(kept[0]?.toArray(), [3, 3]);
  });

  it('throw through backward', () => {
    const x = keep(tensor([1, 2], { requiresGrad: true }));
    x.registerHook(() => {
      throw new RangeError('from the hook');
    });
    assert.throws(() => scope(() => x.mul(3).sum().backward()), new RangeError('from the hook'));
    assert.throws(() => x.registerHook(5 as never), { code: 'type' });
  });

  it('nodes hold their graph and are freed with their scope', () => {
    const before = memory().tensors;
    scope(() => {
      const x = tensor([1, 2], { requiresGrad: true });
      const node = scope(() => x.mul(2).exp().gradFn!);
      assert.deepEqual([node.name, node.nextFunctions[0]?.[0]?.name], ['ExpBackward0', 'MulBackward0']);
      assert.equal(node.nextFunctions[0]?.[0]?.isSame(node), false);
      assert.equal(String(node), 'ExpBackward0');
    });
    assert.equal(memory().tensors, before);
  });
});

describe('anomaly mode', () => {
  it('names the forward call of the function that failed', () => {
    const x = keep(tensor([-1], { requiresGrad: true }));
    const logarithm = (): Tensor => x.log().log(); // the frame that the error must name
    const error = autograd.detectAnomaly(() => {
      try {
        scope(() => logarithm().sum().backward());
      } catch (caught) {
        return caught as Error;
      }
      return undefined;
    });
    assert.equal(error?.message, "Function 'LogBackward0' returned nan values in its 0th output.");
    const cause = error.cause as Error;
    assert.match(cause.message, /^Error detected in LogBackward0\./);
    assert.match(cause.stack ?? '', /at logarithm .*custom-function\.test\.ts/);
    assert.doesNotMatch(cause.stack ?? '', /lib\/tensor\/tape/);
    assert.equal(autograd.isAnomalyEnabled(), false);
  });

  it('tells what induced a failing second derivative', () => {
    const x = keep(tensor([0], { dtype: 'float64', requiresGrad: true }));
    autograd.detectAnomaly(
      () =>
        scope(() => {
          const failing = autograd.customFunction({
            name: 'Inner',
            forward: (_ctx, y: Tensor) => y.mul(1),
            backward: (_ctx, g) => inner(g),
          });
          const inner = autograd.customFunction({
            name: 'Deep',
            forward: (_ctx, g: Tensor) => g.mul(1),
            backward() {
              throw new RangeError('second');
            },
          });
          const gradient = tensor([1], { dtype: 'float64', requiresGrad: true });
          const y = failing(x);
          y.backward({ gradient, createGraph: true });
          assert.throws(
            () => x.grad?.sum().backward(),
            (error: Error) => {
              assert.equal(error.message, 'second');
              assert.match((error.cause as Error).stack ?? '', /Previous calculation was induced by InnerBackward/);
              return true;
            },
          );
        }),
      { checkNan: false },
    );
    x.grad = null;
  });
});
