import assert from 'node:assert/strict';
import path from 'node:path';
import { init } from '../../../lib/nn/index.js';
import {
  full,
  Generator,
  getNumThreads,
  getRngState,
  manualSeed,
  scope,
  setNumThreads,
  type DType,
  type Tensor,
} from '../../../lib/tensor/index.js';
import { digest, doubleBits } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';
import { recordWarnings } from '../../warnings.js';

/** One call, as both programs make it. Names and options are Python's. */
interface Case {
  readonly name: string;
  readonly shape: number[];
  readonly dtype: DType;
  readonly format: 'contiguous' | 'channels_last' | 'transposed';
  readonly generator: boolean;
  readonly given: number[];
  readonly options: Record<string, unknown>;
}

const IMAGE = [8, 4, 3, 3];

function cases(): Case[] {
  const list: Case[] = [];
  const add = (
    name: string,
    shape: number[],
    options: Record<string, unknown> = {},
    more: Partial<Pick<Case, 'dtype' | 'format' | 'generator' | 'given'>> = {},
  ): void => {
    list.push({ name, shape, options, dtype: 'float32', format: 'contiguous', generator: false, given: [], ...more });
  };
  const drawing = ['xavier_uniform_', 'xavier_normal_', 'kaiming_uniform_', 'kaiming_normal_', 'trunc_normal_'];
  for (const name of [...drawing, 'uniform_', 'normal_', 'orthogonal_']) {
    for (const dtype of ['float32', 'float64'] as const) {
      for (const shape of [IMAGE, [6, 10], [10, 6], [3, 2, 5]]) add(name, shape, {}, { dtype });
      add(name, [17, 5], {}, { dtype, generator: true });
    }
    if (name !== 'orthogonal_') {
      add(name, IMAGE, {}, { format: 'channels_last' });
      add(name, IMAGE, {}, { dtype: 'bfloat16' });
      add(name, IMAGE, {}, { dtype: 'float16' });
    }
    add(name, [6, 10], {}, { format: name === 'orthogonal_' ? 'contiguous' : 'transposed' });
  }
  add('uniform_', [50], {}, { given: [-0.3, 0.7] });
  add('normal_', [50], {}, { given: [0.2, 3], generator: true });
  add('constant_', [5], {}, { given: [0.3] });
  add('ones_', IMAGE);
  add('zeros_', IMAGE);
  for (const gain of [0.5, 5 / 3]) {
    for (const name of ['xavier_uniform_', 'xavier_normal_', 'orthogonal_']) add(name, [9, 4], { gain });
  }
  for (const nonlinearity of ['relu', 'tanh', 'selu', 'linear', 'sigmoid']) {
    add('kaiming_uniform_', [9, 4], { nonlinearity, mode: 'fan_out' });
    add('kaiming_normal_', IMAGE, { nonlinearity, a: 0.4 });
  }
  // The normal distribution drawn again, the rejection, means outside, one point, long tails.
  for (const [mean, std, a, b] of [
    [0, 1, -0.1, 0.1],
    [0, 0.02, -2, 2],
    [3, 1, -1, 1],
    [-5, 1, -1, 2],
    [0, 1, 2, 5],
    [0.5, 2, -0.7, 1.3],
    [0, 1, 0.25, 0.25],
    [0, 10, -1, 1],
  ] as const) {
    for (const dtype of ['float32', 'float64', 'bfloat16'] as const) {
      add('trunc_normal_', [40, 50], { mean, std, a, b }, { dtype, generator: std === 1 });
    }
  }
  for (const shape of [
    [5, 5],
    [3, 7],
    [7, 3],
  ]) {
    add('eye_', shape);
    add('eye_', shape, {}, { format: 'transposed', dtype: 'float64' });
    add('sparse_', shape, { sparsity: 0.3 });
    add('sparse_', shape, { sparsity: 0.9, std: 2 }, { generator: true, dtype: 'float64' });
  }
  for (const shape of [
    [4, 3, 5],
    [4, 3, 2, 2],
    [6, 6, 3, 2, 3],
  ]) {
    add('dirac_', shape);
    add('dirac_', shape, { groups: 2 }, { dtype: 'bfloat16' });
  }
  // What is refused, and what is warned of.
  add('eye_', [3]);
  add('dirac_', [3, 3]);
  add('dirac_', [3, 3, 3], { groups: 2 });
  add('sparse_', [3], { sparsity: 0.5 });
  add('orthogonal_', [3]);
  add('orthogonal_', [0, 3]);
  for (const name of ['xavier_uniform_', 'xavier_normal_', 'kaiming_normal_', 'kaiming_uniform_']) {
    add(name, [3]);
    add(name, [0, 0]);
    add(name, [0, 3]);
  }
  add('kaiming_normal_', [3, 3], { mode: 'fan' });
  add('kaiming_normal_', [3, 3], { nonlinearity: 'gelu' });
  add('trunc_normal_', [3], { std: 0 });
  add('uniform_', [3], {}, { given: [1, 0] });
  add('normal_', [3], {}, { given: [0, -1] });
  return list;
}

type Fill = (target: Tensor, ...given: unknown[]) => Tensor;

const camelCase = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function run(given: Case): unknown {
  manualSeed(11);
  const generator = new Generator().manualSeed(12);
  const { warnings, value } = recordWarnings(() =>
    scope(() => {
      let weight = full(given.shape, 7, { dtype: given.dtype });
      if (given.format === 'channels_last') weight = weight.to({ memoryFormat: 'channels_last' });
      if (given.format === 'transposed') weight = weight.transpose(0, 1);
      weight.requiresGrad = true;
      const fill = (init as unknown as Record<string, Fill>)[camelCase(given.name)]!;
      const options = { ...given.options, ...(given.generator && { generator }) };
      const positional =
        given.generator && given.given.length === 0 && /^(uniform|normal)_$/.test(given.name) ? [0, 1] : given.given;
      const bag = Object.keys(options).length === 0 ? [] : [options];
      try {
        const same = fill(weight, ...positional, ...bag) === weight;
        return [digest(weight), same, weight.isLeaf, weight.gradFn === null];
      } catch (error) {
        return [(error as Error).message.replace(/^\w+: |\n {2}in .*$/gs, '')];
      }
    }),
  );
  const states = scope(() => [digest(getRngState()), digest(generator.getState())]);
  return { outcome: value, states, warnings };
}

parityDescribe('nn.init, bit for bit', () => {
  const threads = getNumThreads();
  let theirs: { cases: unknown[]; gains: string[] };
  before(function () {
    this.timeout(300_000);
    setNumThreads(1);
    const input = JSON.stringify(cases());
    theirs = runPython(path.join(import.meta.dirname, 'init.py'), [], { input }).json() as typeof theirs;
  });
  after(() => setNumThreads(threads));

  it('fills, draws, refuses and warns as PyTorch', () => {
    for (const [index, given] of cases().entries()) {
      assert.deepEqual(run(given), theirs.cases[index], JSON.stringify(given));
    }
  });

  it('gains', () => {
    const names = [
      ...['linear', 'conv1d', 'conv2d', 'conv3d', 'conv_transpose1d', 'conv_transpose2d', 'conv_transpose3d'],
      ...['sigmoid', 'tanh', 'relu', 'leaky_relu', 'selu'],
    ] as init.Nonlinearity[];
    const slopes = [
      null,
      0,
      1,
      0.3,
      0.1,
      Math.sqrt(5),
      1e-3,
      -0.7,
      ...Array.from({ length: 200 }, (_, i) => i * 0.013),
    ];
    const gains = [
      ...names.map((name) => init.calculateGain(name)),
      ...slopes.map((slope) => init.calculateGain('leaky_relu', slope)),
    ];
    assert.deepEqual(gains.map(doubleBits), theirs.gains);
  });
});
