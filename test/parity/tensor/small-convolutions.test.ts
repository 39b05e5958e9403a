import assert from 'node:assert/strict';
import path from 'node:path';
import {
  getNumThreads,
  manualSeed,
  noGrad,
  onesLike,
  ops,
  randn,
  scope,
  setNumThreads,
  type DType,
} from '../../../lib/tensor/index.js';
import { digest } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

interface Case {
  seed: number;
  threads: number;
  dtype: DType;
  input: number[];
  weight: number[];
  bias: boolean;
  stride: number[];
  padding: number[];
  dilation: number[];
  groups: number;
  channelsLast: boolean;
}
interface Found {
  backend: string;
  plain: string;
  strides: number[];
  recorded: string;
  gradients: (string | null)[];
}

/** Numbers that are the same in every run, each below `n`. */
function counter(): (n: number) => number {
  let state = 12345;
  return (n) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % n;
  };
}

// Around the border that native/convolution.cpp draws: most cases inside it, the others one step outside.
function cases(): Case[] {
  const below = counter();
  const pick = <T>(...values: [T, ...T[]]): T => values[below(values.length)] ?? values[0];
  return Array.from({ length: 240 }, (_, seed) => {
    const groups = below(10) === 0 ? 2 : 1;
    const channels = groups * (1 + below(6));
    const kernel = [pick(3, 3, 2, 1, 5), pick(3, 3, 2, 1, 4)];
    const side = pick(3, 6, 9, 40);
    return {
      seed,
      threads: 1 + below(2),
      dtype: pick<DType>('float32', 'float32', 'float32', 'float64', 'bfloat16'),
      input: [pick(1, 1, 1, 2, 17), channels, side + below(4), side + below(90)],
      weight: [groups * (1 + below(7)), channels / groups, ...kernel],
      bias: below(2) === 0,
      stride: [pick(1, 1, 2), pick(1, 1, 3)],
      padding: [2 + below(2), 2 + below(2)],
      dilation: below(10) === 0 ? [2, 1] : [1, 1],
      groups,
      channelsLast: below(6) === 0,
    };
  });
}

function ours(each: Case): Omit<Found, 'backend'> {
  return scope(() => {
    setNumThreads(each.threads);
    manualSeed(each.seed);
    let x = randn(each.input, { dtype: each.dtype });
    const weight = randn(each.weight, { dtype: each.dtype });
    const bias = each.bias ? randn([each.weight[0] ?? 0], { dtype: each.dtype }) : null;
    if (each.channelsLast) x = x.to({ memoryFormat: 'channels_last' });
    const convolve = () => ops.conv2d(x, weight, bias, each.stride, each.padding, each.dilation, each.groups);
    const plain = noGrad(convolve);
    for (const tensor of [x, weight, bias]) tensor?.requiresGrad_();
    const y = convolve();
    y.backward({ gradient: onesLike(y) });
    return {
      plain: digest(plain),
      strides: plain.stride(),
      recorded: digest(y.detach()),
      gradients: [x, weight, bias].map((tensor) => (tensor?.grad == null ? null : digest(tensor.grad))),
    };
  });
}

parityDescribe('small convolutions', () => {
  const all = cases();
  let theirs: Found[] = [];
  const threads = getNumThreads();

  before(() => {
    const script = path.join(import.meta.dirname, 'small_convolutions.py');
    theirs = runPython(script, [], { input: JSON.stringify(all) }).json() as Found[];
  });
  after(() => {
    setNumThreads(threads);
  });

  it('give PyTorch’s bits and gradients on both sides of the border', () => {
    all.forEach((each, i) => {
      const { backend, ...expected } = theirs[i] ?? assert.fail();
      assert.deepEqual(ours(each), expected, `${JSON.stringify(each)}, for which PyTorch chose ${backend}`);
    });
  });

  it('are taken from more than one backend', () => {
    const counts = new Map<string, number>();
    for (const { backend } of theirs) counts.set(backend, (counts.get(backend) ?? 0) + 1);
    assert.ok([...counts.values()].filter((count) => count > 20).length > 1, JSON.stringify([...counts]));
  });
});
