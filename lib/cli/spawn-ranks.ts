import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
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

/** The same where rank 0 still writes its checkpoint: after a signal, and where it is rank 0 that says why all end. */
const GRACE_TO_SAVE = 120_000;

/** Ports below those that systems give to whoever asks for any: nobody is given one of these before rank 0 listens there. */
const [FIRST_PORT, LAST_PORT] = [10_240, 32_000];

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
  /** Whether a signal ended it that did not come from here. */
  readonly died: boolean;
}

/**
 * Runs this command `nproc` times on this machine, connected by a port that is free. Only rank 0 prints; when one fails its error is
 * shown and all end. Signals go to all of them.
 * @returns the exit code: 128 and the number of a signal that came here and stopped all; 2 where one refused its options, else that of the first process
 * that failed, else 0.
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
  const signalled: { by: NodeJS.Signals | null } = { by: null };
  const ended: Promise<Ended>[] = [];
  for (let rank = 0; rank < nproc; rank++) {
    // In groups of their own: Ctrl-C goes to them through this process, once.
    const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      env: { ...shared, RANK: String(rank), LOCAL_RANK: String(rank) },
      stdio: ['ignore', rank === 0 ? 'inherit' : 'ignore', rank === 0 ? 'inherit' : 'pipe', 'ipc'],
      detached: true,
    });
    children.push(child);
    ended.push(endOf(child, rank, () => signalled.by !== null));
  }
  const forward = (signal: NodeJS.Signals): void => {
    signalled.by ??= signal;
    for (const child of children) child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, forward);
  try {
    const failed = await firstFailure(ended);
    if (failed === null) return 0;
    // Those that a signal stops have their time: rank 0 writes its checkpoint after the others have gone.
    const stopping = signalled.by;
    const saves = stopping !== null || (failed.rank > 0 && failed.said === '');
    const timer = setTimeout(() => forward('SIGKILL'), saves ? GRACE_TO_SAVE : GRACE);
    const all = await Promise.all(ended);
    clearTimeout(timer);
    // Interrupted on purpose, all of them; by each other, where the signal had not come yet.
    if (stopping !== null && all.every(({ code }) => code >= 128)) return 128 + constants.signals[stopping];
    // One that refuses its options ends the others, which may be gone first; so does one that was killed.
    const { code, said } = all.find((each) => each.code === USAGE) ?? all.find(({ died }) => died) ?? failed;
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

function endOf(child: ChildProcess, rank: number, isEnding: () => boolean): Promise<Ended> {
  let tail = '';
  child.stderr?.on('data', (text: Buffer) => (tail = (tail + text.toString()).slice(-4000)));
  return new Promise((resolve) => {
    child.once('error', (error) => {
      const said = `torchbridge: rank ${rank} could not be started: ${error.message}`;
      resolve({ rank, code: 1, said, died: false });
    });
    child.once('close', (code, signal) => {
      if (code !== null) {
        // Rank 0 has said it itself.
        const last = tail.trim().split('\n').at(-1) ?? '';
        const said = last === '' ? '' : `torchbridge: rank ${rank}: ${last.replace(/^torchbridge: /, '')}`;
        resolve({ rank, code, said, died: false });
        return;
      }
      const said = `torchbridge: rank ${rank} was ended by ${signal ?? 'a signal'}; the others end with it`;
      resolve({ rank, code: 128 + (signal === null ? 0 : constants.signals[signal]), said, died: !isEnding() });
    });
  });
}

async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = await listened(randomInt(FIRST_PORT, LAST_PORT));
    if (port !== null) return port;
  }
  return (await listened(0)) ?? 0;
}

/** The port that was listened on for a moment; null for one that is taken. */
async function listened(port: number): Promise<number | null> {
  const server = createServer();
  const listens = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, () => resolve(true));
  });
  if (!listens) return null;
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : null;
}
