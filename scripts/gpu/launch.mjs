/** Starts the ranks of a job on this machine, and sees to it that none is left behind. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

const alive = new Set();
process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** How long a rank may go on after another one has failed. */
const GRACE = 20_000;

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Runs `size` processes of a command with the variables that launchers set.
 * @param options.grace milliseconds that the others may go on after one has failed. @param options.onLine called with a rank, each line that it prints, and all processes.
 * @returns for each rank `{ code, signal, lines, errors, late, milliseconds }`: what it printed, and whether the time was over.
 */
export async function launch(
  size,
  command,
  args,
  { env, cwd, milliseconds, grace: graceful = GRACE, onLine = () => undefined },
) {
  const quiet = { OMP_NUM_THREADS: '1', GLOO_SOCKET_IFNAME: 'lo', NCCL_SOCKET_IFNAME: 'lo' };
  const place = { WORLD_SIZE: String(size), MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) };
  const began = performance.now();
  const children = [];
  let [late, grace] = [false, null];
  const killAll = () => children.forEach((child) => child.kill('SIGKILL'));
  const ended = Array.from({ length: size }, (_, rank) => {
    const own = { RANK: String(rank), LOCAL_RANK: String(rank) };
    const child = spawn(command, args, {
      ...{ cwd, env: { ...env, ...quiet, ...place, ...own }, stdio: ['ignore', 'pipe', 'pipe'] },
    });
    children.push(child);
    alive.add(child);
    const text = { out: '', errors: '' };
    child.stdout.setEncoding('utf8').on('data', (data) => {
      const lines = (text.out + data).split('\n').slice(text.out.split('\n').length - 1);
      text.out += data;
      for (const line of lines.slice(0, -1)) onLine(rank, line, children);
    });
    child.stderr.setEncoding('utf8').on('data', (data) => (text.errors += data));
    return new Promise((resolve) => {
      const end = (code, signal) => {
        alive.delete(child);
        if (code !== 0) grace ??= setTimeout(killAll, graceful);
        const split = (all) => all.split('\n').filter((line) => line.trim() !== '');
        const took = performance.now() - began;
        resolve({ code, signal, late, lines: split(text.out), errors: split(text.errors), milliseconds: took });
      };
      child.once('error', (error) => {
        text.errors += String(error.message);
        end(-1, null);
      });
      child.once('close', end);
    });
  });
  const limit = setTimeout(() => {
    late = true;
    killAll();
  }, milliseconds);
  try {
    return await Promise.all(ended);
  } finally {
    clearTimeout(limit);
    clearTimeout(grace);
    killAll();
  }
}
