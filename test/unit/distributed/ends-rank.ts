/** One rank of ends.test.ts: processes that end, well or not, while others wait for them or something is under way. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { distributed as d, nn, ones, setNumThreads, TorchError, zeros } from '../../../lib/index.js';
import type { ProcessGroup } from '../../../lib/distributed/process-group.js';

const [task = '', json = '{}'] = process.argv.slice(2);
setNumThreads(1);
const own = Number(process.env.RANK);
const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** What rank 1 waits in, each in a group of its own, while rank 0 is killed. */
const WAITS: Readonly<Record<string, (group: ProcessGroup) => PromiseLike<unknown>>> = {
  allReduce: (group) => d.allReduce(ones([4]), { group }),
  allReduceCoalesced: (group) => d.allReduceCoalesced([ones([4]), ones([2])], { group }),
  broadcast: (group) => d.broadcast(ones([4]), { group }),
  reduce: (group) => d.reduce(ones([4]), { group, dst: 1 }),
  allGather: (group) => d.allGather([zeros([4]), zeros([4])], ones([4]), { group }),
  allGatherInto: (group) => d.allGatherInto(zeros([8]), ones([4]), { group }),
  gather: (group) => d.gather(ones([4]), [zeros([4]), zeros([4])], { group, dst: 1 }),
  scatter: (group) => d.scatter(ones([4]), null, { group }),
  reduceScatter: (group) => d.reduceScatter(ones([4]), [ones([4]), ones([4])], { group }),
  reduceScatterTensor: (group) => d.reduceScatterTensor(ones([4]), ones([8]), { group }),
  allToAll: (group) => d.allToAll([zeros([4]), zeros([4])], [ones([4]), ones([4])], { group }),
  allToAllSingle: (group) => d.allToAllSingle(zeros([8]), ones([8]), { group }),
  recv: (group) => d.recv(zeros([4]), 0, { group }),
  recvAny: (group) => d.recv(zeros([4]), null, { group }),
  send: (group) => d.send(ones([4_000_000]), 0, { group }),
  barrier: (group) => d.barrier({ group }),
  monitoredBarrier: (group) => d.monitoredBarrier({ group, timeout: 5000 }),
  allGatherObject: (group) => d.allGatherObject('mine', { group }),
  broadcastObjectList: (group) => d.broadcastObjectList([null], { group }),
  scatterObjectList: (group) => d.scatterObjectList(null, { group }),
  recvObjectList: (group) => d.recvObjectList(0, { group }),
  join: (group) => new d.DistributedDataParallel(new nn.Linear(2, 2), { group, initSync: false }).join(() => undefined),
  backward: async (group) => {
    const model = new d.DistributedDataParallel(new nn.Linear(2, 2), { group, initSync: false });
    await model
      .call(ones([1, 2]))
      .sum()
      .backwardAsync();
  },
};

async function killed(): Promise<void> {
  const all = await d.initProcessGroup({ host: '127.0.0.1', timeout: 60_000 });
  const groups: [string, ProcessGroup][] = [];
  for (const name of Object.keys(WAITS)) groups.push([name, (await d.newGroup(undefined, { timeout: 6000 }))!]);
  if (own === 0) {
    await all.store.get('waiting');
    await sleep(100);
    process.kill(process.pid, 'SIGKILL');
  }
  const works = groups.map(async ([name, group]) => {
    try {
      await WAITS[name]!(group);
    } catch (error) {
      assert.ok(error instanceof TorchError, `${name}: ${String(error)}`);
      return;
    }
    throw new Error(`${name} did not fail`);
  });
  await all.store.set('waiting', 'yes');
  await Promise.all(works);
  assert.throws(() => d.allReduce(ones([2])).wait(), TorchError);
  await assert.rejects(d.newGroup([0, 1], { timeout: 1000 }), TorchError);
  d.destroyProcessGroup();
  say(`${works.length} failed`);
}

/** Something is under way that rank 1 never takes part in, and this process ends. */
async function pending(): Promise<void> {
  const { store } = await d.initProcessGroup({ host: '127.0.0.1', timeout: 60_000 });
  if (own === 1) {
    await store.get('begun');
    await sleep(3000); // what waits for this process may last until it is gone, as in Python
    return;
  }
  const how = process.env.HOW;
  const model = new d.DistributedDataParallel(new nn.Linear(2, 2), { initSync: false, broadcastBuffers: false });
  const work = d.allReduce(ones([4]));
  await store.set('begun', 'yes');
  if (how === 'end') return;
  void work.then(undefined, () => undefined);
  void model
    .call(ones([1, 2]))
    .sum()
    .backwardAsync()
    .catch(() => undefined);
  if (how === 'destroy') {
    model.dispose();
    d.destroyProcessGroup();
    await assert.rejects(Promise.resolve(work), TorchError);
    assert.throws(() => d.barrier(), /Default process group has not been initialized/);
  }
  if (how === 'exit') setTimeout(() => process.exit(3), 50);
  if (how === 'throw') {
    setTimeout(() => {
      throw new RangeError('of mine');
    }, 50);
  }
}

/** The ranks give one collective tensors of different sizes. */
async function mismatch(): Promise<void> {
  await d.initProcessGroup({ host: '127.0.0.1', timeout: 10_000 });
  try {
    await d.allReduce(ones([own === 0 ? 4 : 8]));
  } catch (error) {
    if (!(error instanceof TorchError)) throw error;
    say(error.message);
  }
}

/** Waits until all that were started together are here: it takes them seconds apart on a busy machine. */
async function started(folder: string): Promise<void> {
  fs.writeFileSync(path.join(folder, String(process.pid)), '');
  while (fs.readdirSync(folder).length < Number(process.env.WORLD_SIZE)) await sleep(10);
}

async function launch(): Promise<void> {
  const options = JSON.parse(json) as d.InitProcessGroupOptions;
  await started(process.env.STARTED!);
  try {
    const group = await d.initProcessGroup({ host: '127.0.0.1', timeout: 5000, ...options });
    await assert.rejects(d.initProcessGroup(), /trying to initialize the default process group twice/);
    const sum = ones([1]);
    await d.allReduce(sum);
    const alone = await d.newSubgroups(1);
    say(`${sum.item()} of ${group.size}, ${alone.ranks.join(' ')}`);
    await d.barrier(); // rank 0 holds the store
    d.destroyProcessGroup();
  } catch (error) {
    if (!(error instanceof TorchError)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}

if (task === 'killed') await killed();
else if (task === 'pending') await pending();
else if (task === 'mismatch') await mismatch();
else await launch();
