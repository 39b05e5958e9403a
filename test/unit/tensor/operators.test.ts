import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import {
  Complex,
  empty,
  Generator,
  manualSeed,
  ops,
  randn,
  tensor,
  TorchError,
  zeros,
} from '../../../lib/tensor/index.js';

describe('operators through the generic bridge', () => {
  const a = tensor([
    [1, 2],
    [3, 4],
  ]);

  it('resolves overloads by the kinds of the arguments', () => {
    assert.deepEqual(a.add(a).toArray(), [
      [2, 4],
      [6, 8],
    ]);
    assert.deepEqual(a.add(1).toArray(), [
      [2, 3],
      [4, 5],
    ]);
    assert.deepEqual(a.add(a, { alpha: 10 }).toArray(), [
      [11, 22],
      [33, 44],
    ]);
    assert.equal(a.sum().item(), 10);
    assert.deepEqual(a.sum(0).toArray(), [4, 6]);
    assert.deepEqual(a.sum([0, 1], true).toArray(), [[10]]);
    assert.deepEqual(a.sum(1, { keepdim: true }).toArray(), [[3], [7]]);
    assert.equal(a.max().item(), 4);
    const [values, indices] = a.max(1);
    assert.deepEqual(
      [values.toArray(), indices.toArray()],
      [
        [2, 4],
        [1n, 1n],
      ],
    );
    assert.deepEqual(a.pow(2).toArray(), [
      [1, 4],
      [9, 16],
    ]);
    assert.deepEqual(a.div(2, { roundingMode: 'floor' }).toArray(), [
      [0, 1],
      [1, 2],
    ]);
  });

  it('takes named arguments in any order, positional ones too', () => {
    assert.deepEqual(a.topk(1, { dim: 0, largest: false })[0].toArray(), [[1, 2]]);
    assert.deepEqual(ops.aten<[typeof a, typeof a]>('topk', { self: a, k: 1, dim: 0 })[0].toArray(), [[3, 4]]);
    assert.deepEqual(ops.softmax(zeros([2]), 0, { dtype: 'float64' }).dtype, 'float64');
    assert.equal(a.to({ memoryFormat: 'contiguous_format' }).isContiguous(), true);
  });

  it('returns this from in-place operators and the given tensors from out=', () => {
    const x = a.clone();
    assert.equal(x.add_(1), x);
    assert.deepEqual(x.toArray(), [
      [2, 3],
      [4, 5],
    ]);
    assert.equal(x.version, 1);
    const out = empty([2, 2]);
    assert.equal(ops.add(a, a, { out }), out);
    assert.deepEqual(out.toArray(), [
      [2, 4],
      [6, 8],
    ]);
    const [values, indices] = [empty([2, 1]), empty([2, 1], { dtype: 'int64' })];
    const named = ops.topk(a, 1, { values, indices });
    assert.equal(named[0], values);
    assert.equal(named[1], indices);
    const listed = ops.aten<unknown[]>('topk', a, 1, { out: [values, indices] });
    assert.equal(listed[1], indices);
  });

  it('takes and returns lists, optional tensors, scalars, text', () => {
    assert.deepEqual(ops.cat([a, a], 1).shape, [2, 4]);
    assert.deepEqual(
      a.unbind(0).map((each) => each.toArray()),
      [
        [1, 2],
        [3, 4],
      ],
    );
    assert.deepEqual(a.split([1, 1]).length, 2);
    const picked = ops.aten<typeof a>('index.Tensor', a, [null, tensor([1n])]);
    assert.deepEqual(picked.toArray(), [[2], [4]]);
    assert.equal(ops.equal(a, a), true);
    assert.deepEqual(ops.einsum('ij,jk->ik', [a, a]).toArray(), [
      [7, 10],
      [15, 22],
    ]);
    assert.deepEqual(ops.aten<(typeof a)[]>('_foreach_add.Scalar', [a, a], 1)[1]?.toArray(), [
      [2, 3],
      [4, 5],
    ]);
    assert.deepEqual(ops.aten<(typeof a)[]>('_foreach_mul.ScalarList', [a, a], [2, 0.5])[1]?.toArray(), [
      [0.5, 1],
      [1.5, 2],
    ]);
    const complex = ops.complex(tensor([1]), tensor([2])).mul(new Complex(0, 1));
    assert.deepEqual(complex.toArray(), [new Complex(-2, 1)]);
    assert.equal(ops.aten('_foreach_add_.Scalar', [a.clone()], 1), undefined);
  });

  it('returns results that are longer than the tape', () => {
    const rows = zeros([20_000]).unbind();
    assert.equal(rows.length, 20_000);
    assert.equal(rows[19_999]?.item(), 0);
  });

  it('takes lists that are longer than the tape', () => {
    const one = tensor([1]);
    assert.deepEqual(
      ops.cat(
        Array.from({ length: 10_000 }, () => one),
        0,
      ).shape,
      [10_000],
    );
    assert.equal(zeros([1]).expand([3]).shape[0], 3);
  });

  it('draws from a generator of one’s own', () => {
    const first = ops.randperm(10, { generator: new Generator().manualSeed(5) });
    const second = ops.randperm(10, { generator: new Generator().manualSeed(5) });
    assert.deepEqual(first.toArray(), second.toArray());
    manualSeed(1);
    const x = randn([3]).toArray();
    manualSeed(1n);
    assert.deepEqual(randn([3]).toArray(), x);
  });

  it('says what it expected and what it received', () => {
    assert.throws(
      () => ops.aten('add', a, 'x'),
      (error: unknown) =>
        error instanceof TorchError &&
        error.code === 'type' &&
        error.message.includes('aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor') &&
        error.message.includes('but received (Tensor float32[2, 2], "x")'),
    );
    assert.throws(
      () => a.add(tensor([1, 2, 3])),
      (error: unknown) =>
        error instanceof TorchError &&
        error.code === 'shape' &&
        error.operator === 'add' &&
        error.message.includes('The size of tensor a (2) must match the size of tensor b (3)') &&
        error.message.includes('in add(Tensor float32[2, 2], Tensor float32[3])') &&
        !error.message.includes('frame #') &&
        (error.stack ?? '').includes('operators.test.ts'),
    );
    assert.throws(() => a.matmul(tensor([[1n]])), { name: 'TorchError' });
    assert.throws(() => ops.aten('no_such_operator'), { code: 'value' });
    assert.throws(() => ops.aten('add.NoSuch', a, a), { code: 'value' });
    assert.throws(() => a.to('mars'), { code: 'type' });
    assert.throws(() => ops.aten('add', a, Symbol('x') as never), { code: 'type' });
    assert.throws(() => ops.aten('add', a, new Date() as never), { code: 'type' });
    assert.throws(() => ops.aten('add', a, a, { alfa: 1 }), { code: 'type' });
    assert.throws(() => ops.aten('add', a, a, a, a, a), { code: 'type' });
    assert.throws(() => ops.aten('full', [2], 2n ** 70n), { code: 'value' });
    assert.throws(
      () =>
        ops.aten(
          'cat',
          Array.from({ length: 100 }, () => 1),
        ),
      { code: 'type' },
    );
    assert.throws(() => ops.aten('record_stream', a, a), {
      code: 'type',
      message: /not from JavaScript: .* is a Stream/,
    });
  });

  it('reads tensors without memory of their own, and prints any', () => {
    const none = ops.aten<typeof a>('_efficientzerotensor', [3], { device: 'cpu' });
    assert.deepEqual(none.toArray(), [0, 0, 0]);
    assert.throws(() => none.storageBytes(), /no memory of its own/);
    assert.throws(() => none.viewStorage('float32', [2], [1], 0), /no memory of its own/);
    assert.match(String(none), /tensor\(\[0\., 0\., 0\.\]\)/);
    const meta = empty([2, 3], { device: 'meta' });
    assert.equal(String(meta), "tensor(..., device='meta', size=(2, 3))");
    assert.throws(() => meta.toArray(), { name: 'TorchError' });
    assert.match(inspect(meta), /meta/);
    const sparse = a.toSparse();
    assert.match(String(sparse), /tensor\(/);
  });

  it('takes options whose getters use tensors themselves', () => {
    const sly = {
      get other(): number {
        return a.shape.length;
      },
    };
    assert.deepEqual(ops.aten<typeof a>('add', a, sly).toArray(), [
      [3, 4],
      [5, 6],
    ]);
  });

  it('describes what was given however much it was', () => {
    assert.throws(() => ops.aten('cat', ...Array.from({ length: 30_000 }, () => 1)), {
      code: 'type',
      message: /too many arguments/,
    });
    assert.throws(
      () => {
        a.requiresGrad = 1 as never;
      },
      { code: 'type', message: /boolean was expected/i },
    );
    assert.throws(
      () => zeros([2], { device: 'cuda:0' }),
      (error: unknown) => error instanceof TorchError && error.message.split('\n').length < 8,
    );
  });

  it('reads metadata', () => {
    const x = zeros([2, 3, 4]).transpose(0, 2);
    assert.deepEqual([x.shape, x.stride(), x.ndim, x.numel(), x.isContiguous()], [[4, 3, 2], [1, 4, 12], 3, 24, false]);
    assert.equal(x.select(0, 1).storageOffset(), 1);
    assert.equal(x.storageId(), x.select(0, 1).storageId());
    assert.deepEqual([x.device, x.layout, x.itemsize, x.nbytes], ['cpu', 'strided', 4, 96]);
    assert.equal(x.size(-1), 2);
    assert.throws(() => x.size(3), { code: 'index' });
    assert.throws(() => tensor([1, 2]).item(), /2 elements/);
    assert.throws(() => tensor([2n ** 60n]).item(), { code: 'value' });
    assert.equal(tensor([2n ** 60n]).itemBigInt(), 2n ** 60n);
    assert.throws(() => x.viewStorage('float32', [25], [1], 0), { code: 'shape' });
    assert.throws(() => x.viewStorage('float32', [2], [-1], 3), { code: 'shape' });
    assert.throws(() => x.viewStorage('float32', [2 ** 40, 2 ** 40], [1, 1], 0), { code: 'shape' });
    assert.equal(x.viewStorage('uint8', [96], [1], 0).sum().item(), 0);
  });
});
