/**
 * `train --nproc 2` on folders of pictures beside Python's DistributedDataParallel, DistributedSampler and DataLoader under torchrun:
 * the same losses, rates and weights, to the last bit; stopped in an epoch it goes on to the same files.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { load } from '../../../lib/io/index.js';
import { scope, type Tensor } from '../../../lib/tensor/index.js';
import { writeClassFolders } from '../../cli/class-folders.js';
import { heldAt, succeed, suiteFolder } from '../../cli/command.js';
import { fromHex } from '../hex.js';
import { parityDescribe } from '../python.js';
import { torchrun } from './launch.js';

const env = { OMP_NUM_THREADS: '1', OMP_WAIT_POLICY: 'PASSIVE', GLOO_SOCKET_IFNAME: 'lo' };
const options = [
  ...['--data', 'data', '--depth', '10', '--growth-rate', '4', '--drop-rate', '0.2', '--resize', '24'],
  ...[
    '--n-epochs',
    '3',
    '--batch-size',
    '2',
    '--schedule',
    'cosine',
    '--seed',
    '5',
    '--threads',
    '1',
    '--workers',
    '1',
  ],
];

parityDescribe('training on folders of pictures by two processes beside torchvision', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);
  const two = { cwd: folder.path, env };

  before(async () => {
    two.cwd = folder.path;
    await writeClassFolders(at('data', 'train'), { pictures: 7 });
    await writeClassFolders(at('data', 'val'), { pictures: 3, seed: 7 });
    await succeed(['train', ...options, '--nproc', '2', '--save', 'ours'], two);
  });

  interface Theirs {
    readonly losses: string[];
    readonly rates: number[];
    readonly validLosses: number[];
    readonly scales: number[];
  }

  /** Compares the run `ours` with what Python comes to. @returns what it wrote of itself. */
  async function assertSame(ours: string, theirs: Record<string, unknown>, nEpochs: number): Promise<Theirs> {
    const common = { data: at('data'), save: at(`${ours}-theirs`), crop: 24, resize: 27, drop_rate: 0.2 };
    const script = path.join(import.meta.dirname, 'train_folder_ranks.py');
    await torchrun(2, [script, JSON.stringify({ ...common, n_epochs: nEpochs, batch_size: 2, seed: 5, ...theirs })]);
    const expected = JSON.parse(fs.readFileSync(at(`${ours}-theirs.json`), 'utf8')) as Theirs;
    const rows = (name: string): string[][] =>
      fs
        .readFileSync(at(ours, name), 'utf8')
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((row) => row.split(','));
    const iterations = rows('losses.csv');
    assert.deepEqual(
      iterations.map((row) => Math.fround(Number(row[2]))),
      expected.losses.map(fromHex),
      'the loss of every iteration',
    );
    assert.deepEqual(
      iterations.map((row) => Number(row[4])),
      expected.rates,
      'learning rates',
    );
    assert.equal(iterations.length, 6 * nEpochs);
    assert.deepEqual(
      rows('results.csv')
        .slice(0, nEpochs)
        .map((row) => row[3]),
      expected.validLosses.map((loss) => loss.toFixed(5)),
    );
    scope(() => {
      const mine = load(at(ours, 'checkpoint.pth')) as Map<string, Map<string, Tensor>>;
      const python = load(at(`${ours}-theirs.pth`)) as Map<string, Tensor>;
      const got = mine.get('model')!;
      assert.deepEqual([...got.keys()], [...python.keys()]);
      for (const [name, tensor] of python) assert.ok(tensor.equal(got.get(name)!), name);
    });
    return expected;
  }

  it('random parts and mirrors of each rank, dropout, cosine: every bit is the same', async () => {
    await assertSame('ours', {}, 3);
  });

  it('float16 with a scaler: every bit, and the scale', async () => {
    const args = ['--amp', 'fp16', '--n-epochs', '1', '--nproc', '2', '--save', 'narrow'];
    await succeed(['train', ...options, ...args], two);
    const { scales } = await assertSame('narrow', { amp: 'fp16' }, 1);
    scope(() => {
      const mine = load(at('narrow', 'checkpoint.pth')) as Map<string, Map<string, unknown>>;
      assert.equal(Number(mine.get('scaler')!.get('scale')), scales.at(-1));
    });
  });

  it('stopped in an epoch, it goes on to the same files', async () => {
    const args = ['train', ...options, '--nproc', '2', '--save', 'stopped'];
    const interrupt = (child: ChildProcess): void => void child.kill('SIGINT');
    const { code, stderr } = await heldAt(args, /Epoch: \[2\/3\]\tIter: \[1\//, interrupt, two);
    assert.equal(code, 130, stderr);
    const resumed = await succeed(['train', '--resume', '--nproc', '2', '--save', 'stopped'], two);
    assert.match(resumed.stderr, /at epoch 2 of 3, after [1-5] iteration/);
    for (const name of ['model.pth', 'checkpoint.pth', 'losses.csv', 'results.csv', 'config.json'])
      assert.ok(fs.readFileSync(at('stopped', name)).equals(fs.readFileSync(at('ours', name))), `${name} differs`);
  });
});
