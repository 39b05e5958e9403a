import assert from 'node:assert/strict';
import {
  arange,
  empty,
  eye,
  float,
  fromBytes,
  full,
  linspace,
  ones,
  ops,
  randint,
  Tensor,
  tensor,
  TorchError,
  zeros,
} from '../../../lib/tensor/index.js';

function code(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    assert.ok(error instanceof TorchError, String(error));
    return error.code;
  }
  return 'none';
}

describe('creation', () => {
  it('reads nested numbers as float32, bigints as int64, booleans as bool', () => {
    const a = tensor([
      [1, 2.5],
      [-3, 4],
    ]);
    assert.deepEqual(
      [a.dtype, a.shape, a.toArray()],
      [
        'float32',
        [2, 2],
        [
          [1, 2.5],
          [-3, 4],
        ],
      ],
    );
    const b = tensor([1n, -(2n ** 63n)]);
    assert.deepEqual([b.dtype, b.toArray()], ['int64', [1n, -(2n ** 63n)]]);
    const c = tensor([[true], [false]]);
    assert.deepEqual([c.dtype, c.toArray()], ['bool', [[true], [false]]]);
    assert.deepEqual([tensor(7).shape, tensor(7).toArray()], [[], 7]);
    assert.deepEqual([tensor([]).shape, tensor([[], []]).shape], [[0], [2, 0]]);
  });

  it('keeps the dtype of a TypedArray and copies it', () => {
    const data = new Float64Array([1, 2, 3, 4, 5, 6]);
    const a = tensor(data, { shape: [2, 3] });
    data[0] = 100;
    assert.deepEqual(
      [a.dtype, a.toArray()],
      [
        'float64',
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
      ],
    );
    for (const [array, dtype] of [
      [new Int8Array([-1]), 'int8'],
      [new Uint8Array([255]), 'uint8'],
      [new Int16Array([-300]), 'int16'],
      [new Int32Array([7]), 'int32'],
      [new BigInt64Array([9n]), 'int64'],
      [new Float32Array([0.5]), 'float32'],
    ] as const) {
      const made = tensor(array);
      assert.equal(made.dtype, dtype);
      assert.deepEqual(made.toTypedArray(), array);
    }
    assert.deepEqual(tensor(new Uint8Array([0, 2]), { dtype: 'bool' }).toArray(), [false, true]);
  });

  it('converts to a named dtype as PyTorch does', () => {
    assert.deepEqual(tensor([1.9, -1.9], { dtype: 'int64' }).toArray(), [1n, -1n]);
    assert.deepEqual(tensor([1, 0], { dtype: 'bool' }).toArray(), [true, false]);
    assert.equal(tensor([0.1], { dtype: 'float64' }).item(), 0.1);
    assert.equal(tensor([0.1], { dtype: 'float32' }).item(), Math.fround(0.1));
    assert.equal(tensor([1.001], { dtype: 'bfloat16' }).item(), 1);
    assert.equal(tensor([65504], { dtype: 'float16' }).item(), 65504);
  });

  it('refuses ragged rows, mixed kinds, values that do not fit, wrong sizes', () => {
    assert.equal(
      code(() => tensor([[1, 2], [3]])),
      'shape',
    );
    assert.equal(
      code(() => tensor([[1], 2] as never)),
      'shape',
    );
    assert.equal(
      code(() => tensor([1, [2]] as never)),
      'type',
    );
    assert.equal(
      code(() => tensor([1, 2n])),
      'type',
    );
    assert.equal(
      code(() => tensor(['a'] as never)),
      'type',
    );
    assert.equal(
      code(() => tensor([300], { dtype: 'uint8' })),
      'value',
    );
    assert.equal(
      code(() => tensor([1], { dtype: 'float31' as never })),
      'type',
    );
    assert.equal(
      code(() => tensor(new Float32Array(5), { shape: [2, 3] })),
      'shape',
    );
    assert.equal(
      code(() => tensor(new Float32Array(5), { shape: [-5] })),
      'shape',
    );
    assert.equal(
      code(() => tensor([2n ** 64n])),
      'value',
    );
  });

  it('holds 64 bits, signed and unsigned, or says so', () => {
    assert.equal(tensor([2n ** 63n - 1n]).itemBigInt(), 2n ** 63n - 1n);
    assert.equal(tensor([2n ** 64n - 1n], { dtype: 'uint64' }).itemBigInt(), 2n ** 64n - 1n);
    for (const [value, dtype] of [
      [2n ** 63n, 'int64'],
      [1e30, 'int64'],
      [-1, 'uint64'],
      [2n ** 64n, 'uint64'],
      [NaN, 'int64'],
    ] as const) {
      assert.equal(
        code(() => tensor([value], { dtype })),
        'value',
        String(value),
      );
    }
    assert.deepEqual(tensor([NaN, 0, -0], { dtype: 'bool' }).toArray(), [true, false, false]);
  });

  it('refuses arrays that hold themselves', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    assert.equal(
      code(() => tensor(cycle as never)),
      'type',
    );
  });

  it('refuses absurd sizes without crashing', () => {
    for (const shape of [[2 ** 40, 2 ** 40], [2 ** 52], [-1], [Number.MAX_SAFE_INTEGER, 2]]) {
      assert.notEqual(
        code(() => zeros(shape)),
        'none',
        String(shape),
      );
    }
    for (const shape of [[1.5], [Number.NaN], [Infinity], ['a'], [2 ** 60]]) {
      assert.equal(
        code(() => zeros(shape as never)),
        'type',
        String(shape),
      );
    }
    assert.equal(
      code(() => fromBytes(new Uint8Array(8), [2 ** 40, 2 ** 40], 'float32')),
      'shape',
    );
  });

  it('makes the usual tensors', () => {
    assert.deepEqual(
      ones([2])
        .add(zeros([2]))
        .toArray(),
      [1, 1],
    );
    assert.deepEqual(eye(2).toArray(), [
      [1, 0],
      [0, 1],
    ]);
    assert.deepEqual(arange(4).toArray(), [0, 1, 2, 3]);
    assert.deepEqual(arange(1n, 7n, 2n).toArray(), [1n, 3n, 5n]);
    assert.deepEqual(linspace(0, 1, 3).toArray(), [0, 0.5, 1]);
    assert.deepEqual(empty([2, 0]).shape, [2, 0]);
    const drawn = randint(3, 5, [100]);
    assert.equal(drawn.dtype, 'int64');
    assert.deepEqual([drawn.min().item(), drawn.max().item()], [3, 4]);
  });

  it('follows the documented rule for numbers without a fraction', () => {
    assert.equal(full([2], 1).dtype, 'float32');
    assert.equal(full([2], 1n).dtype, 'int64');
    // Numbers alone decide: a number is a float, as in tensor([1]).
    for (const made of [full([2], 1.0), ops.full([2], 1.0), ops.aten<Tensor>('full', [2], 1.0), ops.arange(3.0)])
      assert.equal(made.dtype, 'float32');
    assert.equal(ops.full([2], 1n).dtype, 'int64');
    assert.equal(ops.full([2], float(1)).dtype, 'float32');
    assert.equal(ops.full([2], true).dtype, 'bool');
    assert.equal(ops.arange(3n).dtype, 'int64');
    assert.equal(ops.where(tensor([true]), 1, 0).dtype, 'float32');
    assert.equal(ops.where(tensor([true]), 1n, 0n).dtype, 'int64');
    // A tensor beside it: a number without a fraction is an int.
    assert.equal(ops.fullLike(tensor([1n]), 1.5).dtype, 'int64');
    assert.equal(ops.where(tensor([true]), tensor([1n]), 0).dtype, 'int64');
    assert.equal(tensor([1n]).mul(2).dtype, 'int64');
    assert.equal(tensor([1n]).mul(float(2)).dtype, 'float32');
    assert.equal(tensor([1n]).mul(0.5).dtype, 'float32');
    assert.ok(Object.is(tensor([1]).mul(-0).item(), -0));
  });

  it('round-trips every dtype through bytes', () => {
    for (const dtype of [
      'float32',
      'float64',
      'float16',
      'bfloat16',
      'uint8',
      'int8',
      'int16',
      'int32',
      'int64',
      'bool',
      'complex64',
      'complex128',
    ] as const) {
      const a = tensor([1, 0, 1, 1]).to(dtype);
      const b = fromBytes(a.bytes(), [2, 2], dtype);
      assert.deepEqual([b.dtype, b.shape], [dtype, [2, 2]]);
      assert.ok(ops.equal(a, b.view([4])));
    }
  });
});
