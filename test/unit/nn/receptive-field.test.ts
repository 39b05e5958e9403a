import assert from 'node:assert/strict';
import { cifarDenseNet, getModel, NotesInception } from '../../../lib/models/index.js';
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  Conv1d,
  Conv2d,
  MaxPool2d,
  Module,
  receptiveField,
  ReLU,
  Sequential,
  ZeroPad2d,
} from '../../../lib/nn/index.js';
import { memory, noGrad, rand, scope, Tensor } from '../../../lib/tensor/index.js';
import { freeModule } from '../../parity/models/networks.js';

/** First and last index that are not 0. */
function support(values: readonly number[]): [number, number] {
  return [values.findIndex((each) => each !== 0), values.findLastIndex((each) => each !== 0)];
}

/**
 * The field by gradients: weights above 0, so that nothing cancels out and ReLU lets all through; many pictures, so that each place of
 * a window is its largest once.
 */
function bruteForce(
  net: Module,
  featuresOf: (x: Tensor) => Tensor,
  input: readonly number[],
  at: readonly number[],
): [number, number][] {
  return scope(() => {
    net.eval();
    noGrad(() => {
      for (const each of net.parameters()) each.uniform_(0.5, 1).div_(each.ndim > 1 ? each.numel() : 1);
    });
    const x = rand([24, ...input.slice(1)], { dtype: 'float64', requiresGrad: true });
    let place = featuresOf(x).sum([0, 1]);
    for (const index of at) place = place.select(0, index);
    place.backward();
    const seen = x.grad!.abs().sum([0, 1]);
    return at.map((_, axis) => {
      const others = at.map((__, index) => index).filter((index) => index !== axis);
      return support((others.length > 0 ? seen.sum(others) : seen).toArray() as number[]);
    });
  });
}

/** Compares at a place in the middle, where the field has no borders. */
function check(
  net: Module,
  featuresOf: (x: Tensor) => Tensor,
  input: readonly number[],
  map?: readonly number[],
): void {
  net.to('float64');
  const before = memory().tensors;
  const { size, stride, start, featureMap, unknown } = receptiveField(net, input);
  assert.equal(memory().tensors, before);
  assert.deepEqual(unknown, []);
  if (map !== undefined) assert.deepEqual(featureMap.slice(2), map);
  const at = featureMap.slice(2).map((places) => Math.floor(places / 2));
  const expected = at.map((place, axis) => {
    const low = start[axis]! + place * stride[axis]!;
    return [low, low + size[axis]! - 1] as [number, number];
  });
  for (const [axis, [low, high]] of expected.entries())
    assert.ok(low >= 0 && high < input[axis + 2]!, `the picture is larger than the field: ${low} to ${high}`);
  assert.deepEqual(bruteForce(net, featuresOf, input, at), expected);
  freeModule(net);
}

class Branches extends Module {
  readonly wide = new Conv2d(2, 3, { kernelSize: [3, 5], padding: [1, 2] });
  readonly deep = new Sequential(
    new Conv2d(2, 3, { kernelSize: 3, padding: 2, dilation: 2 }),
    new ReLU(),
    new Conv2d(3, 3, { kernelSize: 1 }),
  );

  forward(x: Tensor): Tensor {
    return this.wide
      .call(x)
      .add(this.deep.call(x))
      .add(x.narrow(1, 0, 1).contiguous());
  }
}

describe('receptive field', function () {
  this.timeout(30_000);

  it('of windows with strides, borders and dilation is where gradients come from', () => {
    const net = new Sequential(
      new ZeroPad2d([2, 0, 1, 3]),
      new Conv2d(2, 3, { kernelSize: [5, 3], stride: [2, 1], padding: [1, 0], dilation: [1, 2] }),
      new ReLU(),
      new MaxPool2d({ kernelSize: 3, stride: 2, padding: 1 }),
      new Conv2d(3, 3, { kernelSize: 5, padding: 'same' }),
      new AvgPool2d({ kernelSize: [2, 3], stride: 1 }),
      new AdaptiveAvgPool2d([4, 5]),
    );
    check(net, (x) => net.call(x), [1, 2, 63, 56]);
  });

  it('of one dimension', () => {
    const net = new Sequential(
      new Conv1d(1, 2, { kernelSize: 7, stride: 3 }),
      new Conv1d(2, 2, { kernelSize: 3, stride: 2, padding: 1 }),
    );
    check(net, (x) => net.call(x), [1, 1, 64]);
  });

  it('of branches is the largest, and an operator without a rule is told', () => {
    const net = new Branches();
    const { size, unknown, layers } = receptiveField(net, [1, 2, 20, 20]);
    assert.deepEqual([size, unknown], [[5, 5], ['narrow']]);
    assert.deepEqual(
      layers.map((layer) => [layer.name, layer.size]),
      [
        ['wide', [3, 5]],
        ['deep.0', [5, 5]],
        ['deep.1', [5, 5]],
        ['deep.2', [5, 5]],
      ],
    );
    freeModule(net);
  });

  it('of an Inception block', () => {
    const net = new NotesInception(2, 1, [1, 1], [1, 1], 1);
    check(net, (x) => net.call(x), [1, 2, 12, 12]);
  });

  it('of LeNet', () => {
    const net = getModel('lenet');
    check(net, (x) => net.conv.call(x), [1, 1, 32, 32], [5, 5]);
  });

  it('of a small DenseNet', () => {
    const net = cifarDenseNet({ depth: 10, growthRate: 2 });
    check(net, (x) => net.features.call(x), [1, 3, 64, 64], [16, 16]);
  });

  it('of the published networks', () => {
    const published = { resnet18: 435, resnet50: 427, vgg16: 212, alexnet: 195, densenet121: 2071 } as const;
    for (const name of ['resnet18', 'densenet121'] as const) {
      scope(() => {
        const net = getModel(name);
        const { size, stride, featureMap } = receptiveField(net, [1, 3, 64, 64]);
        assert.deepEqual(
          [size, stride],
          [
            [published[name], published[name]],
            [32, 32],
          ],
          name,
        );
        assert.deepEqual(featureMap.slice(2), [2, 2]);
        freeModule(net);
      });
    }
  });
});
