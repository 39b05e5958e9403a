import assert from 'node:assert/strict';
import {
  DenseLayer,
  DenseNet,
  EFFICIENT_MODES,
  type DenseNetOptions,
  type EfficientMode,
} from '../../../lib/models/index.js';
import { functional } from '../../../lib/nn/index.js';
import { SGD } from '../../../lib/optim/index.js';
import {
  getNumThreads,
  manualSeed,
  memory,
  randint,
  randn,
  scope,
  setNumThreads,
  type Tensor,
} from '../../../lib/tensor/index.js';

const small: DenseNetOptions = {
  growthRate: 2,
  blockConfig: [1, 1],
  numInitFeatures: 6,
  bnSize: 2,
  numClasses: 5,
  smallInputs: true,
};

type RemovableHandle = ReturnType<DenseLayer['registerForwardHook']>;

/** The two styles of checkpoints: the CIFAR script's with reentrance, torchvision's without. */
const ways: readonly (readonly [EfficientMode, 'cifar' | 'torchvision'])[] = [
  ...EFFICIENT_MODES.map((mode) => [mode, 'cifar'] as const),
  ['checkpoint', 'torchvision'],
];

describe('models/efficient: steps', function () {
  this.timeout(300_000);
  const threads = getNumThreads();
  before(() => {
    setNumThreads(1);
  });
  after(() => {
    setNumThreads(threads);
  });

  for (const [efficient, style] of ways) {
    it(`holds bytes flat over 1,000 steps of mode ${efficient}, in the style of ${style}`, () => {
      scope(() => {
        manualSeed(0);
        const model = new DenseNet({ ...small, style, efficient });
        const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
        const [input, target] = [randn([2, 3, 4, 4]), randint(0, 5, [2])];
        const step = (): void =>
          scope(() => {
            const loss = functional.crossEntropy(model.call(input), target);
            optimizer.zeroGrad();
            loss.backward();
            optimizer.step();
          });
        for (let i = 0; i < 5; i++) step();
        const { tensors, bytes } = memory();
        for (let i = 0; i < 1000; i++) step();
        assert.deepEqual([memory().tensors, memory().bytes], [tensors, bytes]);
      });
    });
  }

  /** A network of torchvision's style with its checkpoints, or without; the bytes of its gradients after one step. */
  function gradients(
    efficient: EfficientMode,
    before: (layer: DenseLayer) => RemovableHandle | undefined,
    between: (layer: DenseLayer, handle: RemovableHandle | undefined) => void,
  ): string[] {
    return scope(() => {
      manualSeed(4);
      const model = new DenseNet({ ...small, style: 'torchvision', blockConfig: [2, 2], efficient });
      const layer = model.modules().find((each) => each instanceof DenseLayer)!;
      const handle = before(layer);
      const loss = functional.crossEntropy(model.call(randn([2, 3, 8, 8])), randint(0, 5, [2]));
      between(layer, handle);
      loss.backward();
      return [...model.parameters()].map((each) => Buffer.from(each.grad!.bytes()).toString('hex'));
    });
  }

  it('computes again by modules where hooks are, whatever forward has taken', () => {
    const halve = (layer: DenseLayer): RemovableHandle =>
      layer.norm1.registerForwardHook((_module, _args, output) => (output as Tensor).mul(0.5));
    const looked: string[] = [];
    const look = (layer: DenseLayer): RemovableHandle =>
      layer.norm1.registerForwardHook(() => void looked.push('norm1'));
    const none = (): undefined => undefined;
    const plain = gradients('none', none, none);
    assert.deepEqual(
      gradients('checkpoint', look, (_layer, handle) => handle!.remove()),
      plain,
    );
    assert.deepEqual(looked, ['norm1']);
    assert.deepEqual(gradients('checkpoint', look, none), plain);
    assert.deepEqual(looked, ['norm1', 'norm1', 'norm1']);
    // Those that come between are called when it is computed again, by modules then (test/parity/models/checkpoint-hooks).
    const { length } = looked;
    assert.deepEqual(gradients('checkpoint', none, look), plain);
    assert.equal(looked.length, length + 1);
    assert.notDeepEqual(gradients('checkpoint', none, halve), plain);
    assert.deepEqual(gradients('checkpoint', halve, none), gradients('none', halve, none));
    assert.notDeepEqual(gradients('none', halve, none), plain);
  });

  it('has the bits of plain gradients, and counts and measures each batch twice', () => {
    const none = (): undefined => undefined;
    assert.deepEqual(gradients('checkpoint', none, none), gradients('none', none, none));
    scope(() => {
      const layer = new DenseLayer(5, { growthRate: 4, bnSize: 2, dropRate: 0, efficient: 'checkpoint' });
      const features = [randn([2, 3, 4, 4]), randn([2, 2, 4, 4])];
      for (const each of features) each.requiresGrad = true;
      const before = memory().bytes;
      const output = layer.call(features);
      // What conv2 and norm2 keep, and the output; of the first half nothing but the generator's state, which is no tensor.
      const [wide, narrow] = [2 * 8 * 16, 2 * 4 * 16];
      assert.equal(memory().bytes - before, 4 * (2 * wide + narrow + 2 * 8) + 5056);
      assert.equal(layer.norm1.num_batches_tracked!.item(), 1);
      output.sum().backward();
      assert.equal(layer.norm1.num_batches_tracked!.item(), 2);
      assert.equal(layer.norm2!.num_batches_tracked!.item(), 1);
    });
  });
});
