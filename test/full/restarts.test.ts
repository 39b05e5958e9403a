/**
 * What happens to a run on folders of pictures when one of its processes is killed: it ends with one clear line and goes on to the same
 * bits; under torchrun with restarts it goes on by itself, where its line says `--resume`.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { writeClassFolders } from '../cli/class-folders.js';
import { program, start, succeed, suiteFolder, torchbridge, type Outcome } from '../cli/command.js';
import { freePort, torchrunProgram } from '../parity/distributed/launch.js';
import { parityDescribe, pythonForParity } from '../parity/python.js';
import { MARK, processesOf } from './marked-processes.js';

const env = { OMP_NUM_THREADS: '1', OMP_WAIT_POLICY: 'PASSIVE', GLOO_SOCKET_IFNAME: 'lo' };
const options = [
  ...[
    '--data',
    'data',
    '--depth',
    '10',
    '--growth-rate',
    '4',
    '--drop-rate',
    '0.2',
    '--resize',
    '24',
    '--workers',
    '1',
  ],
  ...['--n-epochs', '4', '--batch-size', '2', '--seed', '5', '--threads', '1', '--timeout', '60'],
];

parityDescribe('a killed process of a run on folders of pictures', function () {
  this.timeout(600_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);

  before(async () => {
    await writeClassFolders(at('data', 'train'), { pictures: 9 });
    await writeClassFolders(at('data', 'val'), { pictures: 3, seed: 7 });
    await succeed(['train', ...options, '--nproc', '2', '--save', 'whole'], { cwd: folder.path, env });
  });

  function assertSame(run: string): void {
    for (const name of ['model.pth', 'checkpoint.pth', 'losses.csv', 'results.csv', 'config.json'])
      assert.ok(fs.readFileSync(at(run, name)).equals(fs.readFileSync(at('whole', name))), `${run}/${name} differs`);
  }

  /** Kills a rank once, in the third epoch. */
  function killer(run: string, rank: number): { onOutput: (sofar: string) => void; readonly killed: boolean } {
    const state = { killed: false };
    const onOutput = (sofar: string): void => {
      if (state.killed || !/Epoch: \[3\/4\]\tIter: \[3\//.test(sofar)) return;
      state.killed = true;
      process.kill(processesOf(run).find((each) => each.rank === rank)!.pid, 'SIGKILL');
    };
    return {
      onOutput,
      get killed() {
        return state.killed;
      },
    };
  }

  for (const victim of [0, 1]) {
    it(`rank ${victim}, by variables: the other one says how to go on, and it goes on`, async () => {
      const run = `killed-${victim}`;
      const kill = killer(run, victim);
      const port = String(await freePort());
      const master = { ...env, [MARK]: run, WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: port };
      const outcomes = await Promise.all(
        [0, 1].map((rank) =>
          torchbridge(['train', ...options, '--save', run], {
            cwd: folder.path,
            env: { ...master, RANK: String(rank), LOCAL_RANK: String(rank) },
            ...(rank === 0 && { onOutput: kill.onOutput }),
          }),
        ),
      );
      assert.ok(kill.killed);
      assert.equal(outcomes[victim]!.signal, 'SIGKILL');
      const { code, stderr } = outcomes[1 - victim]!;
      const last = stderr.trimEnd().split('\n').at(-1)!;
      assert.equal(code, 1, stderr);
      assert.match(
        last,
        /^torchbridge: Rank \d of 2 cannot go on, another process has ended .*--resume, and the same processes$/,
      );
      assert.deepEqual(processesOf(run), []);
      await succeed(['train', '--resume', '--nproc', '2', '--save', run], { cwd: folder.path, env });
      assertSame(run);
    });
  }

  /** Under torchrun, which starts all again once. */
  function torchrun(run: string, args: readonly string[], onOutput: (sofar: string) => void): Promise<Outcome> {
    const launcher = [...torchrunProgram, '--standalone', '--nproc-per-node=2', '--max-restarts=1', '--no-python'];
    return start(pythonForParity()!, [...launcher, process.execPath, program, ...args, '--save', run], {
      cwd: folder.path,
      env: { ...env, [MARK]: run },
      onOutput,
    });
  }

  it('under torchrun with --resume in its line: it starts again, and comes to the same bits', async () => {
    const kill = killer('restarted', 1);
    const { code, stderr } = await torchrun('restarted', ['train', '--resume', ...options], kill.onOutput);
    assert.ok(kill.killed);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^restarted\/checkpoint\.pth does not exist: the run starts anew$/m);
    assert.match(stderr, /^Resuming the run in restarted at epoch 3 of 4$/m);
    assertSame('restarted');
  });

  it('under torchrun without it: the second start refuses the folder, and says what to add', async () => {
    const kill = killer('refused', 0);
    const { code, stderr } = await torchrun('refused', ['train', ...options], kill.onOutput);
    assert.ok(kill.killed);
    assert.notEqual(code, 0);
    assert.match(stderr, /^torchbridge: .*refused.*--resume/m);
    assert.deepEqual(processesOf('refused'), []);
  });
});
