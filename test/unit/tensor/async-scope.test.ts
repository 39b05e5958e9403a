import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { keep, memory, ones, runAsync, scope, scopeAsync, type Tensor } from '../../../lib/index.js';
import { settle } from '../../settle.js';

describe('scopeAsync', () => {
  it('releases what was made before and after each await, save what it resolves to', async () => {
    await settle();
    const before = memory();
    const made: Tensor[] = [];
    const result = await scopeAsync(async () => {
      made.push(ones([4]));
      await sleep(1);
      made.push(ones([4]).add(1));
      const y = await runAsync(() => ones([4]).mul(3));
      await sleep(1);
      return { y, sum: scope(() => y.add(ones([4])).sum()) };
    });
    assert.deepEqual(
      made.map((each) => each.isDisposed),
      [true, true],
    );
    assert.deepEqual([result.y.toArray(), result.sum.item()], [[3, 3, 3, 3], 16]);
    assert.equal(memory().tensors - before.tensors, 2);
    result.y.dispose();
    result.sum.dispose();
    assert.equal(memory().bytes, before.bytes);
  });

  it('keeps functions apart that run at the same time, and nests', async () => {
    await settle();
    const before = memory();
    const one = async (value: number): Promise<number> =>
      scopeAsync(async () => {
        const x = ones([2]).mul(value);
        const inner = await scopeAsync(async () => {
          await sleep(value % 3);
          return x.add(1);
        });
        await sleep((value * 7) % 5);
        assert.equal(x.isDisposed, false);
        return inner.sum().itemAsync();
      });
    const sums = await Promise.all(Array.from({ length: 12 }, (_, i) => one(i)));
    assert.deepEqual(
      sums,
      Array.from({ length: 12 }, (_, i) => 2 * (i + 1)),
    );
    assert.deepEqual([memory().tensors, memory().bytes], [before.tensors, before.bytes]);
  });

  it('releases everything when it fails, but not what was kept', async () => {
    let kept: Tensor | undefined;
    let lost: Tensor | undefined;
    await assert.rejects(
      scopeAsync(async () => {
        kept = keep(ones([1]));
        await sleep(1);
        lost = ones([1]);
        throw new RangeError('no');
      }),
      RangeError,
    );
    assert.deepEqual([kept?.isDisposed, lost?.isDisposed], [false, true]);
    kept?.dispose();
  });

  it('is not the scope of a synchronous one around, nor of what goes on after it has ended', async () => {
    let late: Promise<Tensor> | undefined;
    let running: Promise<number> | undefined;
    scope(() => {
      running = scopeAsync(async () => {
        const x = ones([3]);
        late = sleep(20).then(() => ones([2]));
        await sleep(5);
        return x.sum().item();
      });
    });
    assert.equal(await running, 3);
    const left = await late;
    assert.ok(left);
    assert.equal(left.isDisposed, false);
    left.dispose();
  });
});
