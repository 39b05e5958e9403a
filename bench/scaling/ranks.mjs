/** Processes of one job on this machine, for programs that are also run by torchrun or srun. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Runs this very command `ranks` times, one thread each. @returns the exit code: 0, or that of one that failed. */
export async function startRanks(ranks) {
  const env = { OMP_NUM_THREADS: '1', OMP_WAIT_POLICY: 'PASSIVE', GLOO_SOCKET_IFNAME: 'lo', ...process.env };
  const master = { WORLD_SIZE: String(ranks), MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) };
  const children = Array.from({ length: ranks }, (_, rank) =>
    spawn(process.execPath, process.argv.slice(1), {
      env: { ...env, ...master, RANK: String(rank), LOCAL_RANK: String(rank) },
      stdio: ['ignore', rank === 0 ? 'inherit' : 'ignore', 'inherit'],
    }),
  );
  const codes = children.map((child) => new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1))));
  // One that failed leaves the others waiting.
  for (const code of codes) void code.then((value) => value !== 0 && children.forEach((child) => child.kill()));
  return Math.max(...(await Promise.all(codes)));
}

/** Of times that each process took, again and again: the slowest process's of each repetition. */
export async function slowest({ distributed, tensor }, seconds, options = {}) {
  const all = tensor(seconds, { dtype: 'float64', ...options });
  await distributed.allReduce(all, { op: 'max' });
  const values = [...all.to('cpu').toTypedArray()];
  all.dispose();
  return values;
}

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};
