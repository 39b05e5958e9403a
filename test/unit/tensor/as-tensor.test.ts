import assert from 'node:assert/strict';
import { settle } from '../../settle.js';
import { arange, asTensor, memory, ones, ops, scope, tensor, zeros } from '../../../lib/tensor/index.js';

describe('asTensor', () => {
  it('shares a SharedArrayBuffer', () => {
    const array = new Float32Array(new SharedArrayBuffer(32), 8, 4);
    const x = asTensor(array, { shape: [2, 2], copy: false });
    x.fill_(3);
    array[3] = 7;
    assert.deepEqual(x.toArray(), [
      [3, 3],
      [3, 7],
    ]);
    assert.deepEqual([...array], [3, 3, 3, 7]);
    assert.deepEqual(asTensor(array, { copy: true }).fill_(1).shape, [4]);
    assert.equal(array[0], 3);
    x.resize_([100]); // takes memory of its own
    x.fill_(9);
    assert.deepEqual([...array], [3, 3, 3, 7]);
  });

  it('copies what may be detached, or refuses to', () => {
    const array = new Float64Array([1, 2]);
    const x = asTensor(array);
    array[0] = 5;
    assert.deepEqual(x.toArray(), [1, 2]);
    assert.throws(() => asTensor(array, { copy: false }), { code: 'value', message: /may be detached/ });
    assert.throws(() => asTensor([1, 2], { copy: false }), { code: 'value', message: /nested arrays/ });
    const shared = new Int32Array(new SharedArrayBuffer(8));
    assert.throws(() => asTensor(shared, { copy: false, dtype: 'int64' }), { code: 'value' });
    assert.equal(asTensor(shared, { dtype: 'int64' }).dtype, 'int64');
    assert.throws(() => asTensor(shared, { shape: [3] }), { code: 'shape' });
    assert.throws(() => asTensor(new DataView(new ArrayBuffer(8)) as never), { code: 'type' });
  });

  it('takes memory over, and leaves the array empty', () => {
    const array = new Float32Array([1, 2, 3, 4]);
    const tail = array.subarray(2);
    const x = asTensor(tail, { move: true });
    assert.deepEqual([array.length, tail.length], [0, 0]);
    assert.deepEqual(x.toArray(), [3, 4]);
    assert.throws(() => asTensor(Buffer.from('ab'), { move: true }), { code: 'value', message: /cannot be detached/ });
    assert.throws(() => asTensor(new Uint8Array(new SharedArrayBuffer(1)), { move: true }), { code: 'value' });
    const resizable = new (ArrayBuffer as unknown as new (n: number, o: object) => ArrayBuffer)(4, {
      maxByteLength: 8,
    });
    assert.deepEqual(asTensor(new Uint8Array(resizable)).toArray(), [0, 0, 0, 0]);
  });

  it('gives a tensor as itself', () => {
    const x = ones([2]);
    const same = asTensor(x);
    assert.ok(same.isSame(x) && same !== x);
    assert.equal(asTensor(x, { copy: true }).storageId() === x.storageId(), false);
    assert.equal(asTensor(x, { dtype: 'int64' }).dtype, 'int64');
    assert.throws(() => asTensor(x, { dtype: 'int64', copy: false }), { code: 'value' });
  });

  it('handles empty arrays', () => {
    assert.deepEqual(asTensor(new Float32Array(0)).shape, [0]);
    assert.deepEqual(asTensor(new Float32Array(new SharedArrayBuffer(0)), { shape: [0, 3] }).shape, [0, 3]);
    assert.deepEqual(asTensor(new Float32Array(0), { move: true }).shape, [0]);
    assert.equal(zeros([0]).asTypedArray().length, 0);
  });
});

describe('asTypedArray', () => {
  it('shows the elements themselves, whatever becomes of the tensor', () => {
    const x = arange(6).reshape([2, 3]);
    const array = x.get(1).asTypedArray();
    array[0] = 10;
    assert.equal(x.get(1, 0).item(), 10);
    const again = asTensor(array, { copy: false });
    again.set(1, 20);
    assert.deepEqual(x.get(1).toArray(), [10, 20, 5]);
    x.set('...', -1);
    x.resize_([1000]).fill_(5); // takes memory of its own
    x.dispose();
    assert.deepEqual(again.toArray(), [-1, -1, -1]);
    again.dispose();
    assert.deepEqual([...array], [-1, -1, -1]);
  });

  it('gives a lazy clone memory of its own first', () => {
    const x = arange(3);
    const clone = ops.aten<typeof x>('_lazy_clone', x);
    const array = clone.asTypedArray();
    x.fill_(7);
    x.dispose();
    clone.add_(1);
    assert.deepEqual([...array], [1, 2, 3]);
  });

  it('refuses what a TypedArray cannot show', () => {
    assert.throws(() => ones([2], { requiresGrad: true }).asTypedArray(), {
      code: 'runtime',
      message: "Can't call asTypedArray() on Tensor that requires grad. Use tensor.detach().asTypedArray() instead.",
    });
    assert.throws(() => ones([2, 3]).t().asTypedArray(), { message: /it is not contiguous/ });
    assert.throws(() => ones([2], { dtype: 'bfloat16' }).asTypedArray(), { code: 'dtype', message: /toTypedArray/ });
    assert.throws(() => ones([2]).to('meta').asTypedArray(), { message: /not on the CPU/ });
    assert.throws(() => ones([2]).toSparse().asTypedArray(), { message: /not dense/ });
    assert.deepEqual(tensor([1.5], { dtype: 'float16' }).view('int16').asTypedArray(), new Int16Array([0x3e00]));
  });

  it('keeps the memory until the collector finds the array, no longer', async () => {
    await settle();
    const before = memory();
    const use = () => {
      const array = scope(() => ones([1000]).asTypedArray());
      assert.equal(array[999], 1);
      assert.equal(memory().bytes - before.bytes, 4000);
      assert.equal(memory().tensors, before.tensors);
    };
    use();
    await settle();
    assert.equal(memory().bytes, before.bytes);
  });

  it('survives what takes buffers away', () => {
    const x = arange(1000);
    const array = x.asTypedArray();
    // Node refuses or ignores the transfer of memory that is not V8's, or hands it over whole: releases differ.
    try {
      const clone = structuredClone(array, { transfer: [array.buffer as ArrayBuffer] });
      assert.equal(clone[999], 999);
    } catch (error) {
      assert.equal((error as Error).name, 'DataCloneError');
    }
    const { transfer } = ArrayBuffer.prototype as { transfer?: (this: ArrayBufferLike) => ArrayBuffer };
    if (transfer !== undefined) {
      const other = x.asTypedArray();
      const moved = new Float32Array(transfer.call(other.buffer));
      assert.equal(other.length, 0);
      assert.equal(moved[999], 999);
    }
    globalThis.gc?.();
    assert.equal(x.get(999).item(), 999);
  });
});
