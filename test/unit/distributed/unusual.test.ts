/** Rules of DistributedDataParallel and its sampler that need no second process. */
import assert from 'node:assert/strict';
import { distributed, isGradEnabled, memory, nn, ones, optim, scope, type Tensor } from '../../../lib/index.js';
import { tensorsIn, tiedOutputs } from '../../../lib/distributed/module-outputs.js';
import { freeModule } from '../../parity/models/networks.js';
import { settle } from '../../settle.js';
import { ranksInOneProcess } from './pair.js';

describe('DistributedDataParallel of one process', () => {
  it('noSync refuses what goes on later, and averages again afterwards', async () => {
    await settle();
    const before = memory().tensors;
    await ranksInOneProcess(1, async ([group]) => {
      const model = new distributed.DistributedDataParallel(new nn.Linear(2, 1), { group: group! });
      assert.throws(() => model.noSync(() => Promise.resolve()), /noSync.*a Promise/s);
      scope(() => {
        const step = (): Tensor => model.call(ones([1, 2])).sum();
        model.noSync(() => {
          step().backward();
        });
        assert.deepEqual(model.module.weight.grad!.tolist(), [[1, 1]]);
        step().backward();
        assert.deepEqual(model.module.weight.grad!.tolist(), [[2, 2]]);
      });
      model.dispose();
      freeModule(model);
      return Promise.resolve();
    });
    assert.equal(memory().tensors, before);
  });

  it("knows its options: Python's spelling, or one that there is not, is refused", () => {
    const { DistributedDataParallel, DistributedSampler, ZeroRedundancyOptimizer } = distributed;
    const net = new nn.Linear(1, 1);
    const bag = (value: object): never => value as never;
    assert.throws(
      () => new DistributedDataParallel(net, bag({ find_unused_parameters: true })),
      /no option find_unused_parameters; did you mean findUnusedParameters\?/,
    );
    assert.throws(() => new DistributedDataParallel(net, bag({ deviceIds: [0] })), /no option deviceIds; it knows/);
    assert.throws(() => new DistributedSampler({ length: 1 }, bag({ drop_last: true })), /did you mean dropLast\?/);
    assert.throws(() => new ZeroRedundancyOptimizer(net.parameters(), bag({ lr: 1 })), /has no option lr; it knows/);
    assert.throws(() => new ZeroRedundancyOptimizer(net.parameters(), bag({})), /needs the option optimizer/);
    freeModule(net);
  });

  it('finds the tensors of an output that holds itself, and ties those with a history', () => {
    scope(() => {
      const leaf = ones([2]).requiresGrad_();
      const [a, b, plain] = [leaf.mul(2), leaf.mul(3), ones([1])];
      const output: Record<string, unknown> = { a, list: [b, a, plain, 'text'], map: new Map([['b', b]]), leaf };
      output['self'] = output;
      assert.deepEqual(new Set(tensorsIn(output)), new Set([a, b, plain, leaf]));
      const tied = tiedOutputs(output) as { a: Tensor; list: Tensor[]; map: Map<string, Tensor> } & typeof output;
      assert.equal(tied['self'], tied);
      assert.equal(tied['leaf'], leaf);
      assert.equal(tied.list[2], plain);
      assert.equal(tied.list[1], tied.a);
      assert.equal(tied.map.get('b'), tied.list[0]);
      assert.notEqual(tied.a, a);
      tied.a.sum().backward();
      assert.deepEqual(leaf.grad!.tolist(), [2, 2]);
      assert.equal(tiedOutputs(a), a);
    });
  });
});

describe('ZeroRedundancyOptimizer of one process', () => {
  it('says what is wrong with a state, takes groups later, and gives a closure to the optimizer', async () => {
    await ranksInOneProcess(1, async ([group]) => {
      const [first, second] = [new nn.Linear(2, 1), new nn.Linear(1, 1)];
      const optimizer = new distributed.ZeroRedundancyOptimizer(first.parameters(), {
        optimizer: optim.SGD,
        options: { lr: 0.5, momentum: 0.9 },
        group: group!,
      });
      const load =
        (state: unknown): (() => void) =>
        () => {
          optimizer.loadStateDict(state as optim.OptimizerStateLike);
        };
      assert.throws(load({}), { name: 'TorchError', message: /param_groups/ });
      assert.throws(load(3), { name: 'TorchError', message: /expected the state dict to be a Map or an object/ });
      assert.throws(load({ state: {}, param_groups: [{ params: [0] }] }), /doesn't match the size/);
      assert.throws(() => {
        optimizer.addParamGroup({ params: first.parameters() });
      }, /some parameters appear in more than one parameter group/);
      assert.equal(optimizer.paramGroups.length, 1);
      optimizer.addParamGroup({ params: second.parameters(), lr: 0.25 });
      scope(() => {
        const loss = optimizer.step(() => {
          assert.ok(isGradEnabled());
          const sum = second.call(first.call(ones([1, 2]))).sum();
          sum.backward();
          return sum;
        });
        assert.equal(loss!.numel(), 1);
      });
      await optimizer.consolidateStateDict();
      const { state, param_groups: groups } = optimizer.stateDict();
      assert.deepEqual([...state.keys()], [0, 1, 2, 3]);
      assert.deepEqual([groups[0]!['lr'], groups[1]!['lr'], groups[1]!['params']], [0.5, 0.25, [2, 3]]);
      freeModule(first);
      freeModule(second);
    });
  });
});

describe('DistributedSampler', () => {
  it('of fewer samples than processes: some twice, or none', () => {
    const of = (length: number, dropLast: boolean): number[][] =>
      [0, 1, 2, 3, 4].map((rank) => {
        const sampler = new distributed.DistributedSampler(
          { length },
          { numReplicas: 5, rank, shuffle: false, dropLast },
        );
        assert.equal(sampler.length, [...sampler.indices()].length);
        return [...sampler.indices()];
      });
    // Python's list(DistributedSampler(range(n), 5, rank, shuffle=False, drop_last=...)).
    assert.deepEqual(of(2, false), [[0], [1], [0], [1], [0]]);
    assert.deepEqual(of(2, true), [[], [], [], [], []]);
    assert.deepEqual(of(0, false), [[], [], [], [], []]);
    assert.deepEqual(of(12, true), [
      [0, 5],
      [1, 6],
      [2, 7],
      [3, 8],
      [4, 9],
    ]);
    assert.ok(
      Object.is(
        new distributed.DistributedSampler({ length: 2 }, { numReplicas: 5, rank: 0, dropLast: true }).length,
        0,
      ),
    );
  });
});
