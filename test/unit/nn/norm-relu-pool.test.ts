import assert from 'node:assert/strict';
import { BatchNorm2d, MaxPool2d, ReLU } from '../../../lib/nn/index.js';
import { normReluPool } from '../../../lib/nn/norm-relu-conv.js';
import {
  type DType,
  getNumThreads,
  manualSeed,
  noGrad,
  randn,
  scope,
  setNumThreads,
} from '../../../lib/tensor/index.js';
import { bits } from '../models/efficient-ways.js';

describe('nn: norm, ReLU and max pooling as one function', () => {
  const threads = getNumThreads();
  after(() => {
    setNumThreads(threads);
  });

  /** Values and gradients. */
  function results(dtype: DType, sides: readonly [number, number], asOne: boolean): string[] {
    return scope(() => {
      manualSeed(5);
      const x = randn([2, 3, ...sides], { dtype });
      // Steps of a half: many equals, and ReLU makes many zeros of its own.
      noGrad(() => {
        x.mul_(2).round_().div_(2);
        const flat = x.view([-1]);
        for (const at of [0, 1, 9, 10, 40]) flat.select(0, at % flat.shape[0]!).fill_(NaN);
      });
      x.requiresGrad_();
      const norm = new BatchNorm2d(3).to(dtype).eval();
      const [relu, pool] = [new ReLU({ inplace: true }), new MaxPool2d({ kernelSize: 3, stride: 2, padding: 1 })];
      const out = asOne ? normReluPool(x, norm, relu, pool) : pool.call(relu.call(norm.call(x)));
      assert.ok(out, 'not taken');
      // Other gradients for each, so that x's say where the largest values were.
      const weight = randn(out.shape, { dtype });
      out.mul(weight).sum().backward();
      return [bits(out), bits(x.grad!)];
    });
  }

  for (const dtype of ['float32', 'float64', 'bfloat16'] as const) {
    it(`gives the bits of the modules in ${dtype}, with equals and NaN, on sides odd and even`, () => {
      for (const count of [1, 2]) {
        setNumThreads(count);
        for (const sides of [
          [7, 9],
          [8, 40],
          [37, 34],
          [1, 9],
          [9, 1],
          [2, 2],
          [3, 3],
        ] as const) {
          assert.deepEqual(results(dtype, sides, true), results(dtype, sides, false), `${count} ${String(sides)}`);
        }
      }
    });
  }

  it('leaves other windows to libtorch', () => {
    scope(() => {
      const x = randn([1, 2, 8, 8]).requiresGrad_();
      const [norm, relu] = [new BatchNorm2d(2).eval(), new ReLU()];
      for (const options of [
        { kernelSize: 2, stride: 2 },
        { kernelSize: 3, stride: 1, padding: 1 },
        { kernelSize: 3, stride: 2, padding: 1, ceilMode: true },
        { kernelSize: 3, stride: 2, padding: 1, dilation: 2 },
      ]) {
        const pool = new MaxPool2d(options);
        const plain = pool.call(relu.call(norm.call(x)));
        assert.equal(bits(normReluPool(x, norm, relu, pool)!), bits(plain));
      }
    });
  });
});
