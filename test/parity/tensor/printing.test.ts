import assert from 'node:assert/strict';
import path from 'node:path';
import {
  type DType,
  ops,
  printOptions,
  type PrintSettings,
  scope,
  type Tensor,
  tensor,
  ones,
  zeros,
} from '../../../lib/tensor/index.js';
import { parityDescribe, runPython } from '../python.js';

type Kind =
  | 'plain'
  | 'leaf'
  | 'made'
  | 'transposed'
  | 'view'
  | 'conj'
  | 'imag'
  | 'meta'
  | 'sparse'
  | 'csr'
  | 'csc'
  | 'quantized'
  | 'channels'
  | 'nested';
interface Case {
  kind: Kind;
  dtype: DType;
  shape: number[];
  values: (number | string)[];
  options: PrintSettings;
}

/** Numbers that are the same in every run, each below `n`. */
function counter(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % n;
  };
}

const below = counter(7);
const pick = <T>(...values: [T, ...T[]]): T => values[below(values.length)] ?? values[0];
const uniform = (): number => below(1 << 24) / (1 << 24);

type Numbers = () => number | string;

/** How the numbers of one tensor look. */
function numbers(): Numbers {
  const size = pick(1, 1, 10, 1000, 1e6);
  const special = pick<Numbers>(
    () => 'nan',
    () => 'inf',
    () => pick<number | string>('nan', '-inf', '-0', 0),
  );
  const basic = pick<Numbers>(
    () => (uniform() - 0.5) * size,
    () => uniform() * size,
    () => below(20) - 10,
    () => below(2 * size) - size,
    () => uniform() * 10 ** (below(16) - 8),
    () => (below(64) + 0.5) / 16, // exact ties
    () => (below(64) + 0.5) / 4096,
    () => 0,
    () => uniform() * 1e-5,
    () => (uniform() - 0.5) * 1e12,
    () => below(1 << 30) * 1024,
    () => 10 ** (below(9) - 4),
  );
  return below(4) === 0 ? () => (below(5) === 0 ? special() : basic()) : basic;
}

const dtypes: [DType, ...DType[]] = [
  'float32',
  'float32',
  'float32',
  'float64',
  'float64',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'uint8',
  'int8',
  'int16',
  'bool',
  'complex64',
  'complex128',
  'float8_e5m2',
  'float8_e4m3fn',
  'uint16',
];

const shapes = [
  [],
  [1],
  [5],
  [30],
  [3, 4],
  [2, 3, 4],
  [1, 1, 1, 2],
  [2, 2, 2, 3],
  [0],
  [0, 3],
  [2, 0, 4],
  [1001],
  [40, 30],
  [7, 200],
  [3, 3, 200],
  [10, 10, 10, 2],
  [6, 201],
  [1, 1500],
] as const;

function kindOf(dtype: DType, shape: readonly number[]): Kind {
  const count = shape.reduce((a, b) => a * b, 1);
  if (dtype.startsWith('complex')) return pick('plain', 'plain', 'conj', 'imag', 'leaf', 'made');
  if (!['float32', 'float64'].includes(dtype)) return pick('plain', 'plain', 'meta', count > 0 ? 'plain' : 'meta');
  const kinds: [Kind, ...Kind[]] = ['plain', 'plain', 'leaf', 'made', 'view', 'meta'];
  if (shape.length > 1) kinds.push('transposed');
  if (shape.length > 0) kinds.push('sparse', 'nested');
  if (shape.length === 2) kinds.push('csr', 'csc');
  if (dtype === 'float32' && count > 0 && shape.length > 0) kinds.push('quantized', 'channels');
  return pick(...kinds);
}

function options(): PrintSettings {
  if (below(2) === 0) return {};
  return pick<PrintSettings>(
    { precision: pick(0, 1, 2, 6, 10) },
    { threshold: pick(0, 5, 100, 2000) },
    { edgeitems: pick(0, 1, 2, 5), threshold: 10 },
    { linewidth: pick(20, 40, 120) },
    { sciMode: pick(true, false) },
    { profile: pick('short', 'full') },
    { precision: 3, sciMode: true, linewidth: 60, threshold: 20, edgeitems: 2 },
  );
}

/** Integers are kept within the dtype. */
function fits(value: number | string, dtype: DType): number | string {
  if (/float|complex/.test(dtype)) return value;
  const number = typeof value === 'string' ? 3 : Math.trunc(value);
  const [low, high] = { uint8: [0, 255], int8: [-128, 127], int16: [-30000, 30000], uint16: [0, 60000], bool: [0, 1] }[
    dtype as string
  ] ?? [-(2 ** 31), 2 ** 31 - 1];
  return Math.min(Math.max(number, low ?? 0), high ?? 0);
}

function generate(): Case {
  const shape = [...pick(...(shapes as unknown as [number[], ...number[][]]))];
  const dtype = pick(...dtypes);
  const count = shape.reduce((a, b) => a * b, 1) * (dtype.startsWith('complex') ? 2 : 1);
  const next = numbers();
  const values = Array.from({ length: count }, () => fits(next(), dtype));
  return { kind: kindOf(dtype, shape), dtype, shape, values, options: options() };
}

function made({ kind, dtype, shape, values }: Case): Tensor {
  let x = tensor(
    Float64Array.from(values, (each) => (each === 'inf' ? Infinity : each === '-inf' ? -Infinity : Number(each))),
  );
  if (dtype.startsWith('complex')) x = ops.viewAsComplex(x.reshape([-1, 2]));
  x = x.to(dtype).reshape(shape);
  switch (kind) {
    case 'plain':
      return x;
    case 'leaf':
      return x.requiresGrad_();
    case 'made':
      return x.requiresGrad_().mul(2);
    case 'transposed':
      return x.transpose(0, -1);
    case 'view':
      return x.requiresGrad_().get(null);
    case 'conj':
      return x.conj();
    case 'imag':
      return x.conj().imag;
    case 'meta':
      return x.to('meta');
    case 'sparse':
      return x.toSparse();
    case 'csr':
      return x.toSparseCsr();
    case 'csc':
      return x.toSparseCsc();
    case 'quantized':
      return ops.quantizePerTensor(x, 0.25, 3, 'quint8');
    case 'channels': {
      const channels = shape[0] ?? 1;
      return ops.quantizePerChannel(x, ones([channels]).mul(0.5), zeros([channels], { dtype: 'int64' }), 0, 'qint8');
    }
    case 'nested':
      return ops.aten<Tensor>('_nested_tensor_from_tensor_list', [x, x.mul(2)]);
  }
}

parityDescribe('printing', () => {
  it('prints what Python prints, character for character', () => {
    const cases = Array.from({ length: 1200 }, generate);
    const input = cases.map((each) => JSON.stringify(each)).join('\n');
    const theirs = runPython(path.join(import.meta.dirname, 'printing.py'), [], { input }).json() as string[];
    const different: string[] = [];
    cases.forEach((each, i) => {
      const ours = scope(() => printOptions(each.options, () => String(made(each))));
      if (ours !== theirs[i]) {
        const { kind, dtype, shape } = each;
        const options = JSON.stringify(each.options);
        different.push(`${kind} ${dtype} [${shape.join(', ')}] ${options}\n${ours}\n--- theirs\n${theirs[i] ?? ''}`);
      }
    });
    assert.deepEqual(different.slice(0, 5), [], `${different.length} of ${cases.length} differ`);
  });
});
