import assert from 'node:assert/strict';
import { arange, Complex, memory, scope, slice, tensor, type TensorIndex, zeros } from '../../../lib/tensor/index.js';

const cube = () => arange(24).reshape([2, 3, 4]);

describe('indexing', () => {
  it('reads positions, slices, their text, new dimensions and the ellipsis as views', () => {
    const x = cube();
    assert.equal(x.get(1, 2, 3).item(), 23);
    assert.deepEqual(x.get(0, '1:', null, -1).toArray(), [[7], [11]]);
    assert.deepEqual(x.get('...', slice(null, null, 2)).shape, [2, 3, 2]);
    assert.deepEqual(x.get(slice(1)).shape, [1, 3, 4]);
    assert.deepEqual(x.get(' 0 : 2 ', '::2', ':').shape, [2, 2, 4]);
    assert.deepEqual(x.get().shape, [2, 3, 4]);
    for (const view of [x.get(1), x.get(':', 1), x.get('...'), x.get(null), x.get()]) {
      assert.equal(view.storageId(), x.storageId());
      assert.equal(view.isSame(x), false);
    }
  });

  it('takes positions and masks as tensors, nested arrays and TypedArrays', () => {
    const x = cube();
    const expected = [x.get(1, 0).toArray(), x.get(0, 2).toArray()];
    assert.deepEqual(x.get([1, 0], [0, 2]).toArray(), expected);
    assert.deepEqual(x.get(new Int32Array([1, 0]), new Float64Array([0, 2])).toArray(), expected);
    assert.deepEqual(x.get(tensor([1n, 0n]), [0n, 2n]).toArray(), expected);
    assert.deepEqual(x.get([tensor(1n), 0] as never, [0, tensor(2n)] as never).toArray(), expected);
    assert.deepEqual(x.get([true, false]).toArray(), x.get('0:1').toArray());
    assert.deepEqual(x.get(x.gt(21)).toArray(), [22, 23]);
    assert.deepEqual(x.get([]).shape, [0, 3, 4]);
    assert.deepEqual(x.get([[0, 1]]).shape, [1, 2, 3, 4]);
  });

  it('leaves nothing behind', () => {
    const before = memory();
    scope(() => {
      const x = cube();
      x.get([0, 1], [true, false, true], slice(tensor(0n), 2));
      x.set([[0, 1], ':', [1, 1]], 5);
      assert.throws(() => x.get([0, 7], [0, 1]), { code: 'index' });
    });
    assert.deepEqual([memory().tensors, memory().bytes], [before.tensors, before.bytes]);
  });

  it('assigns numbers and tensors with broadcasting', () => {
    const x = zeros([2, 3]);
    assert.equal(x.set(0, 1), x);
    x.set([':', 1], tensor([5, 6]))
      .set([1, [0, 2]], 7n)
      .set(x.eq(1), -1);
    assert.deepEqual(x.toArray(), [
      [-1, 5, -1],
      [7, 6, 7],
    ]);
    const whole = zeros([2], { dtype: 'int32' });
    assert.deepEqual(whole.set('...', 2.75).toArray(), [2, 2]);
    assert.deepEqual(zeros([1], { dtype: 'complex64' }).set(0, new Complex(1, -2)).toArray(), [new Complex(1, -2)]);
  });

  it("says what is wrong in PyTorch's words", () => {
    const x = cube();
    const valid = 'only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices';
    const wrong: [TensorIndex[], string, string][] = [
      [[2], 'index', 'index 2 is out of bounds for dimension 0 with size 2'],
      [[0, -4], 'index', 'index -4 is out of bounds for dimension 1 with size 3'],
      [[0, 0, 0, 0], 'index', 'too many indices for tensor of dimension 3'],
      [[1.5], 'index', `${valid} (got float)`],
      [[{} as never], 'index', `${valid} (got Object)`],
      [[undefined as never], 'index', `${valid} (got undefined)`],
      [['1:2:3:4'], 'index', `${valid} (got the text "1:2:3:4")`],
      [[1e20], 'value', 'Overflow when unpacking long long'],
      [['::0'], 'value', 'slice step cannot be zero'],
      [['::-1'], 'value', 'step must be greater than zero'],
      [[slice(0.5, 2)], 'type', 'slice indices must be integers or None or have an __index__ method'],
      [[tensor([1.5])], 'index', 'tensors used as indices must be long, int, byte or bool tensors'],
      [[[[0, 1], [2]] as never], 'value', 'expected sequence of length 2 at dim 1 (got 1)'],
      [[[Number.NaN]], 'value', 'cannot convert float NaN to integer'],
    ];
    for (const [indices, code, message] of wrong) assert.throws(() => x.get(...indices), { code, message });
    const cannot = "can't assign a str to a torch.FloatTensor";
    assert.throws(() => x.set(0, 'a' as never), { code: 'type', message: cannot });
    assert.throws(() => x.set(0, [1, 2] as never), { message: "can't assign a list to a torch.FloatTensor" });
    const leaf = zeros([2], { requiresGrad: true });
    assert.throws(
      () => leaf.set(0, 1),
      /a view of a leaf Variable that requires grad is being used in an in-place operation/,
    );
    const released = zeros([2]);
    released.dispose();
    assert.throws(() => released.get(0), { code: 'disposed' });
    assert.throws(() => x.get(released), { code: 'disposed' });
  });

  it('takes extreme positions and bounds', () => {
    const x = arange(5);
    assert.deepEqual(x.get(slice(-(2n ** 63n), 2n ** 63n - 1n)).shape, [5]);
    assert.deepEqual(x.get(`${'1'.padStart(18, '0')}:99999999999999999`).shape, [4]);
    assert.throws(() => x.get(-(2n ** 63n)), { code: 'index' });
    assert.throws(() => x.get(2n ** 70n), { code: 'value' });
    assert.throws(() => x.get(Number.POSITIVE_INFINITY), { code: 'value' });
  });
});
