import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  DenseLayer,
  DenseNet,
  EFFICIENT_MODES,
  type DenseNetOptions,
  type EfficientMode,
} from '../../../lib/models/index.js';
import { BatchNorm2d, functional, MaxPool2d, type Module } from '../../../lib/nn/index.js';
import { SGD } from '../../../lib/optim/index.js';
import {
  autograd,
  getNumThreads,
  manualSeed,
  memory,
  noGrad,
  randint,
  randn,
  resetPeakMemory,
  scope,
  setNumThreads,
  type DType,
  type MemoryFormat,
  type Tensor,
} from '../../../lib/tensor/index.js';

const small: DenseNetOptions = {
  style: 'cifar',
  growthRate: 4,
  blockConfig: [3, 2],
  numInitFeatures: 6,
  bnSize: 2,
  numClasses: 5,
};

/** Small pictures, of which the beginning leaves a quarter of height and width. */
const imagenet: DenseNetOptions = { style: 'torchvision', smallInputs: false };

interface Way {
  readonly options?: DenseNetOptions;
  readonly dtype?: DType;
  readonly format?: MemoryFormat;
  /** What is done to the network before it is used. */
  readonly prepare?: (model: DenseNet) => void;
}

/** The bytes of a tensor, whatever its layout. */
function bits(tensor: Tensor): string {
  return scope(() =>
    Buffer.from(tensor.detach().contiguous().reshape([-1]).view('uint8').toTypedArray() as Uint8Array).toString('hex'),
  );
}

/** Losses, gradients and buffers of three steps, in bits. */
function results(efficient: EfficientMode, { options, dtype = 'float32', format, prepare }: Way): Map<string, string> {
  return scope(() => {
    manualSeed(3);
    const model = new DenseNet({ ...small, ...options, efficient }).to(dtype);
    if (format !== undefined) model.to({ memoryFormat: format });
    prepare?.(model);
    const found = new Map<string, string>();
    for (let step = 0; step < 3; step++) {
      scope(() => {
        const side = options?.smallInputs === false ? 24 : 8;
        let x = randn([4, 3, side, side], { dtype });
        if (format !== undefined) x = x.contiguous({ memoryFormat: format });
        const loss = functional.crossEntropy(model.call(x), randint(0, 5, [4]));
        model.zeroGrad();
        loss.backward();
        found.set(`${step} loss`, bits(loss));
        for (const [name, { grad }] of model.namedParameters()) {
          found.set(`${step} gradient of ${name}`, grad === null ? 'none' : bits(grad));
        }
        for (const [name, buffer] of model.namedBuffers()) found.set(`${step} ${name}`, bits(buffer));
      });
    }
    return found;
  });
}

function assertSameBits(way: Way): void {
  const plain = results('none', way);
  const other = results('shared', way);
  assert.ok(plain.size > 100);
  assert.deepEqual(
    [...plain.keys()].filter((name) => plain.get(name) !== other.get(name)),
    [],
    'differ',
  );
}

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

describe('models/efficient: shared', function () {
  this.timeout(60_000);
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
    it(`has the bits of plain training ${name}`, () => {
      assertSameBits(way);
    });
  }

  it('has kernels of its own for float32 and float64, whatever the instruction set', () => {
    for (const capability of ['default', 'avx2', 'avx512']) {
      const script = `const { native } = await import('./lib/native/load.js');
        console.log(['float32', 'float64', 'bfloat16'].map((dtype) => native.normReluKernels(dtype)).join());`;
      const run = spawnSync(process.execPath, ['--import=tsx', '--input-type=module', '--eval', script], {
        encoding: 'utf8',
        env: { ...process.env, ATEN_CPU_CAPABILITY: capability },
      });
      assert.equal(run.stdout.trim(), 'true,true,false', `${capability}: ${run.stderr}`);
    }
  });

  it('has the bits of plain training on two threads', () => {
    setNumThreads(2);
    try {
      assertSameBits({ options: { growthRate: 12, numInitFeatures: 24 } });
    } finally {
      setNumThreads(1);
    }
  });

  it('calls the hooks of inner modules, and the forward of a class of its own', () => {
    class Doubled extends BatchNorm2d {
      override forward(x: Tensor): Tensor {
        return super.forward(x).mul(2);
      }
    }
    const calls: Record<string, number> = { none: 0, shared: 0 };
    const prepare = (model: DenseNet): void => {
      const layers = model.modules().filter((each) => each instanceof DenseLayer);
      Reflect.set(layers[0]!, 'norm1', new Doubled(6));
      layers[1]!.relu1.registerForwardHook((_module, _args, output) => {
        calls[model.config.efficient]!++;
        return (output as Tensor).mul(0.5);
      });
      layers[2]!.conv2!.registerFullBackwardHook((_module, [gradient]) => {
        calls[model.config.efficient]!++;
        return [gradient!.mul(3)];
      });
      const { norm2 } = layers[3]!;
      norm2!.forward = (x: Tensor) => x.mul(0.1);
    };
    assertSameBits({ prepare });
    assert.deepEqual(calls, { none: 6, shared: 6 });
  });

  /** One layer with its inputs, and what they gave. */
  function layerOf(efficient: EfficientMode): { layer: DenseLayer; features: Tensor[] } {
    manualSeed(5);
    const layer = new DenseLayer(5, { growthRate: 4, bnSize: 2, dropRate: 0, efficient });
    const features = [randn([2, 3, 4, 4]), randn([2, 2, 4, 4])];
    for (const each of features) each.requiresGrad = true;
    return { layer, features };
  }

  it('keeps the convolutions’ outputs and the moments of the batch, and nothing else', () => {
    scope(() => {
      const { layer, features } = layerOf('shared');
      const before = memory();
      const output = layer.call(features);
      // [2, 8, 4, 4] of the bottleneck and [2, 4, 4, 4] of the layer; mean and 1/deviation of 5 and of 8 channels.
      assert.equal(memory().bytes - before.bytes, 4 * (2 * 8 * 16 + 2 * 4 * 16 + 2 * 5 + 2 * 8));
      scope(() => output.sum().backward());
      for (const each of [...features, ...layer.parameters()]) each.grad = null;
      output.dispose();
      assert.equal(memory().bytes, before.bytes);
    });
  });

  it('keeps of the beginning of a network for ImageNet the convolution’s output, the moments, and where the largest values were', () => {
    scope(() => {
      const bytes = (efficient: EfficientMode): number => {
        const model = new DenseNet({ ...small, ...imagenet, efficient });
        const features = [...model.features].slice(0, 4);
        const rest = [...model.features].slice(4);
        for (const each of rest) Reflect.set(each, 'forward', (x: Tensor) => x);
        const x = randn([2, 3, 16, 16]);
        const before = memory().bytes;
        const output = model.features.call(x);
        assert.deepEqual([features.length, output.shape], [4, [2, 6, 4, 4]]);
        return memory().bytes - before;
      };
      const [image, pooled] = [2 * 6 * 64, 2 * 6 * 16];
      const moments = 2 * 6;
      assert.equal(bytes('shared'), 4 * (image + pooled + moments) + 8 * pooled);
      assert.equal(bytes('none'), 4 * (2 * image + pooled + moments) + 8 * pooled);
      assert.equal(bytes('fused'), bytes('shared'));
    });
  });

  it('joins nothing: forward makes the activated features, and not the joined ones beside them', () => {
    scope(() => {
      const layer = new DenseLayer(512, { growthRate: 1, bnSize: 1, dropRate: 0, efficient: 'shared' });
      const features = [randn([2, 256, 4, 4]), randn([2, 256, 4, 4])];
      const activation = 4 * 2 * 512 * 16;
      const peak = (run: () => Tensor): number => {
        const before = memory().bytes;
        resetPeakMemory();
        run();
        return (memory().peakBytes - before) / activation;
      };
      layer.call(features); // compares the kernels with libtorch's
      assert.ok(peak(() => layer.call(features)) < 1.5);
    });
  });

  it('keeps nothing where no gradients are recorded', () => {
    scope(() => {
      const { layer, features } = layerOf('shared');
      const before = memory();
      const output = noGrad(() => layer.call(features));
      assert.equal(output.requiresGrad, false);
      assert.equal(memory().bytes - before.bytes, 4 * 2 * 4 * 16);
    });
  });

  it('gives gradients of gradients', () => {
    const second = (efficient: EfficientMode): Tensor[] => {
      const { layer, features } = layerOf(efficient);
      const inputs = [...features, ...layer.parameters()];
      const output = layer.call(features);
      const first = autograd.grad(output.mul(output).sum(), inputs, { createGraph: true });
      const norm = first.map((each) => each.mul(each).sum()).reduce((sum, each) => sum.add(each));
      return [...first, ...autograd.grad(norm, inputs)].map((each) => each.detach());
    };
    scope(() => {
      const plain = second('none');
      for (const [index, each] of second('shared').entries()) {
        const error = each.sub(plain[index]!).norm().item() / plain[index]!.norm().item();
        assert.ok(error < 1e-5, `${index}: ${error}`);
      }
    });
  });

  it('goes backward twice with retainGraph, and says so without', () => {
    scope(() => {
      const { layer, features } = layerOf('shared');
      const output = layer.call(features).sum();
      const once = autograd.grad(output, layer.conv1.weight, { retainGraph: true })[0]!;
      assert.equal(bits(autograd.grad(output, layer.conv1.weight)[0]!), bits(once));
      assert.throws(() => output.backward(), /Trying to backward through the graph a second time/);
    });
  });

  it('notices features and weights that change before backward', () => {
    for (const change of [
      ({ features }: ReturnType<typeof layerOf>) => features[1]!.mul_(2),
      ({ layer }: ReturnType<typeof layerOf>) => layer.conv1.weight.mul_(2),
      ({ layer }: ReturnType<typeof layerOf>) => layer.norm2!.weight!.mul_(2),
    ]) {
      scope(() => {
        const made = layerOf('shared');
        const output = made.layer.call(made.features).sum();
        noGrad(() => change(made));
        assert.throws(() => output.backward(), /has been modified by an inplace operation/);
      });
    }
  });

  it('measures features anew that have changed between two layers', () => {
    const twice = (efficient: EfficientMode): string =>
      scope(() => {
        const { layer, features } = layerOf(efficient);
        layer.call(features);
        noGrad(() => features[1]!.add_(1));
        return bits(layer.call(features)) + bits(layer.norm1.running_mean!) + bits(layer.norm1.running_var!);
      });
    assert.equal(twice('shared'), twice('none'));
  });

  it('refuses what the modules refuse, in their words', () => {
    const message = (efficient: EfficientMode, wrong: (made: ReturnType<typeof layerOf>) => unknown): string =>
      scope(() => {
        try {
          wrong(layerOf(efficient));
        } catch (error) {
          return (error as Error).message;
        }
        return 'nothing was wrong';
      });
    const cases: ((made: ReturnType<typeof layerOf>) => unknown)[] = [
      ({ layer, features }) => layer.call([features[0]!]),
      ({ layer, features }) => layer.call([features[0]!, features[1]!.select(0, 0)]),
      ({ layer }) => layer.call([randn([1, 5, 1, 1])]),
      ({ layer, features }) => layer.call(features.map((each) => each.double())),
      ({ layer }) => layer.call([]),
    ];
    for (const wrong of cases) {
      assert.notEqual(message('none', wrong), 'nothing was wrong');
      assert.equal(message('shared', wrong), message('none', wrong));
    }
  });

  it('leaves forward-mode differentiation to the modules', () => {
    const tangent = (efficient: EfficientMode): string =>
      scope(() => {
        const { layer, features } = layerOf(efficient);
        return autograd.forwardAd.dualLevel(() => {
          const dual = autograd.forwardAd.makeDual(features[0]!, randn([2, 3, 4, 4]));
          return bits(autograd.forwardAd.unpackDual(layer.call([dual, features[1]!])).tangent!);
        });
      });
    assert.equal(tangent('shared'), tangent('none'));
  });

  for (const efficient of EFFICIENT_MODES.filter((mode) => mode !== 'none')) {
    it(`holds bytes flat over 1,000 steps of mode ${efficient}`, () => {
      scope(() => {
        manualSeed(0);
        const model = new DenseNet({ ...small, blockConfig: [1, 1], growthRate: 2, efficient });
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
});
