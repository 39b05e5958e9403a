import { indexOf } from '../tensor/cuda/device.js';
import { TorchError } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { type Backend, defaultBackend, defaultTimeout, checkBackend } from './backend.js';
import { checkRank } from './launch.js';
import { type ConnectOptions, ProcessGroup } from './process-group.js';
import { meet, type Meeting } from './rendezvous.js';
import { PrefixStore, type Store } from './store.js';

/** Options of {@link initProcessGroup}. */
export interface InitProcessGroupOptions {
  /** Default that of the machine: `nccl` where there are GPUs and NCCL is built in, else `gloo`. */
  readonly backend?: Backend;
  /** `env://` (default), `tcp://host:port` or `file:///path`. */
  readonly initMethod?: string;
  /** Number of this process; of the environment where it is not given. */
  readonly rank?: number;
  /** Processes in all; of the environment where it is not given. */
  readonly worldSize?: number;
  /** Milliseconds that processes wait for each other: here, and in every collective. Default half an hour, ten minutes for `nccl`. */
  readonly timeout?: number;
  /** A store of one's own instead of `initMethod`; then rank and worldSize are needed. */
  readonly store?: Store;
  /** Address of this machine by which the others reach it; default that of its name, or of the interfaces in `GLOO_SOCKET_IFNAME`. */
  readonly host?: string;
  /** The GPU of this process, as `cuda:0`: NCCL connects at once instead of at the first collective, and barriers use it. Default none. */
  readonly deviceId?: `cuda:${number}`;
}

const OPTIONS: OptionNames<InitProcessGroupOptions> = {
  ...{ backend: false, initMethod: false, rank: false, worldSize: false, timeout: false },
  ...{ store: false, host: false, deviceId: false },
};

/** Options of {@link newGroup} and {@link newSubgroups}; the defaults are those of the whole job's group. */
export interface NewGroupOptions {
  readonly backend?: Backend;
  /** Milliseconds that its processes wait for each other. */
  readonly timeout?: number;
}

const GROUP_OPTIONS: OptionNames<NewGroupOptions> = { backend: false, timeout: false };

interface World {
  readonly group: ProcessGroup;
  readonly host: string;
  readonly deviceId: string;
  /** Stores that were made here. */
  readonly stores: Store[];
  readonly others: ProcessGroup[];
  /** Groups made so far: a group's name is its number, as in PyTorch. */
  count: number;
}

let world: World | undefined;
let starting = false;

/**
 * Connects this process with the others of its job; every process must call it.
 * @throws TorchError (as a rejection) `value` for a launch that cannot be (a variable is missing, a rank is not below the world
 * size), `distributed` or `runtime` in c10d's words for a port that is taken or peers that did not come within the timeout.
 * @see torch.distributed.init_process_group
 */
export async function initProcessGroup(options: InitProcessGroupOptions = {}): Promise<ProcessGroup> {
  checkOptionBag('initProcessGroup', options, OPTIONS);
  const { backend = defaultBackend(), host = '', deviceId = '' } = options;
  const { timeout = defaultTimeout(backend) } = options;
  if (world !== undefined || starting) {
    throw new TorchError('runtime', 'trying to initialize the default process group twice!');
  }
  checkBackend(backend);
  if (deviceId !== '') indexOf(deviceId);
  starting = true;
  const stores: Store[] = [];
  try {
    const { store, rank, worldSize } = await meeting(options, timeout, stores);
    await agreeOnSize(store, rank, worldSize);
    if (options.store === undefined) await claimRank(store, rank);
    const ranks = Array.from({ length: worldSize }, (_, each) => each);
    const group = await connect(store, { name: '0', ranks, rank }, { backend, timeout, host, deviceId });
    world = { group, host, deviceId, stores, others: [], count: 1 };
    return group;
  } catch (error) {
    for (const store of stores.reverse()) store.dispose();
    throw leftAlone(error);
  } finally {
    starting = false;
  }
}

/** A launch that another process refused ends here with the words of a socket alone. */
function leftAlone(error: unknown): unknown {
  const isLost = /^(?:Broken pipe|Connection reset by peer|failed to recv, got 0 bytes)/i;
  if (!(error instanceof TorchError) || !isLost.test(error.message)) return error;
  const reason = error.message.split('\n')[0] ?? '';
  return new TorchError('distributed', `Another process has ended while the processes met; it says why (${reason})`);
}

async function meeting(options: InitProcessGroupOptions, timeout: number, stores: Store[]): Promise<Meeting> {
  const { store, rank, worldSize, initMethod = 'env://' } = options;
  if (store === undefined) {
    const met = await meet({ initMethod, rank, worldSize, timeout });
    stores.push(met.store);
    const prefixed = new PrefixStore(prefixOf(process.env), met.store);
    stores.push(prefixed);
    return { ...met, store: prefixed };
  }
  if (options.initMethod !== undefined) throw new TorchError('value', 'Cannot specify both initMethod and store.');
  if (rank === undefined || worldSize === undefined) {
    throw new TorchError('value', 'Expected rank and worldSize together with store');
  }
  checkRank(rank, worldSize);
  return { store, rank, worldSize };
}

/** PyTorch's; processes that torchrun starts again may meet in a store that still has the keys of those before them. */
function prefixOf({ TORCHELASTIC_RESTART_COUNT: restarts = '0' }: NodeJS.ProcessEnv): string {
  return restarts === '0' ? 'default_pg' : `default_pg/attempt_${restarts}`;
}

/** Launchers that disagree would leave everybody waiting. */
async function agreeOnSize(store: Store, rank: number, worldSize: number): Promise<void> {
  let first: string;
  try {
    first = new TextDecoder().decode(await store.compareSet('torchbridge/world_size', '', String(worldSize)));
  } catch (error) {
    // Not every store has it.
    if (error instanceof TorchError && error.code === 'notImplemented') return;
    throw error;
  }
  if (first === String(worldSize)) return;
  throw new TorchError(
    'value',
    `Expected one world size for all ranks but rank ${rank} was given ${worldSize}, another one ${first}`,
  );
}

/** Two processes with one rank would leave everybody waiting too. */
async function claimRank(store: Store, rank: number): Promise<void> {
  if ((await store.add(`torchbridge/rank/${rank}`, 1)) === 1) return;
  throw new TorchError('value', `Expected a rank of its own for each process but another one is rank ${rank} already`);
}

/** Says who is missing where c10d only names a key. */
async function connect(
  store: Store,
  place: { readonly name: string; readonly ranks: readonly number[]; readonly rank: number },
  options: ConnectOptions,
): Promise<ProcessGroup> {
  try {
    return await ProcessGroup.connect(store, place, options);
  } catch (error) {
    if (!(error instanceof TorchError) || !/^wait timeout/i.test(error.message)) throw error;
    const others = place.ranks.filter((_, index) => index !== place.rank);
    throw new TorchError(
      'distributed',
      `Timed out after ${options.timeout} ms: not all of the ranks ${others.join(', ')} have come to meet rank ${place.ranks[place.rank] ?? -1} (${error.message})`,
    );
  }
}

/** Whether {@link initProcessGroup} has been called, and {@link destroyProcessGroup} not since. */
export function isInitialized(): boolean {
  return world !== undefined;
}

/** @throws TorchError `runtime` before {@link initProcessGroup}. */
export function defaultGroup(): ProcessGroup {
  if (world === undefined) {
    throw new TorchError(
      'runtime',
      'Default process group has not been initialized, please make sure to call initProcessGroup.',
    );
  }
  return world.group;
}

/** The group that is meant where none is given. */
export const groupOf = (group: ProcessGroup | undefined): ProcessGroup => group ?? defaultGroup();

/** Number of this process in the group, by default the whole job. */
export function getRank(group?: ProcessGroup): number {
  return groupOf(group).rank;
}

/** Processes in the group, by default the whole job. */
export function getWorldSize(group?: ProcessGroup): number {
  return groupOf(group).size;
}

/** The backend of a group. */
export function getBackend(group?: ProcessGroup): Backend {
  return groupOf(group).backend;
}

/**
 * A group of some ranks. Every process of the job must call it, in the same order of calls.
 * @param ranks of the whole job; default all of them.
 * @returns null for a process that is not among them.
 * @throws TorchError (as a rejection) `value` for ranks or a backend that cannot be, `disposed` where the whole job's group goes
 * meanwhile.
 * @see torch.distributed.new_group
 */
export async function newGroup(ranks?: readonly number[], options: NewGroupOptions = {}): Promise<ProcessGroup | null> {
  checkOptionBag('newGroup', options, GROUP_OPTIONS);
  const all = defaultGroup();
  const { backend = all.backend, timeout = all.timeout } = options;
  checkBackend(backend);
  const members = [...(ranks ?? all.ranks)].sort((a, b) => a - b);
  for (const [index, each] of members.entries()) {
    if (!all.ranks.includes(each) || members[index - 1] === each) {
      throw new TorchError(
        'value',
        `Expected different ranks from 0 to ${all.size - 1} for a group but received ${members.join(', ')}`,
      );
    }
  }
  if (members.length === 0) throw new TorchError('value', 'Expected at least one rank for a group');
  const here = world!;
  const name = String(here.count++);
  const rank = members.indexOf(all.rank);
  if (rank < 0) return null;
  const { host, deviceId } = here;
  const group = await connect(all.store, { name, ranks: members, rank }, { backend, timeout, host, deviceId });
  if (world !== here) {
    group.destroy();
    throw new TorchError('disposed', 'the default process group was destroyed while this one was connected');
  }
  here.others.push(group);
  return group;
}

/**
 * Groups of `groupSize` neighbours that together are the whole job. Every process calls it.
 * @returns the group of this process.
 * @throws TorchError `value` where the world size is no multiple of `groupSize`.
 * @see torch.distributed.new_subgroups
 */
export async function newSubgroups(groupSize: number, options: NewGroupOptions = {}): Promise<ProcessGroup> {
  const all = defaultGroup();
  if (!Number.isSafeInteger(groupSize) || groupSize < 1 || all.size % groupSize !== 0) {
    throw new TorchError(
      'value',
      `Expected a number that divides the world size ${all.size} for groupSize but received ${groupSize}`,
    );
  }
  let own: ProcessGroup | null = null;
  for (let start = 0; start < all.size; start += groupSize) {
    own = (await newGroup(all.ranks.slice(start, start + groupSize), options)) ?? own;
  }
  return own!;
}

/**
 * Ends a group, by default all of them and the connection with the store. What still runs in it ends on its own; peers that
 * wait for this process get an error.
 * @see torch.distributed.destroy_process_group
 */
export function destroyProcessGroup(group?: ProcessGroup): void {
  if (group !== undefined && group !== world?.group) {
    group.destroy();
    return;
  }
  if (world === undefined) throw new TorchError('value', 'Invalid process group specified: there is none');
  const { group: all, others, stores } = world;
  world = undefined;
  for (const each of others) each.destroy();
  all.destroy();
  for (const store of stores.reverse()) store.dispose();
}
