import assert from 'node:assert/strict';
import {
  autocast,
  checkpoint,
  CheckpointError,
  keep,
  manualSeed,
  memory,
  nn,
  randn,
  savedTensorsHooks,
  scope,
  type Tensor,
  TorchError,
} from '../../../../lib/index.js';

const modes = [false, true];

function network(): nn.Sequential {
  manualSeed(2);
  const layers = [4, 4, 4].flatMap((n) => [
    new nn.Conv2d(n, n, { kernelSize: 3, padding: 1 }),
    new nn.BatchNorm2d(n),
    new nn.ReLU(),
    new nn.Dropout({ p: 0.2 }),
  ]);
  return new nn.Sequential(...layers);
}

describe('checkpoint', () => {
  let net: nn.Sequential;
  let input: Tensor;
  let start: { tensors: number; bytes: number };
  before(() => {
    net = network();
    input = keep(randn([2, 4, 8, 8], { requiresGrad: true }));
    step(false);
  });
  beforeEach(() => {
    start = memory();
  });
  const held = (): [number, number] => [memory().tensors - start.tensors, memory().bytes - start.bytes];

  /** Leaves the gradients where they are: every step holds as much as the one before. */
  function step(useReentrant: boolean | undefined): number {
    return scope(() => {
      const run = (x: Tensor): Tensor => net.call(x);
      const y = useReentrant === undefined ? run(input) : checkpoint(run, input, { useReentrant });
      y.square().sum().backward();
      return y.numel();
    });
  }

  for (const useReentrant of modes) {
    const name = useReentrant ? 'with reentrance' : 'without reentrance';

    it(`${name} holds the input, the result and the state of the generator after forward`, () => {
      scope(() => {
        const x = randn([2, 4, 8, 8], { requiresGrad: true });
        const y = checkpoint((a: Tensor) => net.call(a), x, { useReentrant });
        const bytes = 2 * x.numel() * 4 + 5056;
        // The counters of three batch norms are new tensors of the same size.
        assert.equal(held()[1], bytes);
        scope(() => y.sum().backward());
        y.dispose();
        assert.equal(held()[1], 2 * x.numel() * 4); // the input and its gradient
      });
      assert.deepEqual(held(), [0, 0]);
    });

    it(`${name} leaves nothing behind in a thousand steps`, function () {
      this.timeout(300_000);
      for (let i = 0; i < 1000; ++i) {
        scope(() => {
          const y = checkpoint((x: Tensor) => x.exp().sin().exp(), input, { useReentrant });
          y.sum().backward();
        });
        assert.deepEqual(held(), [0, 0]);
      }
      for (let i = 0; i < 20; ++i) step(useReentrant);
      assert.deepEqual(held(), [0, 0]);
    });

    it(`${name} takes an exception of the function, in forward and in the recomputation`, () => {
      const failure = new Error('out of luck');
      let left = 0;
      const fails = (x: Tensor): Tensor => {
        const y = x.exp().exp();
        if (left-- === 0) throw failure;
        return y.exp();
      };
      for (const when of [0, 1]) {
        left = when;
        const thrown: unknown[] = [];
        scope(() => {
          try {
            checkpoint(fails, input, { useReentrant }).sum().backward();
          } catch (error) {
            thrown.push(error);
          }
        });
        assert.equal(thrown[0], failure);
        assert.match(failure.stack ?? '', /checkpoint\.test\.ts/);
        assert.deepEqual(held(), [0, 0]);
        step(useReentrant);
        assert.deepEqual(held(), [0, 0]);
      }
    });

    it(`${name} takes an error of an operator in the recomputation, with its stack`, () => {
      let run = 0;
      function broken(x: Tensor): Tensor {
        return run++ === 0 ? x.exp().exp().exp().exp() : x.exp().matmul(x.flatten());
      }
      scope(() => {
        const y = checkpoint(broken, input, { useReentrant });
        const find = (error: Error): boolean =>
          error instanceof TorchError && error.message.startsWith('matmul: ') && /broken \(/.test(error.stack ?? '');
        assert.throws(() => y.sum().backward(), find);
      });
      assert.deepEqual(held(), [0, 0]);
      step(useReentrant);
      assert.deepEqual(held(), [0, 0]);
    });

    it(`${name} says what to do about a tensor whose scope has ended`, () => {
      scope(() => {
        const y = scope(() => {
          const factor = randn([8]);
          return checkpoint((x: Tensor) => x.exp().mul(factor), input, { useReentrant });
        });
        assert.throws(
          () => y.sum().backward(),
          /this tensor was released.*A checkpointed function runs again.*keep\(\)/,
        );
      });
      assert.deepEqual(held(), [0, 0]);
    });

    it(`${name} holds tensors in arrays and objects among the inputs`, () => {
      scope(() => {
        const y = scope(() => {
          const [a, b] = [randn([8]), randn([8])];
          const fn = (x: Tensor, list: readonly Tensor[], given: { deep: { b: Tensor } }): Tensor =>
            x.exp().mul(list[0]!).exp().mul(given.deep.b);
          return checkpoint(fn, input, [a], { deep: { b } }, { useReentrant });
        });
        y.sum().backward();
      });
      assert.deepEqual(held(), [0, 0]);
    });
  }

  it('holds nothing of what is made inside: releases it with the function', () => {
    scope(() => {
      let inside: Tensor | undefined;
      const y = checkpoint(
        (x: Tensor) => {
          inside = x.exp();
          return inside.sin();
        },
        input,
        { useReentrant: false },
      );
      assert.equal(inside?.isDisposed, true);
      assert.equal(y.isDisposed, false);
    });
  });

  it('refuses functions that go on later, and what is no function', () => {
    const later = (x: Tensor): Promise<Tensor> => Promise.resolve(x.exp());
    for (const useReentrant of modes) {
      assert.throws(() => checkpoint(later, input, { useReentrant }), /Expected a synchronous function/);
    }
    assert.throws(
      () => checkpoint(3 as never, input, { useReentrant: false }),
      /Expected a function but received number/,
    );
    const misspelt = { useReentrant: false, preserveRNGState: true } as never;
    assert.throws(
      () => checkpoint((x: Tensor) => x, input, misspelt),
      /Unexpected keyword arguments: preserveRNGState/,
    );
  });

  it('throws a CheckpointError, which is a TorchError', () => {
    let run = 0;
    scope(() => {
      const y = checkpoint((x: Tensor) => (run++ === 0 ? x.exp().exp() : x.exp()), input, { useReentrant: false });
      assert.throws(
        () => y.sum().backward(),
        (error) => error instanceof CheckpointError && error.code === 'runtime',
      );
    });
  });
});

describe('saved-tensor hooks', () => {
  it('keep what pack returns as long as the graph, to the byte', () => {
    const x = keep(randn([100], { requiresGrad: true }));
    scope(() => x.exp().sum().backward());
    const start = memory();
    const held = (): [number, number] => [memory().tensors - start.tensors, memory().bytes - start.bytes];
    scope(() => {
      const half = (t: Tensor): { list: Tensor[]; deep: Map<string, Tensor> } => ({
        list: [t.to('float16')],
        deep: new Map([['double', t.to('float64')]]),
      });
      const y = savedTensorsHooks(
        half,
        ({ deep }) => deep.get('double')!.to('float32'),
        () => x.exp(),
      );
      assert.deepEqual(held(), [3, 400 + 200 + 800]);
      scope(() => y.sum().backward());
      assert.deepEqual(held()[1], 400);
      y.dispose();
      assert.deepEqual(held(), [0, 0]);
      // A tensor that is packed as it is, though its history is the node that keeps it.
      const z = savedTensorsHooks(
        (t) => t,
        (t) => t,
        () => x.exp(),
      );
      z.dispose();
      assert.deepEqual(held(), [0, 0]);
      for (let i = 0; i < 1000; ++i) {
        savedTensorsHooks(
          (t) => [t, t.mul(2)],
          ([t]) => t!,
          () => x.exp().sin(),
        )
          .sum()
          .backward();
      }
    });
    assert.deepEqual(held(), [0, 0]);
    x.dispose();
  });

  it('take numbers and functions, and refuse what is none', () => {
    assert.throws(
      () =>
        savedTensorsHooks(
          1 as never,
          (t: Tensor) => t,
          () => 0,
        ),
      /Expected a function but received number/,
    );
  });
});

describe('autocast', () => {
  it('casts convolutions and products, and nothing once it has ended', () => {
    scope(() => {
      const conv = new nn.Conv2d(3, 4, { kernelSize: 3 });
      const x = randn([1, 3, 8, 8]);
      assert.equal(autocast('cpu', { dtype: 'bfloat16' }, () => conv.call(x)).dtype, 'bfloat16');
      assert.equal(autocast('cpu', () => autocast('cpu', { enabled: false }, () => conv.call(x))).dtype, 'float32');
      assert.throws(
        () => autocast('cpu', () => Promise.resolve(conv.call(x))),
        /Expected a synchronous function for autocast/,
      );
      assert.throws(
        () =>
          autocast('cpu', () => {
            throw new Error('inside');
          }),
        /inside/,
      );
      assert.equal(conv.call(x).dtype, 'float32');
    });
  });
});
