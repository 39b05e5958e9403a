/** Where distributed training makes its tensors, and what it says of devices that a group does not serve; no second device is needed. */
import assert from 'node:assert/strict';
import { deviceBatchNorm } from '../../../lib/distributed/device-batch-norm.js';
import { distributed, memory, nn, noGrad, ones, optim, randn, scope, type Tensor, zeros } from '../../../lib/index.js';
import { freeModule } from '../../parity/models/networks.js';
import { standIns } from './device-norm-operators.js';
import { ranksInOneProcess } from './pair.js';

const { DistributedDataParallel, ZeroRedundancyOptimizer } = distributed;

class Two extends nn.Module {
  readonly first = new nn.Linear(2, 2);
  readonly second = new nn.Linear(2, 1);
  forward(x: Tensor): { readonly parts: readonly Tensor[] } {
    const inner = this.first.call(x);
    return { parts: [inner, this.second.call(inner), x] };
  }
}

describe('devices of distributed training', () => {
  it('a module on several types of devices, or on one that the group does not serve, is refused', async () => {
    await ranksInOneProcess(1, ([group]) => {
      const net = new Two();
      net.second.to('meta');
      const wrap = () => new DistributedDataParallel(net, { group: group! });
      assert.throws(wrap, {
        code: 'value',
        message:
          "DistributedDataParallel's input module must be on the same type of devices, but input module parameters locate in {'cpu', 'meta'}.",
      });
      net.to('meta');
      const served =
        /^No backend type associated with device type meta: the collectives of this group take tensors on cpu and cuda$/;
      assert.throws(wrap, { code: 'device', message: served });
      assert.throws(() => new DistributedDataParallel(net, { group: group!, initSync: false }), {
        code: 'device',
        message: served,
      });
      const norm = new nn.BatchNorm1d(2);
      Reflect.set(norm, 'running_var', ones([2], { device: 'meta' }));
      assert.throws(() => new DistributedDataParallel(norm, { group: group! }), { code: 'device', message: served });
      freeModule(net);
      freeModule(norm);
      return Promise.resolve();
    });
  });

  it("join gives its notices where the first joinable's are", async () => {
    await ranksInOneProcess(1, async ([group]) => {
      const net = new nn.Linear(2, 1);
      const model = new DistributedDataParallel(net, { group: group! });
      const optimizer = new ZeroRedundancyOptimizer(net.parameters(), {
        optimizer: optim.SGD,
        options: { lr: 1 },
        group: group!,
      });
      assert.deepEqual([model.joinDevice, optimizer.joinDevice], ['cpu', 'cpu']);
      const other: distributed.Joinable = {
        joinProcessGroup: group!,
        joinDevice: 'meta',
        joinHook: () => ({}),
      };
      const { joinDevice: _, ...silent } = other;
      const loop = (each: distributed.Joinable) => (): void => {
        distributed.notifyJoinContext(each)?.forget();
      };
      const refused = { code: 'device', message: /for allReduce but received one that is Strided on meta/ };
      await assert.rejects(distributed.join([other, model], loop(other)), refused);
      await assert.rejects(
        distributed.join([other], () => undefined),
        refused,
      );
      await distributed.join([model, other], loop(model));
      await distributed.join([silent], loop(silent));
      model.dispose();
      freeModule(net);
    });
  });

  it('SyncBatchNorm has its own computation on the CPU alone, and wants pictures on some process', async () => {
    await ranksInOneProcess(2, ([group]) => {
      scope(() => {
        const norm = new distributed.SyncBatchNorm(3, { group: group! });
        assert.throws(() => norm.to('meta').call(zeros([2, 3], { device: 'meta' })), /batch_norm_stats/);
        assert.throws(
          () => norm.call(zeros([2, 0])),
          /^TorchError: SyncBatchNorm number of input channels should be non-zero$/,
        );
      });
      return Promise.resolve();
    });
    await ranksInOneProcess(1, ([group]) => {
      scope(() => {
        const none = { weight: null, bias: null, runningMean: null, runningVar: null };
        const call = { ...none, eps: 1e-5, momentum: 0.1, group: group! };
        assert.throws(() => deviceBatchNorm(zeros([0, 3]), call, standIns), {
          code: 'value',
          message: 'Expected more than 1 value per channel when training, got input size [0, 3]',
        });
      });
      return Promise.resolve();
    });
  });
});

describe('a static graph of one process', () => {
  it('ties outputs at the first forward alone, and nothing is left', async () => {
    const before = memory().tensors;
    await ranksInOneProcess(1, ([group]) => {
      const net = new Two();
      const model = new DistributedDataParallel(net, { group: group!, staticGraph: true });
      scope(() => {
        const x = ones([1, 2]);
        for (const names of [
          ['DDPSinkBackward', 'DDPSinkBackward'],
          ['AddmmBackward0', 'AddmmBackward0'],
        ]) {
          const free = noGrad(() => model.call(x));
          assert.deepEqual([free.parts[0]!.requiresGrad, free.parts[2]], [false, x]);
          const { parts } = model.call(x);
          assert.deepEqual([parts[0]!.gradFn!.name, parts[1]!.gradFn!.name, parts[2]], [...names, x]);
          // Of `second` nothing: the graph is searched for no unused parameter.
          parts[0]!.sum().backward();
          assert.deepEqual(net.first.bias!.grad!.tolist(), names[0]!.startsWith('DDP') ? [1, 1] : [2, 2]);
        }
      });
      model.dispose();
      freeModule(net);
      return Promise.resolve();
    });
    assert.equal(memory().tensors, before);
  });

  it('communication hooks: one, of those that there are', async () => {
    await ranksInOneProcess(1, ([group]) => {
      const net = new nn.Linear(1, 1);
      const model = new DistributedDataParallel(net, { group: group! });
      assert.throws(() => {
        model.registerCommHook('bf16' as never);
      }, /Expected allreduce or fp16Compress for hook but received bf16/);
      model.registerCommHook('fp16Compress');
      assert.throws(() => {
        model.registerCommHook('allreduce');
      }, /^TorchError: register_builtin_comm_hook or register_comm_hook can only be called once\.$/);
      scope(() => {
        model.call(ones([1, 1]).mul(1 + 2 ** -12)).backward();
        assert.equal(net.weight.grad!.item(), 1); // 1 + 2⁻¹² is no float16
      });
      model.dispose();
      assert.throws(() => {
        model.registerCommHook('allreduce');
      }, /was disposed of/);
      freeModule(net);
      return Promise.resolve();
    });
  });
});

describe('the state of a ZeroRedundancyOptimizer', () => {
  it('is brought together in the order in which its elements lie', async () => {
    await ranksInOneProcess(1, async ([group]) => {
      const conv = new nn.Conv2d(3, 4, { kernelSize: 2 }).to({ memoryFormat: 'channels_last' });
      const optimizer = new ZeroRedundancyOptimizer(conv.parameters(), {
        optimizer: optim.SGD,
        options: { lr: 0.1, momentum: 0.9 },
        group: group!,
      });
      scope(() => {
        const x = randn([2, 3, 5, 5]).contiguous({ memoryFormat: 'channels_last' });
        conv.call(x).square().sum().backward();
        optimizer.step();
      });
      const own = optimizer.state.get(conv.weight)!['momentum_buffer'] as Tensor;
      assert.ok(own.isContiguous('channels_last') && !own.isContiguous());
      await optimizer.consolidateStateDict();
      const together = optimizer.stateDict().state.get(0)!['momentum_buffer'] as Tensor;
      assert.ok(together.equal(own));
      assert.deepEqual(together.stride(), own.stride());
      freeModule(conv);
    });
  });
});
