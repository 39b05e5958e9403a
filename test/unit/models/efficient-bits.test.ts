import { DenseLayer, type DenseNet } from '../../../lib/models/index.js';
import { BatchNorm2d, MaxPool2d, type Module } from '../../../lib/nn/index.js';
import { getNumThreads, setNumThreads } from '../../../lib/tensor/index.js';
import { assertSameBits, imagenet, type Way } from './efficient-ways.js';

function norms(model: Module): BatchNorm2d[] {
  return model.modules().filter((each) => each instanceof BatchNorm2d);
}

/** Other norms in the place of those of the layers. */
function exchangeNorms(options: ConstructorParameters<typeof BatchNorm2d>[1]): (model: DenseNet) => void {
  return (model) => {
    for (const layer of model.modules()) {
      if (!(layer instanceof DenseLayer)) continue;
      for (const name of ['norm1', 'norm2'] as const) {
        Reflect.set(layer, name, new BatchNorm2d(layer[name]?.numFeatures ?? 0, options));
      }
    }
  };
}

describe('models/efficient: shared has the bits of plain training', function () {
  this.timeout(300_000);
  const threads = getNumThreads();
  before(() => {
    setNumThreads(1);
  });
  after(() => {
    setNumThreads(threads);
  });

  const ways: [string, Way][] = [
    ['of the CIFAR script', {}],
    ['of torchvision', { options: { style: 'torchvision', smallInputs: true } }],
    ['with the beginning of the networks for ImageNet', { options: imagenet }],
    [
      'of that form in evaluation, in float64',
      { options: imagenet, dtype: 'float64', prepare: (model) => model.eval() },
    ],
    ['of that form in bfloat16', { options: imagenet, dtype: 'bfloat16' }],
    ['of that form in channels_last', { options: imagenet, format: 'channels_last' }],
    [
      'of that form with a frozen beginning',
      {
        options: imagenet,
        prepare: (model) => {
          for (const name of ['conv0', 'norm0']) model.getSubmodule(`features.${name}`).requiresGrad_(false);
        },
      },
    ],
    [
      'of that form with pooling that rounds up',
      {
        options: imagenet,
        prepare: (model) => {
          model.features.addModule(
            'pool0',
            new MaxPool2d({ kernelSize: [3, 2], stride: 2, padding: [1, 0], ceilMode: true }),
          );
        },
      },
    ],
    ['in float64', { dtype: 'float64' }],
    ['without bottlenecks', { options: { bottleneck: false } }],
    ['with dropout', { options: { dropRate: 0.3 } }],
    ['in evaluation', { prepare: (model) => model.eval() }],
    ['in evaluation, in float64', { dtype: 'float64', prepare: (model) => model.eval() }],
    ['in channels_last', { format: 'channels_last' }],
    ['in bfloat16', { dtype: 'bfloat16' }],
    ['in float16', { dtype: 'float16' }],
    ['under autocast', { cast: 'bfloat16' }],
    ['under autocast in float16', { cast: 'float16' }],
    [
      'under autocast with dropout, in channels_last',
      { cast: 'bfloat16', format: 'channels_last', options: { dropRate: 0.3 } },
    ],
    ['under autocast with the beginning of the networks for ImageNet', { cast: 'bfloat16', options: imagenet }],
    ['under autocast in evaluation', { cast: 'bfloat16', prepare: (model) => model.eval() }],
    [
      'under autocast with frozen convolutions',
      {
        cast: 'bfloat16',
        prepare: (model) => {
          for (const [name, each] of model.namedParameters()) if (name.includes('conv')) each.requiresGrad = false;
        },
      },
    ],
    ['in anomaly mode', { anomaly: true }],
    ['in bfloat16 and channels_last', { dtype: 'bfloat16', format: 'channels_last' }],
    [
      'with norms in evaluation inside a network that trains',
      { prepare: (model) => norms(model).forEach((norm) => norm.eval()) },
    ],
    ['with frozen norms', { prepare: (model) => norms(model).forEach((norm) => norm.requiresGrad_(false)) }],
    [
      'with a frozen beginning',
      { prepare: (model) => model.getSubmodule('features.denseblock1').requiresGrad_(false) },
    ],
    [
      'with frozen convolutions',
      {
        prepare: (model) =>
          model.namedParameters().forEach(([name, each]) => {
            if (name.includes('conv')) each.requiresGrad = false;
          }),
      },
    ],
    ['with norms that average all batches', { prepare: exchangeNorms({ momentum: null }) }],
    ['with norms without weights', { prepare: exchangeNorms({ affine: false }) }],
    ['with norms without running statistics', { prepare: exchangeNorms({ trackRunningStats: false }) }],
    ['with norms without biases', { prepare: exchangeNorms({ bias: false }) }],
  ];
  for (const [name, way] of ways) {
    it(name, () => {
      assertSameBits(way);
    });
  }

  for (const style of ['torchvision', 'cifar'] as const) {
    it(`with transitions that take the largest values, in the style of ${style}; with checkpoints too`, () => {
      for (const dtype of ['float32', 'float64', 'bfloat16'] as const) {
        const way: Way = { dtype, options: { style, smallInputs: style === 'cifar', transitionPool: 'max' } };
        assertSameBits(way);
        assertSameBits(way, 'checkpoint');
      }
    });
  }

  it('on two threads', () => {
    setNumThreads(2);
    try {
      assertSameBits({ options: { growthRate: 12, numInitFeatures: 24 } });
    } finally {
      setNumThreads(1);
    }
  });
});
