import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { DenseLayer, DenseNet, type EfficientMode } from '../../../lib/models/index.js';
import { BatchNorm2d } from '../../../lib/nn/index.js';
import {
  autocast,
  autograd,
  getNumThreads,
  manualSeed,
  memory,
  noGrad,
  randn,
  resetPeakMemory,
  scope,
  setNumThreads,
  type Tensor,
} from '../../../lib/tensor/index.js';
import { assertSameBits, bits, imagenet, small } from './efficient-ways.js';

describe('models/efficient: shared', function () {
  this.timeout(300_000);
  const threads = getNumThreads();
  before(() => {
    setNumThreads(1);
  });
  after(() => {
    setNumThreads(threads);
  });

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

  it('keeps under autocast what it keeps in bfloat16', () => {
    const bytes = (cast: boolean): number =>
      scope(() => {
        const { layer, features } = layerOf('shared');
        if (!cast) layer.to('bfloat16');
        const narrow = features.map((each) => each.detach().to('bfloat16').requiresGrad_());
        const run = (): Tensor => layer.call(narrow);
        const before = memory().bytes;
        const output = cast ? autocast('cpu', { dtype: 'bfloat16' }, run) : run();
        assert.equal(output.dtype, 'bfloat16');
        return memory().bytes - before;
      });
    // The narrow copies of the two weights are made for it, as for plain convolutions.
    assert.ok(
      bytes(true) <= bytes(false) + 2 * (8 * 5 + 4 * 8 * 9) + 4 * 2 * (5 + 8),
      `${bytes(true)} ${bytes(false)}`,
    );
  });

  it('is named by anomaly mode, with the forward call', () => {
    const { layer, features } = layerOf('shared');
    const run = (): void =>
      scope(() => {
        noGrad(() => layer.conv1.weight.fill_(NaN));
        layer.call(features).sum().backward();
      });
    assert.throws(
      () => autograd.detectAnomaly(run),
      (error: Error) =>
        /Function 'CatNormReluConvBackward' returned nan values in its \d+th output/.test(error.message) &&
        /efficient\.test\.ts/.test((error.cause as Error).stack ?? ''),
    );
    for (const each of features) each.dispose();
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
});
