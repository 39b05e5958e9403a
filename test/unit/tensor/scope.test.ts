import assert from 'node:assert/strict';
import {
  keep,
  memory,
  ones,
  OutOfMemoryError,
  releaseMemory,
  resetPeakMemory,
  scope,
  setMemoryLimit,
  swapTensors,
  tensor,
  zeros,
} from '../../../lib/tensor/index.js';
import type { Tensor } from '../../../lib/tensor/index.js';
import { native } from '../../../lib/native/load.js';
import { settle } from '../../settle.js';

describe('scope', () => {
  it('frees what is not returned, at once and to the byte', () => {
    const before = memory();
    const left = scope(() => {
      const a = zeros([1000]);
      const b = a.add(1);
      return b.sum();
    });
    assert.deepEqual([memory().tensors - before.tensors, memory().bytes - before.bytes], [1, 4]);
    assert.equal(left.item(), 1000);
    left.dispose();
    assert.deepEqual([memory().tensors, memory().bytes], [before.tensors, before.bytes]);
  });

  it('lets what is returned in arrays, objects, Maps and Sets live', () => {
    const made = scope(() => ({
      list: [ones([1])],
      map: new Map([['a', ones([2])]]),
      set: new Set([ones([3])]),
      deep: { of: [{ x: ones([4]) }] },
    }));
    const all = [made.list[0], made.map.get('a'), [...made.set][0], made.deep.of[0]?.x];
    assert.deepEqual(
      all.map((each) => each?.sum().item()),
      [1, 2, 3, 4],
    );
  });

  it('gives what is returned to the scope around, and survives cycles', () => {
    const before = memory().tensors;
    scope(() => {
      const inner = scope(() => {
        const cycle: { self?: unknown; x: Tensor } = { x: ones([1]) };
        cycle.self = cycle;
        return cycle;
      });
      assert.equal(inner.x.item(), 1);
    });
    assert.equal(memory().tensors, before);
  });

  it('finds tensors in structures deeper than calls can be, and runs no getters', () => {
    interface Link {
      x: Tensor;
      next?: Link;
    }
    const list = scope(() => {
      let head: Link = { x: ones([1]) };
      for (let i = 0; i < 20_000; ++i) head = { x: head.x, next: head };
      return Object.defineProperty(head, 'trap', {
        get: () => {
          throw new Error('ran');
        },
        enumerable: true,
      });
    });
    assert.equal(list.x.item(), 1);
  });

  it('lets two objects change places, each staying with its owner', async () => {
    await settle();
    const before = memory();
    let kept: Tensor | undefined;
    scope(() => {
      const inner = ones([3]);
      kept = keep(zeros([1000]));
      swapTensors(kept, inner);
      assert.deepEqual([kept.shape, inner.shape], [[3], [1000]]);
    });
    assert.equal(memory().bytes - before.bytes, 12, 'the zeros went with the scope');
    swapTensors(kept!, kept!);
    assert.equal(kept!.sum().item(), 3);
    const other = zeros([5]);
    other.dispose();
    assert.throws(() => {
      swapTensors(kept!, other);
    }, /this tensor was released/);
    // What nobody holds any more is freed by the object that came to stand for it.
    (() => {
      swapTensors(kept!, keep(ones([7])));
    })();
    await settle();
    assert.equal(memory().bytes - before.bytes, 28);
    assert.deepEqual(kept!.shape, [7]);
    kept!.dispose();
    assert.deepEqual([memory().tensors, memory().bytes], [before.tensors, before.bytes]);
  });

  it('keeps what is kept until it is disposed of', () => {
    const before = memory().tensors;
    let kept: Tensor | undefined;
    scope(() => {
      kept = keep(ones([2]));
    });
    assert.equal(kept?.sum().item(), 2);
    kept.dispose();
    kept.dispose();
    assert.equal(kept.isDisposed, true);
    assert.equal(memory().tensors, before + 1);
  });

  it('frees what was disposed of before anything else is done, at the latest when the running JavaScript ends', async () => {
    const sweep = native.sweep.bind(native);
    let sweeps = 0;
    native.sweep = () => {
      ++sweeps;
      sweep();
    };
    try {
      zeros([1]).dispose();
      assert.equal(sweeps, 0);
      await Promise.resolve();
      assert.equal(sweeps, 1);
      await Promise.resolve();
      const made = Array.from({ length: 200 }, () => ones([1]));
      const { tensors } = memory();
      for (const each of made) each.dispose();
      assert.ok(sweeps > 3);
      assert.equal(memory().tensors, tensors - 200);
      resetPeakMemory();
      const held = memory().bytes;
      for (let i = 0; i < 3; ++i) zeros([2 ** 20]).dispose();
      assert.equal(memory().peakBytes - held, 2 ** 22);
    } finally {
      native.sweep = sweep;
    }
  });

  it('makes the use of a released tensor an error that says how to mend it', () => {
    let leaked: Tensor | undefined;
    scope(() => {
      leaked = ones([1]);
    });
    const gone = leaked as unknown as Tensor;
    for (const use of [
      () => gone.shape,
      () => gone.add(1),
      () => tensor([1]).add(gone),
      () => gone.item(),
      () => {
        gone.backward();
      },
    ]) {
      assert.throws(use, { code: 'disposed', message: /keep\(\)/ });
    }
    assert.match(String(gone.isDisposed), /true/);
  });

  it('frees after an exception too', () => {
    const before = memory().tensors;
    assert.throws(
      () =>
        scope(() => {
          ones([1]);
          throw new Error('inside');
        }),
      /inside/,
    );
    assert.equal(memory().tensors, before);
  });

  it('works with `using`', () => {
    const before = memory().tensors;
    {
      using a = ones([5]);
      assert.equal(a.sum().item(), 5);
    }
    assert.equal(memory().tensors, before + 1);
  });

  it('does not grow when one scope makes and releases many', () => {
    const before = memory().tensors;
    scope(() => {
      for (let i = 0; i < 50_000; ++i) ones([1]).dispose();
      assert.equal(memory().tensors, before);
    });
  });
});

describe('memory', () => {
  it('counts exact bytes and the peak', () => {
    const before = memory().bytes;
    resetPeakMemory();
    scope(() => {
      zeros([1000], { dtype: 'float64' });
      scope(() => zeros([500]));
    });
    assert.equal(memory().bytes, before);
    assert.equal(memory().peakBytes - before, 10_000);
  });

  it('refuses allocations beyond the limit, and goes on afterwards', () => {
    const held = memory().bytes;
    setMemoryLimit(held + 1000);
    try {
      assert.equal(memory().limit, held + 1000);
      assert.throws(
        () => zeros([1000]),
        (error: unknown) => {
          assert.ok(error instanceof OutOfMemoryError && /the limit that was set/.test(error.message));
          assert.deepEqual([error.code, error.device, error.requested], ['memory', 'cpu', 4000]);
          assert.equal(error.held, memory().bytes);
          return true;
        },
      );
      assert.equal(memory().bytes, held);
      zeros([10]).dispose();
    } finally {
      setMemoryLimit(null);
    }
    assert.equal(memory().limit, null);
    zeros([1000]).dispose();
    assert.throws(
      () => {
        setMemoryLimit(-1);
      },
      { code: 'value' },
    );
    assert.throws(
      () => {
        setMemoryLimit(1.5);
      },
      { code: 'value' },
    );
  });

  it('is given back to the operating system on request', () => {
    const resident = (): number => process.memoryUsage().rss / 2 ** 20;
    scope(() => {
      zeros([64, 2 ** 20]).add_(1);
      // Something small above it, so that the large block is not the last one of the heap.
      return keep(ones([100_000]));
    }).dispose();
    const before = resident();
    releaseMemory();
    assert.ok(before - resident() > 200, `${before.toFixed(0)} MiB before, ${resident().toFixed(0)} MiB after`);
  });

  it('is freed by the garbage collector outside scopes', async () => {
    assert.ok(globalThis.gc, 'run with --expose-gc');
    await settle();
    const before = memory().tensors;
    (() => {
      for (let i = 0; i < 100; ++i) ones([10]);
    })();
    await settle();
    assert.ok(memory().tensors <= before + 5, `${String(memory().tensors - before)} of 100 are left`);
  });
});
