import { native } from '../../../lib/native/load.js';
import { ProcessGroup } from '../../../lib/distributed/process-group.js';
import { type Backend, HashStore } from '../../../lib/distributed/index.js';

/**
 * The groups of `size` ranks that live in one process and meet in its memory: collectives are asynchronous, so one thread of
 * JavaScript can be all of them.
 */
export async function ranksInOneProcess<T>(
  size: number,
  use: (groups: readonly ProcessGroup[]) => Promise<T>,
  timeout = 60_000,
  backend: Backend = 'gloo',
): Promise<T> {
  const store = new HashStore({ timeout });
  const ranks = Array.from({ length: size }, (_, rank) => rank);
  const options = { backend, timeout, host: '127.0.0.1', deviceId: '' };
  const groups = await Promise.all(
    ranks.map((rank) => ProcessGroup.connect(store, { name: 'test', ranks, rank }, options)),
  );
  try {
    return await use(groups);
  } finally {
    for (const group of groups) group.destroy();
    store.dispose();
  }
}

/** Stores, groups, works and reducers that this thread of JavaScript holds. */
export const alive = (): number[] => native.distributedCounts();
