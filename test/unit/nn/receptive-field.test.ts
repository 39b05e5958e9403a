import assert from 'node:assert/strict';
import { cifarDenseNet, getModel, NotesInception } from '../../../lib/models/index.js';
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  Conv1d,
  Conv2d,
  ConvTranspose1d,
  ConvTranspose2d,
  MaxPool2d,
  Module,
  PixelShuffle,
  PixelUnshuffle,
  receptiveField,
  ReLU,
  Sequential,
  Upsample,
  type UpsampleOptions,
  ZeroPad2d,
} from '../../../lib/nn/index.js';
import { autograd, memory, noGrad, ops, rand, scope, Tensor } from '../../../lib/tensor/index.js';
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

/** Compares at many places, one phase after the other: the largest field, and how far the fields move. */
function checkPhases(net: Module, input: readonly number[], [from, to]: readonly [number, number]): void {
  net.to('float64');
  const { size, stride, unknown } = receptiveField(net, input);
  assert.deepEqual(unknown, []);
  const places = Array.from({ length: to - from }, (_, i) => from + i);
  const seen = scope(() => {
    for (const each of net.parameters()) each.detach().uniform_(0.5, 1);
    const x = rand(input, { dtype: 'float64', requiresGrad: true });
    const sums = (net.call(x) as Tensor).sum([0, 1]);
    return places.map((place) => {
      const [gradient] = autograd.grad(sums.select(0, place), x, { retainGraph: true });
      return support(gradient!.abs().sum([0, 1]).toArray() as number[]);
    });
  });
  const sizes = seen.map(([low, high]) => high - low + 1);
  assert.deepEqual(size, [Math.max(...sizes)], sizes.join());
  const [first, last] = [seen[0]!, seen.at(-1)!];
  assert.equal((last[1] - first[1]) / (to - from - 1), stride[0]);
  assert.ok(first[0] > 0 && last[1] < input[2]! - 1, 'no borders');
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

/** A way around by half the size. */
class UNet extends Module {
  readonly down = new Sequential(
    new Conv2d(4, 4, { kernelSize: 3, padding: 1 }),
    new MaxPool2d({ kernelSize: 2 }),
    new Conv2d(4, 4, { kernelSize: 3, padding: 1 }),
  );
  readonly up = new ConvTranspose2d(4, 4, { kernelSize: 2, stride: 2 });
  readonly last = new Conv2d(8, 2, { kernelSize: 3, padding: 1 });

  forward(x: Tensor): Tensor {
    return this.last.call(ops.cat([x, this.up.call(this.down.call(x))], 1));
  }
}

describe('receptive field', function () {
  this.timeout(300_000);

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

  it('of what enlarges is where gradients come from, at every phase', () => {
    const conv = (kernelSize: number, stride = 1): Conv1d => new Conv1d(2, 2, { kernelSize, stride });
    // From a place to one that many phases later, so that the first and the last are of one phase.
    checkPhases(new ConvTranspose1d(2, 2, { kernelSize: 4, stride: 2, padding: 1 }), [1, 2, 24], [16, 27]);
    checkPhases(new ConvTranspose1d(2, 2, { kernelSize: 5, stride: 3, dilation: 2 }), [1, 2, 24], [16, 38]);
    // Some places read nothing but the bias.
    checkPhases(new Sequential(conv(3), new ConvTranspose1d(2, 2, { kernelSize: 3, stride: 4, padding: 1 }), conv(2)), [1, 2, 24], [20, 41]); // prettier-ignore
    const upsample = (options: UpsampleOptions): Module => new Sequential(conv(3), new Upsample(options), conv(4));
    checkPhases(upsample({ scaleFactor: 2 }), [1, 2, 24], [10, 21]);
    checkPhases(upsample({ size: 33 }), [1, 2, 24], [6, 19]);
    checkPhases(upsample({ scaleFactor: 1.5, mode: 'nearest-exact' }), [1, 2, 24], [6, 19]);
    checkPhases(upsample({ scaleFactor: 2.5, mode: 'linear' }), [1, 2, 24], [10, 31]);
    checkPhases(upsample({ size: 64, mode: 'linear', alignCorners: true }), [1, 2, 24], [8, 30]);
    checkPhases(new Sequential(new Upsample({ scaleFactor: 3 }), conv(5, 2), new Upsample({ scaleFactor: 2 })), [1, 2, 24], [10, 23]); // prettier-ignore
  });

  it('of two dimensions, and of branches of one stride', () => {
    const field = (net: Module): unknown => {
      const { size, stride, start, unknown } = receptiveField(net, [1, 4, 24, 24]);
      freeModule(net);
      return [size, stride, start, unknown];
    };
    const transposed = new ConvTranspose2d(4, 4, { kernelSize: [2, 6], stride: 2, padding: [0, 2] });
    assert.deepEqual(field(transposed), [[1, 3], [0.5, 0.5], [0, -1], []]);
    assert.deepEqual(field(new Upsample({ scaleFactor: 2, mode: 'bicubic' })), [[4, 4], [0.5, 0.5], [-2, -2], []]); // prettier-ignore
    assert.deepEqual(field(new PixelShuffle(2)), [[1, 1], [0.5, 0.5], [0, 0], []]);
    assert.deepEqual(field(new PixelUnshuffle(2)), [[2, 2], [2, 2], [0, 0], []]);
    assert.deepEqual(field(new UNet()), [[10, 10], [1, 1], [-5, -5], []]);
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
