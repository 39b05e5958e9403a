import assert from 'node:assert/strict';
import path from 'node:path';
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Dropout2d,
  Flatten,
  functional,
  Identity,
  init,
  Linear,
  LogSoftmax,
  MaxPool2d,
  ReLU,
  Sequential,
  Softmax,
  type Layer,
} from '../../../lib/nn/index.js';
import {
  empty,
  getNumThreads,
  manualSeed,
  rand,
  randint,
  randn,
  scope,
  setNumThreads,
  type DType,
  type Tensor,
} from '../../../lib/tensor/index.js';
import { digest, digests } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';
import { recordWarnings } from '../../warnings.js';

const IMAGE = [4, 6, 9, 8];
const DTYPES = ['float32', 'float64', 'bfloat16'] as const;

// Beside layers.py, case by case.
const cases: Record<string, [number[], (dtype: DType) => Layer]> = {
  conv: [IMAGE, (dtype) => new Conv2d(6, 8, { kernelSize: 3, dtype })],
  'conv no bias': [IMAGE, (dtype) => new Conv2d(6, 8, { kernelSize: 3, bias: false, dtype })],
  'conv strided': [IMAGE, (dtype) => new Conv2d(6, 8, { kernelSize: [3, 2], stride: [2, 1], padding: [1, 2], dtype })],
  'conv dilated': [IMAGE, (dtype) => new Conv2d(6, 8, { kernelSize: 3, padding: 2, dilation: 2, dtype })],
  'conv groups': [IMAGE, (dtype) => new Conv2d(6, 9, { kernelSize: 3, groups: 3, dtype })],
  'conv same': [IMAGE, (dtype) => new Conv2d(6, 4, { kernelSize: [4, 3], padding: 'same', dilation: [1, 2], dtype })],
  'conv valid': [IMAGE, (dtype) => new Conv2d(6, 4, { kernelSize: 3, padding: 'valid', dtype })],
  'conv reflect': [
    IMAGE,
    (dtype) => new Conv2d(6, 4, { kernelSize: 3, padding: [1, 2], paddingMode: 'reflect', dtype }),
  ],
  'conv replicate': [
    IMAGE,
    (dtype) => new Conv2d(6, 4, { kernelSize: 3, padding: 2, paddingMode: 'replicate', dtype }),
  ],
  'conv circular': [IMAGE, (dtype) => new Conv2d(6, 4, { kernelSize: 3, padding: 1, paddingMode: 'circular', dtype })],
  'conv same reflect': [
    IMAGE,
    (dtype) =>
      new Conv2d(6, 4, { kernelSize: [4, 3], padding: 'same', dilation: [1, 2], paddingMode: 'reflect', dtype }),
  ],
  'conv unbatched': [[6, 9, 8], (dtype) => new Conv2d(6, 4, { kernelSize: 3, dtype })],
  bn: [IMAGE, (dtype) => new BatchNorm2d(6, { dtype })],
  'bn eps momentum': [IMAGE, (dtype) => new BatchNorm2d(6, { eps: 1e-3, momentum: 0.3, dtype })],
  'bn cumulative': [IMAGE, (dtype) => new BatchNorm2d(6, { momentum: null, dtype })],
  'bn untracked': [IMAGE, (dtype) => new BatchNorm2d(6, { trackRunningStats: false, dtype })],
  'bn not affine': [IMAGE, (dtype) => new BatchNorm2d(6, { affine: false, dtype })],
  'bn no bias': [IMAGE, (dtype) => new BatchNorm2d(6, { bias: false, dtype })],
  bn1d: [[5, 6], (dtype) => new BatchNorm1d(6, { dtype })],
  'bn1d sequence': [[5, 6, 7], (dtype) => new BatchNorm1d(6, { eps: 1e-4, momentum: null, dtype })],
  'bn1d untracked': [[5, 6], (dtype) => new BatchNorm1d(6, { affine: false, trackRunningStats: false, dtype })],
  linear: [[5, 7], (dtype) => new Linear(7, 4, { dtype })],
  'linear no bias': [[2, 5, 7], (dtype) => new Linear(7, 4, { bias: false, dtype })],
  relu: [IMAGE, () => new ReLU()],
  dropout: [IMAGE, () => new Dropout()],
  'dropout p': [IMAGE, () => new Dropout({ p: 0.2 })],
  'dropout all': [IMAGE, () => new Dropout({ p: 1 })],
  dropout2d: [IMAGE, () => new Dropout2d()],
  'dropout2d p': [[4, 6, 9], () => new Dropout2d({ p: 0.3 })],
  'dropout2d all': [IMAGE, () => new Dropout2d({ p: 1 })],
  softmax: [IMAGE, () => new Softmax({ dim: 1 })],
  'softmax guessed': [IMAGE, () => new Softmax()],
  'log softmax': [[7, 5], () => new LogSoftmax({ dim: -1 })],
  'log softmax guessed': [[7, 5, 3], () => new LogSoftmax()],
  'max pool': [IMAGE, () => new MaxPool2d({ kernelSize: 2 })],
  'max pool options': [
    IMAGE,
    () => new MaxPool2d({ kernelSize: [3, 2], stride: [2, 1], padding: 1, dilation: [1, 2], ceilMode: true }),
  ],
  'avg pool': [IMAGE, () => new AvgPool2d({ kernelSize: 2, stride: 2 })],
  'avg pool options': [
    IMAGE,
    () => new AvgPool2d({ kernelSize: [3, 2], stride: [2, 2], padding: 1, ceilMode: true, countIncludePad: false }),
  ],
  'avg pool divisor': [IMAGE, () => new AvgPool2d({ kernelSize: 3, divisorOverride: 5 })],
  'adaptive 1': [IMAGE, () => new AdaptiveAvgPool2d(1)],
  'adaptive 3 2': [IMAGE, () => new AdaptiveAvgPool2d([3, 2])],
  'adaptive none': [IMAGE, () => new AdaptiveAvgPool2d([null, 4])],
  flatten: [IMAGE, () => new Flatten()],
  'flatten options': [IMAGE, () => new Flatten({ startDim: 0, endDim: 2 })],
  identity: [IMAGE, () => new Identity()],
  sequential: [
    IMAGE,
    (dtype) =>
      new Sequential(
        new Conv2d(6, 8, { kernelSize: 3, padding: 1, dtype }),
        new BatchNorm2d(8, { dtype }),
        new ReLU({ inplace: true }),
        new Dropout({ p: 0.4 }),
        new Identity(),
        new AvgPool2d({ kernelSize: 2 }),
        new Flatten(),
        new Linear(8 * 4 * 4, 3, { dtype }),
      ),
  ],
};

function runLayer(shape: number[], make: (dtype: DType) => Layer, dtype: DType): unknown {
  manualSeed(5);
  const module = make(dtype);
  const result = { print: String(module), init: digests(module.stateDict()) };
  const passes = [true, true, false].map((training) => {
    module.train(training);
    const x = randn(shape, { dtype, requiresGrad: true });
    const y = module.call(x);
    const gradient = randn(y.shape, { dtype });
    module.zeroGrad();
    y.backward({ gradient });
    return {
      y: digest(y),
      x: digest(x.grad!),
      gradients: digests(module.namedParameters().map(([name, parameter]) => [name, parameter.grad])),
      state: digests(module.stateDict()),
    };
  });
  return { ...result, passes, draw: digest(rand([3])) };
}

interface LossOptions {
  readonly reduction?: 'none' | 'mean' | 'sum';
  readonly ignoreIndex?: number;
  readonly labelSmoothing?: number;
  readonly weight?: true;
}

const losses: Record<string, LossOptions> = {
  plain: {},
  sum: { reduction: 'sum' },
  none: { reduction: 'none' },
  ignore: { ignoreIndex: 2 },
  smooth: { labelSmoothing: 0.1 },
  weight: { weight: true },
  all: { weight: true, ignoreIndex: 1, labelSmoothing: 0.25, reduction: 'sum' },
};

function runLoss({ weight, ignoreIndex, ...rest }: LossOptions, dtype: DType, probabilities: boolean): string[] {
  manualSeed(6);
  const logits = randn([7, 5], { dtype, requiresGrad: true });
  const target = probabilities ? rand([7, 5], { dtype }) : randint(0, 5, [7]);
  const value = functional.crossEntropy(logits, target, {
    ...rest,
    weight: weight === undefined ? null : rand([5], { dtype }),
    ...(!probabilities && ignoreIndex !== undefined && { ignoreIndex }),
  });
  value.sum().backward();
  return [digest(value), digest(logits.grad!)];
}

function runInits(): [string[], number[]] {
  manualSeed(7);
  const fills: ((weight: Tensor) => Tensor)[] = [
    (weight) => init.kaimingNormal_(weight),
    (weight) => init.kaimingUniform_(weight),
    (weight) => init.kaimingNormal_(weight, { mode: 'fan_out', nonlinearity: 'relu' }),
    (weight) => init.kaimingUniform_(weight, { a: 0.3, mode: 'fan_out' }),
    (weight) => init.kaimingNormal_(weight, { nonlinearity: 'tanh' }),
    (weight) => init.kaimingNormal_(weight, { nonlinearity: 'selu' }),
    (weight) => init.kaimingNormal_(weight, { nonlinearity: 'linear' }),
    (weight) => init.uniform_(weight, -0.3, 0.7),
    (weight) => init.normal_(weight, 0.2, 3),
    (weight) => init.constant_(weight, 0.3),
    (weight) => init.zeros_(weight),
    (weight) => init.ones_(weight),
  ];
  const shapes = [
    [8, 4, 3, 3],
    [6, 10],
    [3, 2, 5],
  ];
  const found = shapes.map((shape) => empty(shape)).flatMap((weight) => fills.map((fill) => digest(fill(weight))));
  const names = ['linear', 'conv2d', 'sigmoid', 'tanh', 'relu', 'leaky_relu', 'selu'] as const;
  return [found, [...names.map((name) => init.calculateGain(name)), init.calculateGain('leaky_relu', 0.3)]];
}

parityDescribe('layers, losses and initialisers, bit for bit', () => {
  const threads = getNumThreads();
  let theirs: { layers: Record<string, unknown>; losses: Record<string, unknown>; inits: unknown };
  before(function () {
    this.timeout(300_000);
    setNumThreads(1);
    theirs = runPython(path.join(import.meta.dirname, 'layers.py')).json() as typeof theirs;
  });
  after(() => setNumThreads(threads));

  for (const [name, [shape, make]] of Object.entries(cases)) {
    for (const dtype of DTYPES) {
      it(`${name}, ${dtype}`, () => {
        assert.deepEqual(
          recordWarnings(() => scope(() => runLayer(shape, make, dtype))).value,
          theirs.layers[`${name}, ${dtype}`],
        );
      });
    }
  }

  it('has a case for every layer of layers.py', () => {
    assert.equal(Object.keys(theirs.layers).length, Object.keys(cases).length * DTYPES.length);
  });

  for (const [name, options] of Object.entries(losses)) {
    it(`cross entropy: ${name}`, () => {
      for (const dtype of ['float32', 'float64'] as const) {
        for (const probabilities of [false, true]) {
          const key = `${name}, ${dtype}, ${probabilities ? 'True' : 'False'}`;
          assert.deepEqual(
            scope(() => runLoss(options, dtype, probabilities)),
            theirs.losses[key],
            key,
          );
        }
      }
    });
  }

  it('initialisers and gains', () => {
    assert.deepEqual(scope(runInits), theirs.inits);
  });
});
