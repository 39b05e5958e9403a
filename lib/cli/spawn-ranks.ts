import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { availableParallelism, constants } from 'node:os';
import { UsageError } from '../train/errors.js';
import { gpuOf } from '../train/rank-device.js';
import type { Output } from './output.js';

/** Set for the processes that `--nproc` starts: they take no notice of the option. */
const CHILD = 'TORCHBRIDGE_NPROC_CHILD';

/** The exit code of a command whose options cannot be. */
const USAGE = 2;

/** How long the others may take to end by themselves once one has failed, in milliseconds. */
const GRACE = 5000;

/**
 * Whether this process is to start others: `--nproc` is above 1, and it is not one of those itself.
 * @param device that the processes are to compute on.
 * @throws UsageError where another launcher has started it, and for a device that is one GPU's alone.
 */
export function startsRanks(nproc: number | undefined, device = 'cpu'): nproc is number {
  if (nproc === undefined || nproc === 1 || process.env[CHILD] !== undefined) return false;
  if (process.env.RANK !== undefined || process.env.WORLD_SIZE !== undefined)
    throw new UsageError(
      'Expected no --nproc under torchrun or with RANK and WORLD_SIZE set: they start the processes',
    );
  gpuOf(device, { localRank: 0, gpus: 0 }); // how many GPUs there are only the processes can tell: they load libtorch
  return true;
}

/** A process that `--nproc` started ends when the one that did so has gone. */
export function endWithParent(): void {
  if (process.env[CHILD] === undefined || process.channel == null) return;
  process.once('disconnect', () => process.exit(1));
  process.channel.unref();
}

/** What a process ended with. */
interface Ended {
  readonly rank: number;
  readonly code: number;
  /** What there is to say of it, where it failed. */
  readonly said: string;
}

/**
 * Runs this command `nproc` times on this machine, connected by a port that is free. Only rank 0 prints; when one fails its error is
 * shown and all end. Signals go to all of them.
 * @returns the exit code: 2 where one refused its options, else that of the first process that failed, else 0.
 */
export async function spawnRanks(nproc: number, stderr: Output): Promise<number> {
  const port = await freePort();
  const threads = process.env.OMP_NUM_THREADS ?? String(Math.max(1, Math.floor(availableParallelism() / nproc)));
  const shared = {
    ...process.env,
    [CHILD]: '1',
    WORLD_SIZE: String(nproc),
    LOCAL_WORLD_SIZE: String(nproc),
    MASTER_ADDR: '127.0.0.1',
    MASTER_PORT: String(port),
    GLOO_SOCKET_IFNAME: process.env.GLOO_SOCKET_IFNAME ?? 'lo',
    OMP_NUM_THREADS: threads,
  };
  const children: ChildProcess[] = [];
  const ended: Promise<Ended>[] = [];
  for (let rank = 0; rank < nproc; rank++) {
    // In groups of their own: Ctrl-C goes to them through this process, once.
    const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      env: { ...shared, RANK: String(rank), LOCAL_RANK: String(rank) },
      stdio: ['ignore', rank === 0 ? 'inherit' : 'ignore', rank === 0 ? 'inherit' : 'pipe', 'ipc'],
      detached: true,
    });
    children.push(child);
    ended.push(endOf(child, rank));
  }
  const forward = (signal: NodeJS.Signals): void => {
    for (const child of children) child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, forward);
  try {
    const failed = await firstFailure(ended);
    if (failed === null) return 0;
    const timer = setTimeout(() => forward('SIGKILL'), GRACE);
    const all = await Promise.all(ended);
    clearTimeout(timer);
    // Interrupted on purpose, all of them.
    if (all.every(({ code }) => code === failed.code) && failed.code > 128) return failed.code;
    // One that refuses its options ends the others, which may be gone first.
    const { code, said } = all.find((each) => each.code === USAGE) ?? failed;
    if (said !== '') stderr.write(`${said}\n`);
    return code;
  } finally {
    for (const signal of signals) process.off(signal, forward);
    for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
}

/** The process that failed first; null when all ended well. */
async function firstFailure(ended: readonly Promise<Ended>[]): Promise<Ended | null> {
  return new Promise((resolve) => {
    for (const each of ended) void each.then((end) => end.code !== 0 && resolve(end));
    void Promise.all(ended).then(() => resolve(null));
  });
}

function endOf(child: ChildProcess, rank: number): Promise<Ended> {
  let tail = '';
  child.stderr?.on('data', (text: Buffer) => (tail = (tail + text.toString()).slice(-4000)));
  return new Promise((resolve) => {
    child.once('error', (error) => {
      resolve({ rank, code: 1, said: `torchbridge: rank ${rank} could not be started: ${error.message}` });
    });
    child.once('close', (code, signal) => {
      if (code !== null) {
        // Rank 0 has said it itself.
        const last = tail.trim().split('\n').at(-1) ?? '';
        resolve({
          rank,
          code,
          said: last === '' ? '' : `torchbridge: rank ${rank}: ${last.replace(/^torchbridge: /, '')}`,
        });
        return;
      }
      const said = `torchbridge: rank ${rank} was ended by ${signal ?? 'a signal'}; the others end with it`;
      resolve({ rank, code: 128 + (signal === null ? 0 : constants.signals[signal]), said });
    });
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
