/** Training by several processes: --nproc, plain variables, the death of a process, launches that cannot be. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { cuda } from '../../lib/tensor/index.js';
import { freePort } from '../parity/distributed/launch.js';
import { failWith, heldAt, succeed, suiteFolder, tiny, torchbridge, type Outcome } from './command.js';
import { writeSmallCifar } from './small-cifar.js';

/** What a run leaves that must not depend on how it was started or stopped. */
const lasting = ['model.pth', 'checkpoint.pth', 'losses.csv', 'results.csv', 'config.json'];
const env = { OMP_NUM_THREADS: '1', OMP_WAIT_POLICY: 'PASSIVE', GLOO_SOCKET_IFNAME: 'lo' };

/** The processes that a command has started, from the system's own list. */
function childrenOf(pid: number): number[] {
  const list = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return list.trim().split(/\s+/).map(Number);
}

describe('torchbridge train by several processes', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);
  const epochs = 4;
  const options = [...tiny, '--drop-rate', '0.2', '--n-epochs', String(epochs), '--timeout', '120'];
  const inTheSecond = /Epoch: \[2\/4\]\tIter: \[1\//;
  const ranks = '3';

  before(async () => {
    writeSmallCifar(at('data'));
    await succeed(['train', ...options, '--save', 'whole', '--nproc', ranks], { cwd: folder.path, env });
  });

  function assertSame(run: string): void {
    for (const name of lasting) {
      assert.ok(fs.readFileSync(at(run, name)).equals(fs.readFileSync(at('whole', name))), `${run}/${name} differs`);
    }
  }

  /** Started by --nproc; `act` is called once, when a line has come, and before the next one. */
  function actAt(run: string, line: RegExp, act: (pid: number) => void): Promise<Outcome> {
    const args = ['train', ...options, '--save', run, '--nproc', ranks];
    return heldAt(args, line, ({ pid }) => act(pid!), { cwd: folder.path, env });
  }

  async function resume(run: string): Promise<void> {
    await succeed(['train', '--save', run, '--resume', '--nproc', ranks], { cwd: folder.path, env });
    assertSame(run);
  }

  it('leaves the files of one run, started by variables too', async () => {
    const master = { ...env, WORLD_SIZE: ranks, MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) };
    const started = [0, 1, 2].map((rank) =>
      torchbridge(['train', ...options, '--save', 'variables'], {
        cwd: folder.path,
        env: { ...master, RANK: String(rank) },
      }),
    );
    const [first, ...others] = await Promise.all(started);
    assert.equal(first?.code, 0, first?.stderr);
    assert.match(first.stdout, /Final test error/);
    for (const { code, stdout, stderr } of others) assert.deepEqual([code, stdout, stderr], [0, '', '']);
    assertSame('variables');
    // A third of an epoch's 48 pictures each, 16 at a time.
    assert.equal(fs.readFileSync(at('whole', 'losses.csv'), 'utf8').trim().split('\n').length, 1 + epochs);
  });

  it('stops all by one signal, and goes on to the same bits', async () => {
    const { code, stderr } = await actAt('stopped', inTheSecond, (pid) => process.kill(pid, 'SIGINT'));
    assert.equal(code, 130, stderr);
    assert.match(stderr, /Interrupted; stopped\/checkpoint\.pth holds the run/);
    await resume('stopped');
  });

  it('ends with one that dies, and goes on from the last epoch to the same bits', async () => {
    const began = { at: 0 };
    const { code, stderr } = await actAt('killed', inTheSecond, (pid) => {
      began.at = performance.now();
      process.kill(childrenOf(pid)[2]!, 'SIGKILL');
    });
    assert.notEqual(code, 0);
    assert.match(stderr, /^torchbridge: rank 2 was ended by SIGKILL; the others end with it$/m);
    assert.ok(performance.now() - began.at < 60_000);
    await resume('killed');
  });

  it('ends within the timeout where one answers no more', async () => {
    const master = { ...env, WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) };
    const args = ['train', ...tiny, '--n-epochs', '100000', '--save', 'silent', '--timeout', '15'];
    const peer: { process?: ChildProcess; began?: number } = {};
    const last = torchbridge(args, {
      cwd: folder.path,
      env: { ...master, RANK: '1' },
      onStart: (child) => (peer.process = child),
    });
    const { code, stderr } = await torchbridge(args, {
      cwd: folder.path,
      env: { ...master, RANK: '0' },
      onOutput: (sofar) => {
        if (peer.began !== undefined || !/Epoch: \[2\/100000\]/.test(sofar)) return;
        peer.began = performance.now();
        peer.process?.kill('SIGSTOP');
      },
    });
    const seconds = (performance.now() - peer.began!) / 1000;
    peer.process?.kill('SIGKILL');
    await last;
    assert.equal(code, 1, stderr);
    assert.match(
      stderr,
      /^torchbridge: Rank 0 of 2 cannot go on, .* did not come in time \((?:Timed out|Application timeout)\); go on with: .*\n$/,
    );
    // The collective that waits in vain may have begun before the other process stopped.
    assert.ok(seconds > 10 && seconds < 60, `${seconds} s`);
  });

  it('refuses to go on with other processes', async () => {
    const line = await failWith(2, ['train', '--save', 'whole', '--resume', '--nproc', '2'], { cwd: folder.path, env });
    assert.match(line, /Cannot resume the run in whole with 2 processes: it began with 3 processes/);
  });

  it('says in one line why they cannot compute on GPUs', async () => {
    const at2 = { cwd: folder.path, env };
    const args = ['train', ...options, '--save', 'gpus', '--nproc', '2'];
    const numbered = await failWith(2, [...args, '--device', 'cuda:1'], at2);
    assert.match(
      numbered,
      /Expected --device cuda with several processes but received cuda:1: each takes the GPU of its LOCAL_RANK$/,
    );
    const recorded = await failWith(2, [...args, '--device', 'cuda', '--cuda-graph'], at2);
    assert.match(recorded, /Expected no --cuda-graph with several processes: a graph holds the work of one$/);
    if (!cuda.isAvailable()) {
      const without = await failWith(1, [...args, '--device', 'cuda'], at2);
      assert.match(without, /the device cuda cannot be used: (this libtorch was built without CUDA|the CUDA driver)/);
    }
    assert.ok(!fs.existsSync(at('gpus')));
  });

  it('has rank 0 say what another one lacks', async () => {
    fs.mkdirSync(at('elsewhere'));
    const port = String(await freePort());
    const master = { ...env, WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: port };
    // One path, which is another folder in each process.
    const args = ['train', ...options, '--data', '/proc/self/cwd/data', '--save', at('lacks')];
    const [first, second] = await Promise.all([
      torchbridge(args, { cwd: folder.path, env: { ...master, RANK: '0' } }),
      torchbridge(args, { cwd: at('elsewhere'), env: { ...master, RANK: '1' } }),
    ]);
    assert.match(first.stderr, /^torchbridge: rank 1: [^\n]*\/proc\/self\/cwd\/data[^\n]*\n$/);
    assert.deepEqual([first.code, second.code, second.stderr], [1, 1, '']);
    assert.ok(!fs.existsSync(at('lacks')));
  });

  it('says in one line why a launch cannot be', async () => {
    const server = await listen();
    const { port } = server.address() as { port: number };
    const master = { ...env, MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(port) };
    const args = ['train', ...options, '--save', 'bad', '--timeout', '4'];
    const cases: [Record<string, string>, number, RegExp][] = [
      [{ RANK: '0' }, 1, /environment variable WORLD_SIZE expected, but not set$/],
      [{ WORLD_SIZE: '2' }, 1, /environment variable RANK expected, but not set$/],
      [{ RANK: '0', WORLD_SIZE: '2' }, 1, /environment variable MASTER_ADDR expected, but not set$/],
      [
        { ...master, RANK: '2', WORLD_SIZE: '2' },
        1,
        /Expected a rank from 0 to 1 \(the world size is 2\) but received 2$/,
      ],
      [{ ...master, RANK: '0', WORLD_SIZE: 'two' }, 1, /for the environment variable WORLD_SIZE but received "two"$/],
      [{ ...master, RANK: '0', WORLD_SIZE: '2' }, 1, /port: \d+, .*address already in use$/],
      // What listens there answers nothing.
      [
        { ...master, RANK: '1', WORLD_SIZE: '2' },
        1,
        /timed out after 4000ms while trying to connect to \(127\.0\.0\.1, \d+\)\.$/,
      ],
      [
        { ...master, MASTER_PORT: '1', RANK: '1', WORLD_SIZE: '2' },
        1,
        /timed out after 4000ms .*\(127\.0\.0\.1, 1\)\.$/,
      ],
      [{ ...master, MASTER_PORT: '0', RANK: '0', WORLD_SIZE: '2' }, 1, /waiting for clients\. 1\/2 clients joined\.$/],
      [{ SLURM_PROCID: '1', SLURM_NTASKS: '2', MASTER_ADDR: '127.0.0.1' }, 1, /MASTER_PORT expected, but not set$/],
    ];
    const lines = await Promise.all(
      cases.map(async ([more, code, expected]) => {
        const line = await failWith(code, args, { cwd: folder.path, env: { ...env, ...more } });
        assert.match(line, expected);
      }),
    );
    assert.equal(lines.length, cases.length);
    server.close();
    const twice = await failWith(2, [...args, '--nproc', '2'], { cwd: folder.path, env: { RANK: '0' } });
    assert.match(twice, /Expected no --nproc under torchrun/);
    const wrong = await failWith(1, ['train', '--data', 'nowhere', '--dataset', 'cifar10', '--nproc', '2'], {
      cwd: folder.path,
      env,
    });
    assert.match(wrong, /nowhere/);
  });
});

async function listen(): Promise<Server> {
  const server = createServer().listen(0, '127.0.0.1').unref(); // a test that fails does not keep mocha here
  await new Promise((resolve) => server.once('listening', resolve));
  return server;
}
