import { TorchError } from '../tensor/index.js';
import { checkRank, launchFromEnvironment } from './launch.js';
import { FileStore, type Store, TCPStore } from './store.js';

/** Where a process has met the others. */
export interface Meeting {
  readonly store: Store;
  readonly rank: number;
  readonly worldSize: number;
}

/** What the caller knows before. */
export interface MeetingOptions {
  readonly initMethod: string;
  readonly rank: number | undefined;
  readonly worldSize: number | undefined;
  readonly timeout: number;
}

function failure(scheme: string, reason: string): TorchError {
  return new TorchError('value', `Error initializing torch.distributed using ${scheme} rendezvous: ${reason}`);
}

/**
 * Meets the other processes as `initMethod` says: `env://`, `tcp://host:port` or `file:///path`; the last two also with
 * `?rank=…&world_size=…`.
 */
export async function meet({ initMethod, rank, worldSize, timeout }: MeetingOptions): Promise<Meeting> {
  let url: URL;
  try {
    url = new URL(initMethod);
  } catch {
    throw new TorchError(
      'value',
      `Expected env://, tcp://host:port or file:///path for initMethod but received ${initMethod}`,
    );
  }
  const asked = (name: string): number | undefined => {
    const text = url.searchParams.get(name);
    return text === null ? undefined : Number(text);
  };
  const own = { rank: rank ?? asked('rank'), worldSize: worldSize ?? asked('world_size') };
  if (url.protocol === 'env:') {
    const launch = launchFromEnvironment(process.env, own);
    return { ...launch, store: await tcp(launch.masterAddr, launch.masterPort, launch, timeout) };
  }
  const scheme = `${url.protocol}//`;
  if (url.protocol !== 'tcp:' && url.protocol !== 'file:') {
    throw new TorchError('value', `No rendezvous handler for ${scheme}`);
  }
  if (own.rank === undefined) throw failure(scheme, 'rank parameter missing');
  if (own.worldSize === undefined) throw failure(scheme, 'world size parameter missing');
  checkRank(own.rank, own.worldSize);
  const place = { rank: own.rank, worldSize: own.worldSize };
  if (url.protocol === 'file:') {
    const path = decodeURIComponent(url.pathname);
    if (path === '' || path === '/') throw failure(scheme, 'path missing');
    return { ...place, store: new FileStore(path, place.worldSize, { timeout }) };
  }
  if (url.port === '') throw failure(scheme, 'port number missing');
  return { ...place, store: await tcp(url.hostname.replace(/^\[|\]$/g, ''), Number(url.port), place, timeout) };
}

/** Under torchrun its agent is the server, for rank 0 too. */
function tcp(
  host: string,
  port: number,
  { rank, worldSize }: { readonly rank: number; readonly worldSize: number },
  timeout: number,
): Promise<TCPStore> {
  const agent = process.env.TORCHELASTIC_USE_AGENT_STORE === 'True';
  const isServer = rank === 0 && !agent;
  return TCPStore.connect({ host, port, isServer, worldSize, timeout, multiTenant: isServer });
}
