import { TorchError } from '../tensor/index.js';
import { checkRank } from './launch.js';
import { type Backend, ProcessGroup } from './process-group.js';
import { meet, type Meeting } from './rendezvous.js';
import { PrefixStore, type Store } from './store.js';

/** PyTorch's default for groups of Gloo: half an hour. */
export const GROUP_TIMEOUT = 1_800_000;

/** Options of {@link initProcessGroup}. */
export interface InitProcessGroupOptions {
  /** Default `gloo`, for the CPU. */
  readonly backend?: Backend;
  /** `env://` (default), `tcp://host:port` or `file:///path`. */
  readonly initMethod?: string;
  /** Number of this process; of the environment where it is not given. */
  readonly rank?: number;
  /** Processes in all; of the environment where it is not given. */
  readonly worldSize?: number;
  /** Milliseconds that processes wait for each other: here, and in every collective. Default half an hour. */
  readonly timeout?: number;
  /** A store of one's own instead of `initMethod`; then rank and worldSize are needed. */
  readonly store?: Store;
  /** Address of this machine by which the others reach it; default that of its name, or of the interfaces in `GLOO_SOCKET_IFNAME`. */
  readonly host?: string;
}

interface World {
  readonly group: ProcessGroup;
  readonly host: string;
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
  const { backend = 'gloo', timeout = GROUP_TIMEOUT, host = '' } = options;
  if (world !== undefined || starting) {
    throw new TorchError('runtime', 'trying to initialize the default process group twice!');
  }
  checkBackend(backend);
  starting = true;
  const stores: Store[] = [];
  try {
    const { store, rank, worldSize } = await meeting(options, timeout, stores);
    await agreeOnSize(store, rank, worldSize);
    const ranks = Array.from({ length: worldSize }, (_, each) => each);
    const group = await ProcessGroup.connect(store, { name: '0', ranks, rank }, { backend, timeout, host });
    world = { group, host, stores, others: [], count: 1 };
    return group;
  } catch (error) {
    for (const store of stores.reverse()) store.dispose();
    throw error;
  } finally {
    starting = false;
  }
}

async function meeting(options: InitProcessGroupOptions, timeout: number, stores: Store[]): Promise<Meeting> {
  const { store, rank, worldSize, initMethod = 'env://' } = options;
  if (store === undefined) {
    const met = await meet({ initMethod, rank, worldSize, timeout });
    stores.push(met.store);
    const prefixed = new PrefixStore('default_pg', met.store);
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

function checkBackend(backend: string): void {
  if (backend === 'gloo') return;
  throw new TorchError(
    'value',
    `Expected gloo for backend but received ${backend}: torchbridge is built without other backends`,
  );
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
 * @see torch.distributed.new_group
 */
export async function newGroup(
  ranks?: readonly number[],
  options: { readonly timeout?: number; readonly backend?: Backend } = {},
): Promise<ProcessGroup | null> {
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
  const { host } = here;
  const group = await ProcessGroup.connect(all.store, { name, ranks: members, rank }, { backend, timeout, host });
  here.others.push(group);
  return group;
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
