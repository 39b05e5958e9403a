import assert from 'node:assert/strict';
import { DenseBlock, type DenseNet, type DenseNetOptions } from '../../../lib/models/index.js';
import { native } from '../../../lib/native/load.js';
import { BatchNorm2d } from '../../../lib/nn/index.js';
import { writeTape } from '../../../lib/tensor/tape.js';
import { tensorAt } from '../../../lib/tensor/tensor.js';
import {
  autograd,
  getNumThreads,
  memory,
  noGrad,
  randint,
  randn,
  scope,
  setNumThreads,
  tensor,
  TorchError,
  type Tensor,
} from '../../../lib/tensor/index.js';
import { assertClose, numbers, relativeError, results, type Way } from './fused-runs.js';

/** In float64 the two ways differ by rounding alone. */
function assertSame(way: Way): void {
  assertClose(results('fused', 'float64', way), results('none', 'float64', way), 1e-8);
}

const eachNorm = (change: (norm: BatchNorm2d, index: number) => void) => (model: DenseNet) => {
  const norms = model.modules().filter((each) => each instanceof BatchNorm2d);
  for (const [index, norm] of norms.entries()) change(norm, index);
};

describe('fused dense blocks', () => {
  let threads = 0;
  before(() => {
    threads = getNumThreads();
    setNumThreads(2);
  });
  after(() => setNumThreads(threads));

  it('compute what the layers compute: bottlenecks and none, small and odd pictures', () => {
    assertSame({ steps: 2 });
    assertSame({ options: { bottleneck: false } });
    assertSame({ size: 9, options: { growthRate: 17, bnSize: 1, numInitFeatures: 3 } });
    assertSame({ size: 5, options: { growthRate: 1, bnSize: 2, blockConfig: [2] } });
    assertSame({
      size: 40,
      options: { style: 'torchvision', growthRate: 20, numInitFeatures: 40, smallInputs: false },
    });
  });

  it('compute what the layers compute on odd inputs: one pixel, other formats, views, odd sizes before a mean', () => {
    const image: DenseNetOptions = { style: 'torchvision', smallInputs: false, growthRate: 4, numInitFeatures: 8 };
    assertSame({ last: true });
    assertSame({ size: 33, options: image });
    assertSame({ size: 32, options: { ...image, blockConfig: [2, 2, 2, 2] } });
    assertSame({ size: 32, last: true, options: { ...image, blockConfig: [2, 2, 2, 2] } });
    assertSame({ size: 2, options: { blockConfig: [2, 2] } });
    assertSame({ size: 1, options: { blockConfig: [3] } });
    assertSame({ size: 1, options: { blockConfig: [3], bottleneck: false } });
    const block = new DenseBlock(2, 5, { growthRate: 3, bnSize: 2, dropRate: 0, version: 2, efficient: 'fused' });
    const plain = new DenseBlock(2, 5, { growthRate: 3, bnSize: 2, dropRate: 0, version: 2 });
    block.to('float64');
    plain.to('float64').loadStateDict(block.stateDict());
    scope(() => {
      const wide = randn([2, 12, 6, 14], { dtype: 'float64' });
      const views = [
        wide.narrow(1, 3, 5),
        wide.narrow(1, 0, 5).transpose(2, 3),
        wide.narrow(3, 1, 6).narrow(1, 0, 5),
        wide.narrow(1, 0, 1).expand([2, 5, 6, 14]),
        wide.narrow(1, 0, 5).contiguous({ memoryFormat: 'channels_last' }).narrow(2, 1, 3),
      ];
      for (const view of views) {
        const ends = [block, plain].map((each) => {
          const x = view.detach().requiresGrad_();
          const y = each.call(x);
          y.mul(y).transpose(0, 1).sum().backward();
          return [numbers(y), numbers(x.grad!)];
        });
        for (const i of [0, 1]) assert.ok(relativeError(ends[0]![i]!, ends[1]![i]!) < 1e-10, view.shape.join());
      }
    });
  });

  it('in evaluation, with frozen norms, without affine parameters or statistics, with the mean of all batches', () => {
    assertSame({ prepare: (model) => model.eval() });
    assertSame({ steps: 2, prepare: eachNorm((norm, index) => index % 3 === 0 && norm.eval()) });
    const change = (fields: Partial<BatchNorm2d>) => eachNorm((norm) => Object.assign(norm, fields));
    assertSame({ steps: 3, prepare: change({ momentum: null }) });
    assertSame({ prepare: change({ eps: 0.1, momentum: 0.7 }) });
    assertSame({ prepare: change({ running_mean: null, running_var: null, num_batches_tracked: null }) });
    assertSame({ prepare: change({ weight: null, bias: null }) });
  });

  it('drops the same outputs', () => {
    assertSame({ steps: 2, options: { dropRate: 0.4 } });
    assertSame({ options: { dropRate: 0.4 }, prepare: (model) => model.eval() });
  });

  it('gives gradients to those who ask only', () => {
    const frozen = (part: RegExp) => (model: DenseNet) => {
      for (const [name, parameter] of model.namedParameters()) if (part.test(name)) parameter.requiresGrad = false;
    };
    assertSame({ prepare: frozen(/norm/) });
    assertSame({ prepare: frozen(/conv[012]/) });
    assertSame({ prepare: frozen(/conv0|denseblock1|transition1|denselayer2/) });
    assertSame({ prepare: frozen(/^features/) });
  });

  it('give the same bits each time, and give their output in channels_last', () => {
    const way = { options: { dropRate: 0.2 }, steps: 2 };
    assert.deepEqual(results('fused', 'float32', way), results('fused', 'float32', way));
    scope(() => {
      const block = new DenseBlock(2, 5, { growthRate: 3, bnSize: 4, dropRate: 0, version: 2, efficient: 'fused' });
      const x = randn([2, 5, 6, 7]);
      const y = block.call(x);
      assert.deepEqual(y.shape, [2, 11, 6, 7]);
      assert.ok(y.isContiguous('channels_last'));
      assert.equal(y.gradFn?.name, 'DenseBlockBackward');
      const last = x.contiguous({ memoryFormat: 'channels_last' });
      assert.deepEqual(numbers(block.call(last)), numbers(y));
      assert.deepEqual(numbers(noGrad(() => block.call(x))), numbers(y));
    });
  });

  const makeBlock = (): DenseBlock =>
    new DenseBlock(3, 8, { growthRate: 4, bnSize: 2, dropRate: 0, version: 2, efficient: 'fused' });

  it('keep the features and the bottlenecks, nothing else, and no step more than the one before', () => {
    scope(() => {
      const block = makeBlock();
      const x = randn([2, 8, 16, 16]);
      const held = (): number => {
        const before = memory();
        return scope(() => {
          const y = block.call(x);
          const after = memory();
          assert.equal(after.tensors - before.tensors, 1);
          y.sum().backward();
          return after.bytes - before.bytes;
        });
      };
      const pixels = 2 * 16 * 16;
      assert.equal(held(), pixels * (8 + 3 * 4 + 3 * 8) * 4);
      const first = memory();
      for (let i = 0; i < 200; i++) held();
      const last = memory();
      assert.deepEqual([last.tensors, last.bytes], [first.tensors, first.bytes]);
      noGrad(() => {
        const before = memory().bytes;
        const y = block.call(x);
        assert.equal(memory().bytes - before, pixels * (8 + 3 * 4) * 4);
        y.dispose();
      });
    });
  });

  it('say what cannot be: second derivatives, a second backward, inputs changed in place', () => {
    scope(() => {
      const block = makeBlock();
      const x = randn([2, 8, 4, 4], { requiresGrad: true });
      const [gradient] = autograd.grad([block.call(x).sum()], [x], { createGraph: true });
      assert.throws(() => gradient!.sum().backward(), /can be differentiated once only/);
      const y = block.call(x).sum();
      y.backward({ retainGraph: true });
      const once = numbers(x.grad!);
      y.backward();
      assert.ok(
        relativeError(
          numbers(x.grad!),
          once.map((each) => 2 * each),
        ) < 1e-6,
      );
      assert.throws(() => y.backward(), /second time/);
      const z = block.call(x);
      const loss = z.mul(z).sum();
      noGrad(() => block.parameters()[2]!.add_(1));
      assert.throws(() => loss.backward(), /modified by an inplace operation/);
      const w = block.call(x);
      const changed = w.mul_(2).sum();
      assert.throws(() => changed.backward(), /modified by an inplace operation/);
    });
  });

  it('let the layers do it where a module has hooks, a norm has one value, or the dtype is another', () => {
    scope(() => {
      const block = makeBlock();
      const x = randn([2, 8, 4, 4]);
      const layer = block.children()[1]!;
      let calls = 0;
      const handle = layer.registerForwardHook(() => {
        calls++;
      });
      assert.equal(block.call(x).gradFn?.name, 'CatBackward0');
      handle.remove();
      assert.equal(block.call(x).gradFn?.name, 'DenseBlockBackward');
      assert.equal(calls, 1);
      assert.throws(() => block.call(randn([1, 8, 1, 1])), /Expected more than 1 value per channel when training/);
      assert.throws(() => block.call(randn([2, 7, 4, 4])), TorchError);
      assert.throws(() => block.call(x.to('bfloat16')), TorchError);
      assert.deepEqual(block.eval().call(randn([1, 8, 1, 1])).shape, [1, 20, 1, 1]);
      assert.deepEqual(block.call(randn([0, 8, 4, 4])).shape, [0, 20, 4, 4]);
    });
  });

  it('refuse at the addon whatever does not fit', () => {
    scope(() => {
      const x = randn([2, 3, 4, 4]);
      const good = (): (Tensor | null)[] => [
        x,
        ...[randn([3]), randn([3]), null, null, randn([4, 3, 1, 1])],
        ...[randn([4]), null, randn([4]), randn([4]), randn([2, 4, 3, 3])],
      ];
      const settings = [1, 0.1, 1e-5, 1, 0.1, 1e-5, 0];
      const call = (tensors: unknown[], values: unknown[] = settings): number => {
        writeTape(tensors, values);
        return native.denseBlock();
      };
      native.release(call(good()));
      const bad: unknown[] = [
        null,
        randn([3, 4, 4]),
        randn([0, 3, 4, 4]),
        randn([2, 3, 4, 4], { device: 'meta' }),
        x.to('int32'),
        x.to('complex64'),
        x.toSparse(),
        tensor(1),
        randn([5]),
        randn([4, 5, 2, 2]),
        randn([4, 4, 3, 3], { dtype: 'float64' }),
        randint(0, 2, [3]),
        randn([2, 1, 3, 3]).expand([2, 5, 3, 3]),
      ];
      for (let i = 0; i < 11; i++) {
        for (const each of bad) {
          if (each === null && i !== 0 && i !== 5) continue;
          const given: unknown[] = good();
          given[i] = each;
          assert.throws(() => call(given), TorchError, `argument ${i}`);
        }
      }
      assert.throws(() => call(good().slice(1)), TorchError);
      assert.throws(() => call([x], []), TorchError);
      assert.throws(() => call([], []), TorchError);
      assert.throws(() => call(good(), settings.slice(1)), TorchError);
      assert.throws(() => call(good(), ['a', ...settings.slice(1)]), TorchError);
      assert.throws(() => call(good(), [0, ...settings.slice(1)]), TorchError);
      assert.throws(() => call(good(), [...settings.slice(0, 6), NaN]), TorchError);
      assert.throws(() => call(good(), [...settings.slice(0, 6), 2]), TorchError);
    });
  });

  it('refuse at the addon what does not fit norm, ReLU and mean; second derivatives, a second backward, changed inputs', () => {
    scope(() => {
      const x = randn([2, 3, 4, 4], { requiresGrad: true });
      const good = (): (Tensor | null)[] => [x, randn([3]), null, randn([3]), randn([3])];
      const settings = [1, 0.1, 1e-5, 2, 2];
      const call = (tensors: unknown[], values: unknown[] = settings): Tensor => {
        writeTape(tensors, values);
        return tensorAt(native.fusedNormPool());
      };
      assert.deepEqual(call(good()).shape, [2, 3, 2, 2]);
      const bad = [
        randn([3, 4, 4]),
        randn([0, 3, 4, 4]),
        randn([2, 3, 1, 4]),
        x.to('int32'),
        x.toSparse(),
        randn([5]),
        randint(0, 2, [3]),
        randn([3], { device: 'meta' }),
      ];
      for (let i = 0; i < 5; i++) {
        for (const each of bad) {
          const given: unknown[] = good();
          given[i] = each;
          assert.throws(() => call(given), TorchError, `argument ${i}`);
        }
      }
      for (const window of [0, 1.5, -1, NaN, 5, 1e300, 'a']) {
        assert.throws(() => call(good(), [1, 0.1, 1e-5, window, 2]), TorchError, String(window));
      }
      assert.throws(() => call(good().slice(1)), TorchError);
      assert.throws(() => call([], []), TorchError);
      assert.throws(() => call([x, null, null, null, null], [0, 0, 1e-5, 2, 2]), TorchError);
      const y = call(good()).sum();
      y.backward();
      assert.throws(() => y.backward(), /second time/);
      const [gradient] = autograd.grad([call(good()).sum()], [x], { createGraph: true });
      assert.throws(() => gradient!.sum().backward(), /can be differentiated once only/);
      const source = x.mul(1);
      const z = call([source, ...good().slice(1)]).sum();
      noGrad(() => source.add_(1));
      assert.throws(() => z.backward(), /modified by an inplace operation/);
    });
  });

  it('learn as well as the layers', function () {
    this.timeout(300_000);
    const losses = (['none', 'fused'] as const).map((efficient) => {
      const found = results(efficient, 'float32', { steps: 3 });
      return [...found].filter(([name]) => name.endsWith('loss')).map(([, [loss = NaN]]) => loss);
    });
    for (const [i, loss] of losses[0]!.entries()) assert.ok(Math.abs(loss - losses[1]![i]!) < 1e-4 * Math.abs(loss));
  });
});
