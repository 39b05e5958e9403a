import assert from 'node:assert/strict';
import {
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  functional,
  init,
  Linear,
  MaxPool2d,
  ReLU,
  type Layer,
} from '../../../lib/nn/index.js';
import { empty, manualSeed, memory, noGrad, ones, randn, scope, tensor, zeros } from '../../../lib/tensor/index.js';

describe('layers', () => {
  it('each call leaves one tensor, its result', () => {
    const layers: [Layer, number[]][] = [
      [new Conv2d(2, 3, { kernelSize: 3 }), [1, 2, 5, 5]],
      [new Conv2d(2, 3, { kernelSize: 3, padding: 1, paddingMode: 'circular' }), [1, 2, 5, 5]],
      [new BatchNorm2d(2), [3, 2, 4, 4]],
      [new BatchNorm2d(2, { momentum: null }), [3, 2, 4, 4]],
      [new Linear(3, 2), [4, 3]],
      [new ReLU(), [4]],
      [new Dropout(), [4]],
    ];
    for (const [layer, shape] of layers) {
      const x = randn(shape);
      const before = memory().tensors;
      const y = noGrad(() => layer.call(x));
      assert.equal(memory().tensors, before + 1, String(layer));
      y.dispose();
    }
  });

  it('refuse in one line what callers without types get wrong', () => {
    type Loose = new (...given: unknown[]) => Layer;
    const cases: [layer: unknown, given: unknown[], message: string | RegExp][] = [
      [Conv2d, [3, 2], 'Conv2d needs the option kernelSize'],
      [Conv2d, [3, 2, 3], 'Conv2d takes its options in an object ({ kernelSize, stride, ... }), but got number'],
      [Conv2d, [3, 2, { kernel_size: 3 }], 'Conv2d has no option kernel_size; did you mean kernelSize?'],
      [Conv2d, [3, 2, { kernelSize: '3' }], 'expected a number or [height, width], but got string'],
      [Conv2d, [3, 2, { kernelSize: [3] }], 'expected a number or [height, width], but got 1 values'],
      [BatchNorm2d, [3, { track_running_stats: false }], /no option track_running_stats; did you mean trackRunning/],
      [Linear, [3, 2, false], 'Linear takes its options in an object ({ bias, dtype, ... }), but got boolean'],
      [Linear, [3, 2, null], 'Linear takes its options in an object ({ bias, dtype, ... }), but got null'],
      [MaxPool2d, [], 'MaxPool2d needs the option kernelSize'],
      [AvgPool2d, [2], 'AvgPool2d takes its options in an object ({ kernelSize, stride, ... }), but got number'],
      [Dropout, [{ P: 1 }], 'Dropout has no option P; did you mean p?'],
      [ReLU, [true], 'ReLU takes its options in an object ({ inplace, ... }), but got boolean'],
      [Flatten, [{ start: 1 }], 'Flatten has no option start; it knows startDim, endDim'],
    ];
    for (const [layer, given, message] of cases)
      assert.throws(() => new (layer as Loose)(...given), { name: 'TorchError', code: 'type', message });
  });

  it('batch norm keeps running statistics of training, and uses them in evaluation', () => {
    const norm = new BatchNorm2d(1, { momentum: 0.5 });
    const x = tensor([1, 3, 5, 7]).reshape([4, 1, 1, 1]);
    norm.call(x);
    assert.equal(norm.running_mean?.item(), 2);
    assert.equal(norm.num_batches_tracked?.item(), 1);
    norm.eval();
    const y = norm.call(x);
    assert.equal(norm.num_batches_tracked.item(), 1);
    const deviation = Math.sqrt(norm.running_var!.item() + 1e-5);
    assert.ok(Math.abs(y.select(0, 0).item() - (1 - 2) / deviation) < 1e-6);
  });

  it('batch norm without momentum takes the mean of all batches', () => {
    const norm = new BatchNorm2d(1, { momentum: null });
    for (const value of [1, 2, 6]) norm.call(tensor([value, value]).reshape([2, 1, 1, 1]));
    assert.ok(Math.abs(norm.running_mean!.item() - 3) < 1e-6);
    norm.resetRunningStats();
    assert.equal(norm.running_mean?.item(), 0);
    assert.equal(norm.num_batches_tracked?.item(), 0);
  });

  it('dropout returns its input where there is nothing to drop', () => {
    const x = ones([8]);
    assert.equal(functional.dropout(x, { training: false }), x);
    assert.equal(functional.dropout(x, { p: 0 }), x);
    assert.equal(new Dropout({ inplace: true }).call(x), x);
    assert.ok((x.toArray() as number[]).every((value) => value === 0 || value === 2));
  });

  it('in-place ReLU returns the object that it changed', () => {
    const x = tensor([-1, 2]);
    assert.equal(new ReLU({ inplace: true }).call(x), x);
    assert.deepEqual(x.toArray(), [0, 2]);
  });

  it('initialises a weight of any memory format alike', () => {
    manualSeed(1);
    const plain = new Conv2d(3, 4, { kernelSize: 3 });
    const other = new Conv2d(3, 4, { kernelSize: 3 });
    other.to({ memoryFormat: 'channels_last' });
    manualSeed(1);
    other.resetParameters();
    assert.deepEqual(other.weight.toArray(), plain.weight.toArray());
  });

  it('refuses fans of vectors and unknown nonlinearities', () => {
    assert.deepEqual(init.calculateFans(zeros([4, 3, 2, 2])), { fanIn: 12, fanOut: 16 });
    assert.throws(() => init.calculateFans(zeros([4])), /fewer than 2 dimensions/);
    assert.throws(() => init.calculateGain('selu2' as never), /Unsupported nonlinearity selu2/);
  });

  it('fills in place without recording', () => {
    const weight = scope(() => init.ones_(empty([2], { requiresGrad: true })));
    assert.ok(weight.isLeaf);
    assert.deepEqual(weight.toArray(), [1, 1]);
  });
});
