import assert from 'node:assert/strict';
import {
  type DType,
  distributed,
  memory,
  ones,
  randn,
  scope,
  type Tensor,
  tensor,
  TorchError,
  zeros,
} from '../../../lib/index.js';
import type { ProcessGroup } from '../../../lib/distributed/process-group.js';
import { settle } from '../../settle.js';
import { alive, ranksInOneProcess } from './pair.js';

const d = distributed;
const list = (t: Tensor): number[] => scope(() => (t.flatten().tolist() as (number | bigint)[]).map(Number));

/** What every rank does, all at once. */
async function each(groups: readonly ProcessGroup[], run: (group: ProcessGroup, rank: number) => PromiseLike<unknown>) {
  await Promise.all(groups.map((group, rank) => run(group, rank)));
}

describe('collectives', function () {
  this.timeout(300_000);
  const before = alive();
  afterEach(() => {
    assert.deepEqual(alive(), before);
  });

  it('reduce, spread and gather among three ranks', async () => {
    await settle();
    const held = memory().tensors;
    await ranksInOneProcess(3, async (groups) => {
      const size = 3;
      const mine = groups.map((_, rank) => tensor([rank + 1, 10 * (rank + 1)]));
      await each(groups, (group, rank) => d.allReduce(mine[rank]!, { group }));
      for (const t of mine) assert.deepEqual(list(t), [6, 60]);
      for (const [op, expected] of [
        ['sum', 6],
        ['product', 6],
        ['min', 1],
        ['max', 3],
        ['band', 0],
        ['bor', 3],
        ['bxor', 0],
      ] as const) {
        const ints = groups.map((_, rank) => tensor([rank + 1], { dtype: 'int64' }));
        await each(groups, (group, rank) => d.allReduce(ints[rank]!, { group, op }));
        for (const t of ints) assert.deepEqual(list(t), [expected], op);
        for (const t of ints) t.dispose();
      }
      const [a, b] = [groups.map(() => ones([2])), groups.map(() => ones([3]))];
      await each(groups, (group, rank) => d.allReduceCoalesced([a[rank]!, b[rank]!], { group }));
      assert.deepEqual(list(b[2]!), [3, 3, 3]);
      const spread = groups.map((_, rank) => tensor([rank]));
      await each(groups, (group, rank) => d.broadcast(spread[rank]!, { group, src: 2 }));
      for (const t of spread) assert.deepEqual(list(t), [2]);
      await each(groups, (group, rank) => d.reduce(spread[rank]!, { group, dst: 1, op: 'sum' }));
      assert.deepEqual(list(spread[1]!), [6]);

      const lists = groups.map(() => Array.from({ length: size }, () => zeros([2])));
      const inputs = groups.map((_, rank) => tensor([rank, -rank]));
      await each(groups, (group, rank) => d.allGather(lists[rank]!, inputs[rank]!, { group }));
      for (const outputs of lists)
        assert.deepEqual(outputs.map(list), [
          [0, -0],
          [1, -1],
          [2, -2],
        ]);
      const whole = groups.map(() => zeros([6]));
      await each(groups, (group, rank) => d.allGatherInto(whole[rank]!, inputs[rank]!, { group }));
      assert.deepEqual(list(whole[0]!), [0, -0, 1, -1, 2, -2]);
      for (const t of lists[1]!) t.zero_();
      await each(groups, (group, rank) => d.gather(inputs[rank]!, rank === 1 ? lists[1]! : null, { group, dst: 1 }));
      assert.deepEqual(lists[1]!.map(list), [
        [0, -0],
        [1, -1],
        [2, -2],
      ]);
      const parts = groups.map(() => zeros([2]));
      await each(groups, (group, rank) => d.scatter(parts[rank]!, rank === 1 ? lists[1]! : null, { group, src: 1 }));
      assert.deepEqual(parts.map(list), [
        [0, -0],
        [1, -1],
        [2, -2],
      ]);
      await each(groups, (group, rank) => d.reduceScatter(parts[rank]!, lists[rank]!, { group }));
      assert.deepEqual(parts.map(list), [
        [0, -0],
        [3, -3],
        [6, -6],
      ]);
      await each(groups, (group, rank) => d.reduceScatterTensor(parts[rank]!, whole[rank]!, { group }));
      assert.deepEqual(parts.map(list), [
        [0, -0],
        [3, -3],
        [6, -6],
      ]);
      const to = groups.map((_, rank) => [0, 1, 2].map((each) => tensor([10 * rank + each])));
      const from = groups.map(() => [0, 1, 2].map(() => zeros([1])));
      await each(groups, (group, rank) => d.allToAll(from[rank]!, to[rank]!, { group }));
      assert.deepEqual(
        from.map((row) => row.map((t) => t.item())),
        [
          [0, 10, 20],
          [1, 11, 21],
          [2, 12, 22],
        ],
      );

      await Promise.all([
        d.send(tensor([5, 6]), 2, { group: groups[0]! }),
        d.recv(parts[2]!, 0, { group: groups[2]! }),
      ]);
      assert.deepEqual(list(parts[2]!), [5, 6]);
      const [, source] = await Promise.all([
        d.send(tensor([7, 8]), 0, { group: groups[1]!, tag: 4 }),
        d.recv(parts[0]!, null, { group: groups[0]!, tag: 4 }),
      ]);
      assert.equal(source, 1);
      await each(groups, (group) => d.barrier({ group }));
      await each(groups, (group) => d.monitoredBarrier({ group }));

      const objects = await Promise.all(
        groups.map((group, rank) => d.allGatherObject({ rank, map: new Map([[1n, [rank]]]) }, { group })),
      );
      assert.deepEqual(
        objects[1],
        [0, 1, 2].map((rank) => ({ rank, map: new Map([[1n, [rank]]]) })),
      );
      const told = await Promise.all(
        groups.map((group, rank) => d.broadcastObjectList(rank === 2 ? ['a', null] : ['', ''], { group, src: 2 })),
      );
      assert.deepEqual(told[0], ['a', null]);
      await assert.rejects(
        d.allGatherObject(() => 1, { group: groups[0]! }),
        /Expected plain data/,
      );
      for (const t of [...mine, ...a, ...b, ...spread, ...inputs, ...whole, ...parts]) t.dispose();
      for (const t of [...lists, ...to, ...from].flat()) t.dispose();
    });
    // Two were sent without a name.
    assert.equal(memory().tensors - held, 2);
  });

  it('works can be waited for in either way, and hold no tensor when they are done', async () => {
    await ranksInOneProcess(2, async ([one, two]) => {
      const [a, b] = [ones([1000]), ones([1000])];
      const works = [d.allReduce(a, { group: one! }), d.allReduce(b, { group: two! })];
      assert.equal(works[0]!.wait(), a);
      assert.equal(works[0]!.isCompleted, true);
      assert.equal(works[0]!.wait(), a);
      assert.equal(await works[1], b);
      assert.equal(await works[1], b);
      assert.equal(a.sum().item(), 2000);
      a.dispose();
      b.dispose();
    });
  });

  it('end with an error within the timeout when a peer does not come, and name the rank in a monitored barrier', async () => {
    const began = performance.now();
    await ranksInOneProcess(
      2,
      async ([one]) => {
        const t = ones([4]);
        await assert.rejects(Promise.resolve(d.allReduce(t, { group: one!, timeout: 400 })), (error: unknown) => {
          assert.ok(error instanceof TorchError);
          assert.match(error.message, /Timed out waiting|timeout/i);
          return true;
        });
        assert.throws(() => d.recv(t, 1, { group: one!, timeout: 400 }).wait(), TorchError);
        t.dispose();
      },
      20_000,
    );
    await ranksInOneProcess(
      2,
      async ([one]) => {
        await assert.rejects(
          d.monitoredBarrier({ group: one!, timeout: 500 }),
          /Rank 1 failed to pass monitoredBarrier in 500 ms/,
        );
      },
      20_000,
    );
    assert.ok(performance.now() - began < 60_000);
  });

  it('refuse what cannot be', async () => {
    await ranksInOneProcess(1, async ([group]) => {
      const t = ones([2]);
      const bad: [() => unknown, RegExp][] = [
        [() => d.allReduce(t, { group: group!, op: 'mean' as 'sum' }), /for op but received mean/],
        [() => d.broadcast(t, { group: group!, src: 3 }), /Global rank 3 is not part of group/],
        [() => d.send(t, 0, { group: group! }), /Expected another rank than this one/],
        [() => d.recv(t, null, { group: group!, tag: -1 }), /Tag must be nonnegative/],
        [() => d.gather(t, null, { group: group! }), /Expected 1 tensors for outputs on the root but received none/],
        [() => d.allReduce(t.to('meta'), { group: group! }), /Expected dense tensors on the CPU/],
        [() => d.allReduce(t.toSparse(), { group: group! }), /Expected dense tensors on the CPU/],
        [() => d.allReduce(t, { group: group!, timeout: 0 }), /at least one millisecond/],
        [() => d.allGather([], t, { group: group! }), TorchError as unknown as RegExp],
        [() => d.allReduceCoalesced([], { group: group! }), TorchError as unknown as RegExp],
        [() => d.allReduce(t), /Default process group has not been initialized/],
      ];
      scope(() => {
        for (const [run, message] of bad) assert.throws(run, message);
      });
      await Promise.resolve();
      t.dispose();
    });
  });

  it('take every dtype and layout, or say why not: no collective ends the process', async () => {
    const dtypes: DType[] = [
      'uint8',
      'int8',
      'int16',
      'int32',
      'int64',
      'float16',
      'bfloat16',
      'float32',
      'float64',
      'bool',
      'complex64',
    ];
    await ranksInOneProcess(2, async (groups) => {
      let done = 0;
      for (const dtype of dtypes) {
        for (const shape of [[], [0], [3], [2, 2]]) {
          const make = (): Tensor => zeros(shape, { dtype });
          const kinds: ((group: ProcessGroup, rank: number) => unknown)[] = [
            (group) => d.allReduce(make(), { group }),
            (group) => d.broadcast(make(), { group }),
            (group) => d.reduce(make(), { group, op: 'max' }),
            (group) => d.allGather([make(), make()], make(), { group }),
            (group, rank) => d.gather(make(), rank === 0 ? [make(), make()] : null, { group }),
            (group, rank) => d.scatter(make(), rank === 0 ? [make(), make()] : null, { group }),
            (group) => d.allToAll([make(), make()], [make(), make()], { group }),
            (group) => d.reduceScatter(make(), [make(), make()], { group, op: 'band' }),
          ];
          for (const kind of kinds) {
            const results = await Promise.allSettled(
              groups.map(async (group, rank) => await (kind(group, rank) as PromiseLike<unknown>)),
            );
            done += results.filter(({ status }) => status === 'fulfilled').length;
          }
        }
      }
      // Views with holes: refused, or read rightly.
      const wide = randn([4, 4]);
      const narrow = wide.t().narrow(0, 1, 2);
      const results = await Promise.allSettled(groups.map(async (group) => await d.allReduce(narrow, { group })));
      for (const result of results) if (result.status === 'rejected') assert.ok(result.reason instanceof TorchError);
      assert.ok(done > 300, `${done} of the collectives worked`);
    });
  });
});
