/**
 * Arguments of every kind for the native functions of distributed training: each ends in a value or an error, never in the end of the process.
 *
 * Usage: fuzz-program.ts SEED CALLS
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { native } from '../../../lib/native/load.js';
import { type DType, nn, ones, scope, setNumThreads, type Tensor, zeros } from '../../../lib/index.js';
import { writeTape } from '../../../lib/tensor/tape.js';

const [seed = 1, calls = 1000] = process.argv.slice(2).map(Number);
setNumThreads(1);

let state = seed;
/** A number from 0 to below `below` (Mulberry32). */
function dice(below: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % below;
}
const one = <T>(of: readonly T[]): T => of[dice(of.length)]!;

type Make = () => unknown;
const folder = mkdtempSync(path.join(tmpdir(), 'torchbridge-'));
const alive: Record<'stores' | 'groups' | 'works' | 'reducers', number[]> = {
  stores: [],
  groups: [],
  works: [],
  reducers: [],
};
/** Now and then a number of another thing, or of nothing. */
const handle =
  (kind: keyof typeof alive): Make =>
  () =>
    dice(12) === 0 || alive[kind].length === 0 ? junk() : one(alive[kind]);
const junk: Make = () =>
  one<unknown>([
    ...[
      undefined,
      null,
      true,
      '',
      'x',
      -1,
      0,
      1,
      2,
      7,
      0.5,
      1e10,
      2 ** 31,
      -(2 ** 31),
      1e300,
      NaN,
      Infinity,
      -Infinity,
    ],
    ...[10n, Symbol('s'), {}, [], [1], ['a'], [null], new Uint8Array(3), new Float64Array(2), () => 1, new Date(0)],
  ]);
const key: Make = () => one(['a', 'b', '', 'long'.repeat(50), 'count', 'ü']);
const keys: Make = () => Array.from({ length: dice(4) }, key);
const bytes: Make = () => new Uint8Array(one([0, 1, 3, 1000])).fill(one([0, 49, 255]));
const timeout: Make = () => one([1, 5, 20]);
const flag: Make = () => dice(2) === 0;
const rank: Make = () => one([0, 0, 0, 1, -1]);
const count: Make = () => one([0, 1, 2, 3, 5, 100]);
const rows: Make = () => Array.from({ length: dice(3) }, () => one([0, 1, 2, 3, -1, 1e15]));

const ranks: Make = () => Array.from({ length: one([0, 1, 1, 2, 3, 100]) }, (_, each) => each);
const backends: Make = () =>
  one([['cpu:gloo'], ['cpu:gloo', 'cuda:gloo'], ['cuda:gloo'], ['cuda:nccl'], ['cpu:nccl'], ['cpu'], [':'], []]);

const kinds = [
  ...['broadcast', 'allReduce', 'allReduceCoalesced', 'reduce', 'allGather', 'allGatherInto', 'gather', 'scatter'],
  ...[
    'reduceScatter',
    'reduceScatterTensor',
    'allToAll',
    'allToAllSingle',
    'send',
    'recv',
    'recvAnySource',
    'barrier',
    'no',
  ],
];

/** How each function is called when it is called rightly; one argument in ten is something else. */
const targets: Record<string, readonly Make[]> = {
  tcpStore: [() => '127.0.0.1', () => 0, count, flag, timeout, flag, flag],
  storePort: [handle('stores')],
  fileStore: [() => path.join(folder, one(['f', 'no/such/folder'])), count, timeout],
  hashStore: [timeout],
  prefixStore: [key, handle('stores')],
  storeSet: [handle('stores'), key, bytes],
  storeGet: [handle('stores'), key, timeout],
  storeWait: [handle('stores'), keys, timeout],
  storeAdd: [handle('stores'), key, count],
  storeCheck: [handle('stores'), keys],
  storeCompareSet: [handle('stores'), key, bytes, bytes],
  storeDelete: [handle('stores'), key],
  storeCount: [handle('stores')],
  releaseStore: [handle('stores')],
  newProcessGroup: [backends, handle('stores'), key, rank, ranks, () => '127.0.0.1', timeout, () => ''],
  setNccl: [junk],
  destroyProcessGroup: [handle('groups')],
  distributedCounts: [],
  issueCollective: [handle('groups'), () => one(kinds), () => dice(9), rank, count, timeout, rows, rows],
  startCoalescing: [handle('groups')],
  endCoalescing: [handle('groups')],
  awaitWork: [handle('works')],
  waitWork: [handle('works')],
  workDone: [handle('works')],
  releaseWork: [handle('works')],
  monitoredBarrier: [handle('groups'), timeout, flag],
  newReducer: [
    ...[handle('groups'), count, count, flag, flag, () => one([['w'], ['w', 'b'], []]), () => one([[], ['b']])],
    flag,
  ],
  prepareForForward: [handle('reducers')],
  rebuildBuckets: [handle('reducers')],
  prepareForBackward: [handle('reducers')],
  delaysReduction: [handle('reducers')],
  delayReduction: [handle('reducers')],
  registerCommHook: [handle('reducers'), () => one(['allreduce', 'fp16Compress'])],
  setForwardWork: [handle('reducers'), handle('works'), flag],
  shadowBackward: [handle('reducers')],
  reducerBuckets: [handle('reducers')],
  releaseReducer: [handle('reducers')],
  verifyParameters: [handle('groups')],
  broadcastCoalesced: [handle('groups'), count, rank],
};
const results: Readonly<Record<string, keyof typeof alive>> = {
  ...{ tcpStore: 'stores', fileStore: 'stores', hashStore: 'stores', prefixStore: 'stores' },
  ...{ newProcessGroup: 'groups', issueCollective: 'works', newReducer: 'reducers' },
};

const dtypes: DType[] = ['float32', 'float64', 'int64', 'uint8', 'bool', 'bfloat16', 'int16', 'complex64'];
const shapes = [[], [0], [4], [2, 3], [1, 1, 5]];
const linear = new nn.Linear(3, 2);
const parameters = linear.parameters();
const tensors: Tensor[] = [
  ...dtypes.flatMap((dtype) => shapes.map((shape) => zeros(shape, { dtype }))),
  ...[
    ones([4, 4]).t().narrow(0, 1, 2),
    zeros([3]).to('meta'),
    zeros([2, 2]).toSparse(),
    ones([4], { requiresGrad: true }),
  ],
  ...[ones([1]).expand(5), linear.call(ones([1, 3])), linear.call(ones([2, 3])).sum()],
];
function lists(name: string): void {
  const like = one(tensors);
  const same = (): Tensor[] => Array.from({ length: dice(3) }, () => (dice(3) === 0 ? one(tensors) : like));
  if (name === 'newReducer' && dice(4) > 0) writeTape(parameters);
  else writeTape(same(), same());
}

/** Half of what there is goes at times, so that there is room for more. */
function thin(kind: keyof typeof alive): void {
  const most = kind === 'groups' ? 6 : 12;
  const release = {
    stores: 'releaseStore',
    groups: 'destroyProcessGroup',
    works: 'releaseWork',
    reducers: 'releaseReducer',
  } as const;
  while (alive[kind].length > most) native[release[kind]](alive[kind].splice(dice(alive[kind].length), 1)[0]!);
}

let [done, failed] = [0, 0];
const names = Object.keys(targets);
const rare = new Set(['tcpStore', 'fileStore', 'newProcessGroup', 'destroyProcessGroup', 'monitoredBarrier']);
for (let call = 0; call < calls; call++) {
  if (alive.stores.length === 0) alive.stores.push(native.hashStore(20));
  if (alive.groups.length === 0) {
    const store = native.hashStore(20);
    alive.groups.push(await native.newProcessGroup(['cpu:gloo'], store, `group ${call}`, 0, [0], '127.0.0.1', 20, ''));
    native.releaseStore(store);
  }
  let name = one(names);
  if (rare.has(name) && dice(8) > 0) name = 'issueCollective';
  const args = targets[name]!.map((make) => (dice(30) === 0 ? junk() : make()));
  try {
    if (dice(20) === 0)
      scope(() =>
        linear
          .call(ones([1, 3]))
          .sum()
          .backward(),
      ); // with the reducers that there are
    lists(name);
    const value = (native as unknown as Record<string, (...args: unknown[]) => unknown>)[name]!(...args);
    const keep = (made: unknown): void => {
      done++;
      if (name in results) alive[results[name]!].push(made as number);
    };
    if (value instanceof Promise) value.then(keep, () => failed++);
    else keep(value);
  } catch {
    failed++;
  }
  for (const kind of Object.keys(alive) as (keyof typeof alive)[]) thin(kind);
  if (call % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
}
process.stdout.write(`${done} ${failed}\n`);
rmSync(folder, { recursive: true, force: true });
process.exit(0); // with what is still under way
