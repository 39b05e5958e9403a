import assert from 'node:assert/strict';
import path from 'node:path';
import {
  arange,
  Complex,
  type DType,
  scope,
  slice,
  type SliceBound,
  Tensor,
  tensor,
  type TensorIndex,
} from '../../../lib/tensor/index.js';
import { parityDescribe, runPython } from '../python.js';

type Item =
  | { kind: 'value'; value: number | boolean | null | unknown[] }
  | { kind: 'slice'; parts: (number | null | TensorItem)[] }
  | { kind: 'ellipsis' }
  | { kind: 'complex'; value: [number, number] }
  | TensorItem;
interface TensorItem {
  kind: 'tensor';
  dtype: DType;
  shape: number[];
  data: number[];
}
interface Case {
  shape: number[];
  dtype: DType;
  transposed: boolean;
  grad: boolean;
  index: Item[];
  value?: Item;
}
type Description = [number[], number[], string, number[]];
interface Found {
  error?: string;
  result?: Description;
  view?: boolean;
  offset?: number;
  made?: string | null;
  grad?: Description;
  valueGrad?: Description;
}

/** Numbers that are the same in every run, each below `n`. */
function counter(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % n;
  };
}

class Generator {
  readonly below: (n: number) => number;
  constructor(seed: number) {
    this.below = counter(seed);
  }

  pick<T>(...values: [T, ...T[]]): T {
    return values[this.below(values.length)] ?? values[0];
  }

  position(size: number): number {
    // One in eighty lies outside.
    return this.below(80) === 0 ? size + this.below(2) : this.below(2 * Math.max(size, 1)) - size;
  }

  bound(size: number): number | null | TensorItem {
    if (this.below(3) === 0) return null;
    const value = this.below(2 * size + 5) - size - 2;
    return this.below(15) === 0 ? { kind: 'tensor', dtype: 'int64', shape: [], data: [value] } : value;
  }

  positions(size: number): TensorItem {
    const shape = this.pick([2], [2], [1], [2, 2], [], [2, 1], [2], this.pick([0], [3]));
    const count = shape.reduce((a, b) => a * b, 1);
    const dtype =
      this.below(30) === 0 ? this.pick<DType>('int16', 'float32') : this.pick<DType>('int64', 'int64', 'int32');
    return { kind: 'tensor', dtype, shape, data: Array.from({ length: count }, () => this.position(size)) };
  }

  mask(sizes: readonly number[]): TensorItem {
    const shape = this.below(40) === 0 ? [...sizes.slice(0, -1), 7] : [...sizes];
    const count = shape.reduce((a, b) => a * b, 1);
    return { kind: 'tensor', dtype: 'bool', shape, data: Array.from({ length: count }, () => this.below(2)) };
  }

  list(size: number): unknown[] {
    const one = (): unknown => this.position(size);
    switch (this.below(5)) {
      case 0:
        return Array.from({ length: size }, () => this.below(2) === 0);
      case 1:
        return [
          [one(), one()],
          [one(), one()],
        ];
      case 2:
        return [];
      default:
        return Array.from({ length: this.pick(1, 2, 2, 3) }, one);
    }
  }

  /** One index for the dimensions from `dim` on, and how many of them it takes. */
  item(shape: readonly number[], dim: number): [Item, number] {
    const size = shape[dim] ?? 2;
    switch (this.below(14)) {
      case 0:
      case 1:
      case 2:
        return [{ kind: 'value', value: this.position(size) }, 1];
      case 3:
      case 4:
      case 5:
      case 6: {
        const step = this.below(40) === 0 ? this.pick(-1, 0) : this.pick<number | null>(null, null, 1, 2, 3);
        // With a step of 0 Python reports a tensor's bound in words of its own.
        const bounds = [this.bound(size), this.bound(size)].map((each) => (step === 0 ? null : each));
        return [{ kind: 'slice', parts: [...bounds, step] }, 1];
      }
      case 7:
        return [{ kind: 'value', value: null }, 0];
      case 8:
        return [{ kind: 'ellipsis' }, Math.max(0, shape.length - dim - this.below(3))];
      case 9:
      case 10:
        return [this.positions(size), 1];
      case 11: {
        const taken = 1 + this.below(Math.max(1, Math.min(2, shape.length - dim)));
        return [this.mask(shape.slice(dim, dim + taken)), taken];
      }
      case 12:
        return [{ kind: 'value', value: this.list(size) }, 1];
      default:
        return [{ kind: 'value', value: this.below(2) === 0 }, 0];
    }
  }

  case(assign: boolean): Case {
    const shape = this.pick([4], [3, 4], [2, 3, 4], [2, 3, 4], [2, 3, 2, 3], [5, 1], [0, 3], []);
    const index: Item[] = [];
    const most = shape.length + this.below(2) * this.below(2);
    for (let dim = 0; index.length < most && dim <= shape.length;) {
      const [item, taken] = this.item(shape, dim);
      index.push(item);
      dim += taken;
    }
    // A list that stands alone has rules of its own in Python: it may be taken for a tuple.
    if (index.length === 1 && index[0]?.kind === 'value' && Array.isArray(index[0].value))
      index.push({ kind: 'ellipsis' });
    const dtype = this.pick<DType>('float32', 'float32', 'float64', 'int64', 'complex64');
    const floating = dtype.startsWith('float');
    const made: Case = { shape, dtype, transposed: this.below(3) === 0 && shape.length > 1, grad: floating, index };
    if (made.transposed) [shape[0], shape[shape.length - 1]] = [shape.at(-1) ?? 1, shape[0] ?? 1];
    if (assign) made.value = this.value(dtype);
    return made;
  }

  value(dtype: DType): Item {
    const shape = this.pick([], [], [], [1], [1], [1, 1], this.pick([4], [3], [2], [3, 1], [2, 4], [1, 3, 1]));
    const count = shape.reduce((a, b) => a * b, 1);
    switch (this.below(6)) {
      case 0:
        return { kind: 'value', value: this.pick<number | boolean>(7, -2.5, 3.75, true) };
      case 1:
        if (!dtype.startsWith('complex') && this.below(10) > 0) return { kind: 'value', value: 9 };
        return { kind: 'complex', value: [1.5, -2] };
      default:
        return {
          kind: 'tensor',
          dtype: this.pick(dtype, dtype, dtype, this.pick('float32', 'int64')),
          shape,
          data: Array.from({ length: count }, (_, i) => 100 + i),
        };
    }
  }
}

function tensorOf(item: TensorItem): Tensor {
  return tensor(Float64Array.from(item.data), { dtype: item.dtype, shape: item.shape });
}

function indexOf(item: Item): TensorIndex {
  switch (item.kind) {
    case 'value':
      return item.value as TensorIndex;
    case 'ellipsis':
      return '...';
    case 'tensor':
      return tensorOf(item);
    case 'slice': {
      const parts = item.parts.map((part): SliceBound =>
        typeof part === 'object' && part !== null ? tensorOf(part) : part,
      );
      if (parts.some((part) => part instanceof Tensor)) return slice(parts[0], parts[1], parts[2]);
      // Every other one as text.
      const text = parts
        .map((part) => (part === null ? '' : String(part as number)))
        .join(':') as `${string}:${string}`;
      return text.length % 2 === 0 ? text : slice(parts[0], parts[1], parts[2]);
    }
    case 'complex':
      throw new Error('no index');
  }
}

function base(wanted: Case): Tensor {
  // Python transposes afterwards: what it begins with has the sizes swapped back.
  const shape = [...wanted.shape];
  const count = shape.reduce((a, b) => a * b, 1);
  const x = arange(0, count, 1, { dtype: 'float64' }).to(wanted.dtype).reshape(shape);
  return wanted.transposed ? x.transpose(0, -1) : x;
}

function describeTensor(x: Tensor): Description {
  const flat = (x.isComplexValued() ? x.resolveConj() : x).to(x.isComplexValued() ? 'complex128' : 'float64');
  return [x.shape, x.stride(), x.dtype, Array.from(flat.toTypedArray() as Float64Array)];
}

const counted = (like: Tensor): Tensor => arange(1, like.numel() + 1, 1, { dtype: like.dtype }).reshape(like.shape);

function read(wanted: Case): Found {
  const x = base(wanted);
  if (wanted.grad) x.requiresGrad = true;
  const y = x.get(...wanted.index.map(indexOf));
  const found: Found = {
    result: describeTensor(y.detach()),
    view: x.storageId() === y.storageId() && y.numel() > 0,
    offset: y.storageOffset(),
    made: y.gradFn?.name.split('::').at(-1) ?? null,
  };
  if (wanted.grad) {
    y.mul(counted(y)).sum().backward();
    found.grad = describeTensor(x.grad!);
  }
  return found;
}

function write(wanted: Case, item: Item): Found {
  const leaf = base(wanted);
  if (wanted.grad) leaf.requiresGrad = true;
  const x = leaf.mul(1);
  const value =
    item.kind === 'tensor'
      ? tensorOf(item)
      : item.kind === 'complex'
        ? new Complex(...item.value)
        : ((item as { value: number | boolean }).value as number);
  if (wanted.grad && value instanceof Tensor && value.dtype.startsWith('float')) value.requiresGrad = true;
  x.set(wanted.index.map(indexOf), value);
  const found: Found = { result: describeTensor(x.detach()), made: x.gradFn?.name.split('::').at(-1) ?? null };
  if (wanted.grad) {
    x.mul(counted(x)).sum().backward();
    found.grad = describeTensor(leaf.grad!);
    if (value instanceof Tensor && value.requiresGrad && value.grad !== null)
      found.valueGrad = describeTensor(value.grad);
  }
  return found;
}

function run(wanted: Case): Found {
  return scope(() => {
    try {
      return wanted.value === undefined ? read(wanted) : write(wanted, wanted.value);
    } catch (error) {
      return { error: (error as Error).message };
    }
  });
}

function compare(cases: readonly Case[]): void {
  const script = path.join(import.meta.dirname, 'indexing.py');
  const input = cases.map((each) => JSON.stringify(each)).join('\n');
  const theirs = runPython(script, [], { input }).json() as Found[];
  let failed = 0;
  const different: string[] = [];
  cases.forEach((each, i) => {
    const ours = run(each);
    const expected = theirs[i] ?? {};
    if (expected.error !== undefined) ++failed;
    try {
      assert.deepEqual(JSON.parse(JSON.stringify(ours)), expected);
    } catch {
      different.push(`${JSON.stringify(each)}\n  ours   ${JSON.stringify(ours)}\n  theirs ${JSON.stringify(expected)}`);
    }
  });
  assert.deepEqual(different.slice(0, 8), [], `${different.length} of ${cases.length} differ`);
  // Errors are compared too, but most cases are to succeed.
  assert.ok(failed > cases.length / 20 && failed < cases.length / 2, `${failed} of ${cases.length} are errors`);
}

parityDescribe('indexing', () => {
  it('gives what Python gives: elements, strides, views, grad_fn, gradients, errors', () => {
    const generator = new Generator(20);
    compare(Array.from({ length: 900 }, () => generator.case(false)));
  });

  it('assigns what Python assigns', () => {
    const generator = new Generator(21);
    compare(Array.from({ length: 700 }, () => generator.case(true)));
  });
});
