import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { pythonForParity, whyNoPython } from '../python.js';

/** What a process ended with. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
}

const quiet = { OMP_NUM_THREADS: '1', OMP_WAIT_POLICY: 'PASSIVE', GLOO_SOCKET_IFNAME: 'lo' };

/** Starts a program; its output is in what it ended with. */
export function start(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(command, args, { env: { ...process.env, ...quiet, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  child.stderr.on('data', (text: Buffer) => (output += text.toString()));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, output }));
  });
  return { child, ended };
}

/** @throws Error with the end of what the program said when it failed. */
export async function succeed(ended: Promise<Ended>): Promise<string> {
  const { code, signal, output } = await ended;
  if (code !== 0) throw new Error(`ended with ${code ?? signal ?? ''}:\n${output.split('\n').slice(-40).join('\n')}`);
  return output;
}

/** PyTorch's own launcher, as arguments of Python. */
export const torchrunProgram = ['-m', 'torch.distributed.run'];

/** PyTorch's own launcher, on this machine and a port that is free. */
export function torchrun(ranks: number, args: readonly string[]): Promise<string> {
  const python = pythonForParity();
  if (python === undefined) throw new Error(`No Python for parity: ${whyNoPython()}`);
  const launcher = [...torchrunProgram, '--standalone', `--nproc-per-node=${ranks}`];
  return succeed(start(python, [...launcher, ...args], { PYTHONDONTWRITEBYTECODE: '1' }).ended);
}

/** Ports below those that the system gives to whoever asks for any: what others do meanwhile takes none of these. */
const [FIRST_PORT, LAST_PORT] = [10_240, 32_000];
let nextPort = randomInt(FIRST_PORT, LAST_PORT);

/** A port that is free, and that nothing but another call of this takes. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = nextPort;
    nextPort = port < LAST_PORT ? port + 1 : FIRST_PORT;
    const server = createServer();
    const listens = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, () => resolve(true));
    });
    if (!listens) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

/** Starts our ranks with the variables that launchers set. */
export async function startRanks(
  ranks: number,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<{ child: ChildProcess; ended: Promise<Ended> }[]> {
  const port = String(await freePort());
  const master = { WORLD_SIZE: String(ranks), MASTER_ADDR: '127.0.0.1', MASTER_PORT: port };
  return Array.from({ length: ranks }, (_, rank) =>
    start(process.execPath, args, { ...master, RANK: String(rank), LOCAL_RANK: String(rank), ...env }),
  );
}
