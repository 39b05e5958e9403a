/** Several processes that share what they evaluate or read from files: each number is that of one process, each failure one line. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ImageFolder } from '../../lib/data/index.js';
import { DistributedSampler } from '../../lib/distributed/index.js';
import { freePort } from '../parity/distributed/launch.js';
import { writeClassFolders } from './class-folders.js';
import { failWith, succeed, suiteFolder, torchbridge } from './command.js';

const env = { OMP_NUM_THREADS: '1', OMP_WAIT_POLICY: 'PASSIVE', GLOO_SOCKET_IFNAME: 'lo' };
const options = [
  ...['--data', 'data', '--depth', '10', '--growth-rate', '4', '--resize', '24', '--n-epochs', '1'],
  ...['--batch-size', '4', '--seed', '5', '--threads', '1', '--workers', '1'],
];

describe('torchbridge eval by several processes, and pictures in files', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);
  const surroundings = { cwd: '', env };

  before(async () => {
    surroundings.cwd = folder.path;
    await writeClassFolders(at('data', 'train'), { pictures: 4 });
    await writeClassFolders(at('data', 'val'), { pictures: 5, seed: 7 });
    await succeed(['train', ...options, '--nproc', '2', '--save', 'run'], surroundings);
  });

  async function measured(...args: string[]): Promise<[numbers: object, stderr: string]> {
    const { stdout, stderr } = await succeed(['eval', ...args, '--json'], surroundings);
    const { seconds, ...numbers } = JSON.parse(stdout) as Record<string, unknown>;
    assert.equal(typeof seconds, 'number');
    return [numbers, stderr];
  }

  it('gives the numbers of one process, by --nproc and by variables', async () => {
    // Batches of 2: eight, the last of one picture; not a multiple of three.
    const ofRun = ['--save', 'run', '--batch-size', '2'];
    const [[alone], [three]] = await Promise.all([measured(...ofRun), measured(...ofRun, '--nproc', '3')]);
    assert.deepEqual(three, alone);
    const master = { WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) };
    const [first, second, lines] = await Promise.all([
      ...['0', '1'].map((RANK) =>
        torchbridge(['eval', ...ofRun], { ...surroundings, env: { ...env, ...master, RANK } }),
      ),
      // A launcher may start one.
      succeed(['eval', ...ofRun], { ...surroundings, env: { ...env, ...master, RANK: '0', WORLD_SIZE: '1' } }),
    ]);
    const untimed = (text: string): string => text.replace(/Time [\d.]+ \([\d.]+\)/g, 'Time');
    assert.equal(untimed(first.stdout), untimed(lines!.stdout));
    assert.match(lines!.stdout, /^Test\tIter: \[8\/8\]/m);
    assert.deepEqual([second!.code, second!.stdout, second!.stderr], [0, '', '']);
  });

  it('says once what is wrong, wherever it is', async () => {
    const line = await failWith(1, ['eval', '--save', 'nowhere', '--nproc', '2'], surroundings);
    assert.match(line, /^torchbridge: nowhere holds no run/);
    const usage = await failWith(2, ['eval', '--weights', 'run/model.pth', '--nproc', '2', '--data', 'digits'], {
      ...surroundings,
    });
    assert.match(usage, /^torchbridge: Expected pictures of 3 classes/);
    // In the second batch, which is rank 1's.
    const broken = path.join('data', 'val', fs.readdirSync(at('data', 'val')).sort()[0]!, '3.jpg');
    const whole = fs.readFileSync(at(broken));
    fs.writeFileSync(at(broken), 'no picture');
    const ofFolder = ['--weights', 'run/model.pth', '--data', 'data/val', '--batch-size', '2'];
    const two = [...ofFolder, '--nproc', '2'];
    const [alone, both, [skipped, said], [shared, saidOnce]] = await Promise.all([
      failWith(1, ['eval', ...ofFolder], surroundings),
      failWith(1, ['eval', ...two], surroundings),
      measured(...ofFolder, '--skip-broken'),
      measured(...two, '--skip-broken'),
    ]);
    fs.writeFileSync(at(broken), whole);
    assert.equal(both, alone);
    assert.ok(both.includes(broken), both);
    assert.deepEqual(shared, skipped);
    assert.equal((shared as { skipped: number }).skipped, 1);
    assert.equal(saidOnce, said);
  });

  it('trains up to a picture of another rank that cannot be read, and goes on without it', async () => {
    const { samples, length } = new ImageFolder(at('data', 'train'));
    const order = [...new DistributedSampler({ length }, { rank: 1, numReplicas: 2, seed: 5 }).indices()];
    const broken = samples[order.at(-1)!]!.path;
    const whole = fs.readFileSync(broken);
    fs.writeFileSync(broken, 'no picture');
    const args = ['train', ...options, '--nproc', '2', '--save', 'broken'];
    const { code, stderr } = await torchbridge(args, surroundings);
    assert.equal(code, 1, stderr);
    const [said = '', ...more] = stderr.split('\n').filter((line) => line.startsWith('torchbridge: '));
    assert.deepEqual(more, []);
    const name = path.relative(folder.path, broken);
    assert.ok(said.includes(`${name}: not a picture`) && said.includes('broken/checkpoint.pth holds the run'), stderr);
    const again = ['train', '--resume', '--skip-broken', '--nproc', '2', '--save', 'broken'];
    const resumed = await succeed(again, surroundings);
    fs.writeFileSync(broken, whole);
    assert.match(resumed.stderr, /at epoch 1 of 1, after 1 iteration$/m);
    assert.equal(resumed.stderr.split(`${name}: not a picture`).length, 2, resumed.stderr);
  });

  it('validates in folds', async () => {
    const args = ['--k-fold', '2', '--data', 'data/train', ...options.slice(2), '--nproc', '2', '--save', 'folds'];
    const { stdout } = await succeed(['train', ...args], surroundings);
    assert.match(stdout, /^Validation error of 2 folds: /m);
    const table = fs.readFileSync(at('folds', 'folds.csv'), 'utf8');
    assert.equal(table.trim().split('\n').length, 5);
    const second = fs.readFileSync(at('folds', 'fold-2', 'losses.csv'));
    for (const name of ['folds.csv', path.join('fold-2', 'checkpoint.pth')]) fs.rmSync(at('folds', name));
    await succeed(['train', '--resume', '--nproc', '2', '--save', 'folds'], surroundings);
    assert.equal(fs.readFileSync(at('folds', 'folds.csv'), 'utf8'), table);
    assert.ok(fs.readFileSync(at('folds', 'fold-2', 'losses.csv')).equals(second));
  });
});
