/** What groups run on. Without a GPU: what a text means, what is refused and in which words. */
import assert from 'node:assert/strict';
import { cuda, distributed, full, memory, scope, zeros } from '../../../lib/index.js';
import { defaultTimeout, parseBackend } from '../../../lib/distributed/backend.js';
import { native } from '../../../lib/native/load.js';
import { settle } from '../../settle.js';
import { ranksInOneProcess } from './pair.js';

const { HashStore, initProcessGroup, isGlooAvailable, isNcclAvailable } = distributed;

/** One process that meets nobody. */
async function alone(options: object): Promise<void> {
  const store = new HashStore();
  try {
    await initProcessGroup({ store, rank: 0, worldSize: 1, host: '127.0.0.1', ...options });
    distributed.destroyProcessGroup();
  } finally {
    store.dispose();
  }
}

describe('backends of process groups', () => {
  it('are for the devices that PyTorch has them for', () => {
    const pairs = (text: string): unknown => Object.fromEntries(parseBackend(text));
    assert.deepEqual(pairs('gloo'), { cpu: 'gloo', cuda: 'gloo' });
    assert.deepEqual(pairs('nccl'), { cuda: 'nccl' });
    assert.deepEqual(pairs('cpu:gloo'), { cpu: 'gloo' });
    assert.deepEqual(pairs('cpu:gloo,cuda:nccl'), { cpu: 'gloo', cuda: 'nccl' });
    for (const wrong of [
      '',
      'mpi',
      'cpu:nccl',
      'cpu:gloo,cpu:gloo',
      'cpu:gloo:x',
      'cpu',
      'toString',
      'cpu:gloo,',
      'GLOO',
    ]) {
      assert.throws(() => parseBackend(wrong), /^TorchError: Expected gloo, nccl or one for each device/, wrong);
    }
    assert.deepEqual([defaultTimeout('gloo'), defaultTimeout('nccl')], [1_800_000, 600_000]);
    assert.equal(defaultTimeout('cpu:gloo,cuda:nccl'), 1_800_000);
    assert.equal(isGlooAvailable(), true);
  });

  it('with NCCL are refused where there is no GPU, in one line that says why', async function () {
    const reason = cuda.whyNotAvailable();
    if (reason === undefined) {
      console.log('      not here: there is a GPU');
      this.skip();
    }
    for (const backend of ['nccl', 'cuda:nccl', 'cpu:gloo,cuda:nccl', 'cuda:gloo']) {
      const message = `The backend ${backend} cannot be used: ${reason}`;
      await assert.rejects(alone({ backend }), { name: 'TorchError', code: 'value', message });
    }
    if (!cuda.isBuilt()) assert.equal(isNcclAvailable(), false);
    await assert.rejects(alone({ deviceId: 'cuda:0' }), /Expected a CUDA device but found none/);
    assert.equal(distributed.isInitialized(), false);
  });

  it('are chosen by the machine, and told', async () => {
    await alone({});
    const store = new HashStore();
    const group = await initProcessGroup({ store, rank: 0, worldSize: 1, host: '127.0.0.1', backend: 'cpu:gloo' });
    assert.equal(distributed.getBackend(), 'cpu:gloo');
    assert.deepEqual(group.deviceTypes, ['cpu']);
    assert.equal((await distributed.newGroup())!.backend, 'cpu:gloo');
    assert.deepEqual((await distributed.newGroup([0], { backend: 'gloo' }))!.deviceTypes, ['cpu', 'cuda']);
    await assert.rejects(distributed.newGroup([0], { group_desc: 1 } as never), /newGroup has no option group_desc/);
    distributed.destroyProcessGroup();
    store.dispose();
    await assert.rejects(
      alone({ world_size: 1 }),
      /initProcessGroup has no option world_size; did you mean worldSize\?/,
    );
    await assert.rejects(alone({ backend: 'mpi' }), /for backend but received mpi/);
  });

  it('leave no group behind that was connected while the job’s own was destroyed', async () => {
    const before = native.distributedCounts();
    const store = new HashStore();
    await initProcessGroup({ store, rank: 0, worldSize: 1, host: '127.0.0.1' });
    const late = distributed.newGroup();
    distributed.destroyProcessGroup();
    await assert.rejects(late, { code: 'disposed', message: /was destroyed while this one was connected/ });
    store.dispose();
    assert.deepEqual(native.distributedCounts(), before);
  });

  it('reduce, wait and exchange objects as one backend for all devices does', async () => {
    await settle();
    const before = memory().tensors;
    await ranksInOneProcess(
      2,
      async (groups) => {
        const sums = groups.map((_, rank) => full([3], rank + 1));
        await Promise.all(groups.map((group, rank) => distributed.allReduce(sums[rank]!, { group })));
        assert.deepEqual(sums[1]!.tolist(), [3, 3, 3]);
        await Promise.all(groups.map((group) => distributed.barrier({ group })));
        await Promise.all(groups.map((group) => distributed.monitoredBarrier({ group })));
        const objects = groups.map((group, rank) => distributed.allGatherObject({ rank }, { group }));
        assert.deepEqual(await Promise.all(objects), Array(2).fill([{ rank: 0 }, { rank: 1 }]));
        for (const sum of sums) sum.dispose();
      },
      10_000,
      'cpu:gloo',
    );
    assert.equal(memory().tensors, before);
  });

  it('for CUDA alone take no tensors of the CPU', async () => {
    await ranksInOneProcess(
      1,
      async ([group]) => {
        assert.deepEqual(group!.deviceTypes, ['cuda']);
        scope(() => {
          const tensor = zeros([1]);
          assert.throws(
            () => distributed.allReduce(tensor, { group: group! }),
            /^TorchError: Expected dense tensors on CUDA for allReduce but received one that is Strided on cpu/,
          );
        });
        await assert.rejects(distributed.monitoredBarrier({ group: group! }), /only implemented for GLOO backend/);
      },
      10_000,
      'cuda:gloo',
    );
  });

  it('of NCCL are made by the CUDA module alone', () => {
    for (const wrong of [{}, 1, null, undefined, () => 1, new Uint8Array(8)]) {
      assert.throws(() => native.setNccl(wrong as never), /Expected what the CUDA module gives/);
    }
  });
});
