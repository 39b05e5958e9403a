import assert from 'node:assert/strict';
import {
  CIFAR_DENSENETS,
  cifarBlockConfig,
  cifarDenseNet,
  DenseNet,
  densenet121,
  densenet161,
  densenet169,
  densenet201,
  densenet264,
  EFFICIENT_MODES,
  type DenseNetOptions,
} from '../../../lib/models/index.js';
import { functional, type Module } from '../../../lib/nn/index.js';
import { SGD } from '../../../lib/optim/index.js';
import { manualSeed, memory, noGrad, randint, randn, scope } from '../../../lib/tensor/index.js';

function count(make: () => Module): number {
  const model = make();
  const total = model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
  // Hundreds of megabytes otherwise wait for the garbage collector.
  for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
  return total;
}

describe('DenseNet', () => {
  it('has the published numbers of parameters', function () {
    this.timeout(300_000);
    assert.equal(count(densenet121), 7_978_856);
    assert.equal(count(densenet161), 28_681_000);
    assert.equal(count(densenet169), 14_149_480);
    assert.equal(count(densenet201), 20_013_928);
    assert.equal(count(densenet264), 33_337_704);
    assert.equal(
      count(() => cifarDenseNet({ depth: 40 })),
      176_122,
    );
    const expected: Record<keyof typeof CIFAR_DENSENETS, number> = {
      'densenet-40-12': 1_019_722,
      'densenet-100-12': 6_979_642,
      'densenet-100-24': 27_249_082,
      'densenet-bc-100-12': 769_162,
      'densenet-bc-250-24': 15_324_406,
      'densenet-bc-190-40': 25_624_430,
    };
    for (const [name, options] of Object.entries(CIFAR_DENSENETS)) {
      assert.equal(
        count(() => cifarDenseNet(options)),
        expected[name as keyof typeof expected],
        name,
      );
    }
  });

  it('turns pictures into logits, large and small', () => {
    const options = { growthRate: 4, blockConfig: [2, 2], numInitFeatures: 8, numClasses: 3 };
    for (const [more, size] of [
      [{ smallInputs: false }, 64],
      [{ smallInputs: true }, 16],
      [{ style: 'cifar' }, 16],
      [{ style: 'cifar', bottleneck: false, compression: 1 }, 16],
      [{ style: 'cifar', smallInputs: false }, 64],
    ] as [DenseNetOptions, number][]) {
      const model = new DenseNet({ ...options, ...more });
      assert.deepEqual(model.call(randn([2, 3, size, size])).shape, [2, 3], JSON.stringify(more));
    }
  });

  it('names keys by style and form', () => {
    const keys = (options: DenseNetOptions): string[] => [
      ...new DenseNet({ growthRate: 2, blockConfig: [1], numInitFeatures: 2, numClasses: 2, ...options })
        .stateDict()
        .keys(),
    ];
    assert.ok(keys({}).includes('features.norm5.weight'));
    assert.ok(keys({}).includes('features.norm0.running_mean'));
    const plain = keys({ style: 'cifar', bottleneck: false });
    assert.ok(plain.includes('features.norm_final.weight'));
    assert.deepEqual(
      plain.filter((key) => key.startsWith('features.denseblock1.denselayer1.') && key.endsWith('weight')),
      ['features.denseblock1.denselayer1.norm1.weight', 'features.denseblock1.denselayer1.conv1.weight'],
    );
  });

  it('can be made again from its config', () => {
    const model = cifarDenseNet({ depth: 10, growthRate: 4, dropRate: 0.1, numClasses: 7 });
    const again = new DenseNet(model.config);
    assert.equal(String(again), String(model));
    again.loadStateDict(model.stateDict());
    assert.deepEqual(again.config, model.config);
  });

  it('refuses options that cannot be', () => {
    const cases: [DenseNetOptions, string][] = [
      [{ compression: 0 }, 'expected compression to be a number above 0, at most 1, but got 0'],
      [{ compression: 1.5 }, 'expected compression to be a number above 0, at most 1, but got 1.5'],
      [
        { compression: 0.01, growthRate: 1, numInitFeatures: 2, blockConfig: [6, 6, 6] },
        'expected compression to be a number that leaves a transition at least one of its 8 channels, but got 0.01',
      ],
      [{ growthRate: 0 }, 'expected growthRate to be a positive integer, but got 0'],
      [{ numClasses: 2.5 }, 'expected numClasses to be a positive integer, but got 2.5'],
      [{ blockConfig: [] }, 'expected blockConfig to be positive integers, one for each block, but got '],
      [{ blockConfig: [6, 0] }, 'expected blockConfig to be positive integers, one for each block, but got 6,0'],
      [{ dropRate: -0.1 }, 'expected dropRate to be a number from 0 to 1, but got -0.1'],
      [{ style: 'keras' as 'cifar' }, "expected style to be 'torchvision' or 'cifar', but got keras"],
      [
        { efficient: 'often' as 'none' },
        `expected efficient to be one of ${EFFICIENT_MODES.join(', ')}, but got often`,
      ],
    ];
    for (const [options, message] of cases) {
      assert.throws(() => new DenseNet(options), { name: 'TorchError', message: `DenseNet: ${message}` });
    }
  });

  it('names the nearest depths that fit', () => {
    assert.deepEqual(cifarBlockConfig(40, true), [6, 6, 6]);
    assert.deepEqual(cifarBlockConfig(40, false), [12, 12, 12]);
    assert.throws(
      () => cifarDenseNet({ depth: 42 }),
      /depth 42 does not fit a DenseNet with bottlenecks: .* nearest: 40 and 46$/,
    );
    assert.throws(
      () => cifarDenseNet({ depth: 42, bottleneck: false }),
      /must be a positive multiple of 3; nearest: 40 and 43$/,
    );
    assert.throws(() => cifarDenseNet({ depth: 4 }), /nearest: 10$/);
    assert.throws(() => cifarDenseNet({ depth: -3, bottleneck: false }), /nearest: 7$/);
    assert.throws(() => cifarDenseNet({ depth: 40.5 }), /depth 40.5 .* nearest: 40 and 46$/);
    assert.throws(() => cifarDenseNet({ depth: Number.NaN }), /nearest: 10$/);
  });

  it('trains and evaluates without leaving anything behind', function () {
    this.timeout(300_000);
    manualSeed(0);
    const model = cifarDenseNet({ depth: 10, growthRate: 4, dropRate: 0.1 });
    const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 });
    const step = (): void =>
      scope(() => {
        const loss = functional.crossEntropy(model.call(randn([4, 3, 8, 8])), randint(0, 10, [4]));
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
      });
    step();
    const { tensors, bytes } = memory();
    for (let turn = 0; turn < 20; turn++) step();
    assert.deepEqual([memory().tensors, memory().bytes], [tensors, bytes]);
    model.eval();
    for (let turn = 0; turn < 5; turn++) scope(() => noGrad(() => void model.call(randn([4, 3, 8, 8]))));
    assert.deepEqual([memory().tensors, memory().bytes], [tensors, bytes]);
  });
});
