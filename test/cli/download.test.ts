import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { NdArray, writePickle } from '../../lib/io/index.js';
import { serveFile } from '../download-server.js';
import { failWith, succeed, suiteFolder } from './command.js';
import { randomNumbers } from './small-cifar.js';

const ARCHIVE = 'cifar-100-python.tar.gz';

describe('--dataset cifar100 --download', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);
  let server: Awaited<ReturnType<typeof serveFile>>;

  function batch(count: number): Uint8Array {
    const random = randomNumbers(count);
    const fine = Array.from({ length: count }, () => Math.floor(100 * random()));
    const data = Uint8Array.from({ length: count * 3072 }, () => 256 * random());
    const coarse = fine.map((label) => Math.floor(label / 5));
    return writePickle({ fine_labels: fine, coarse_labels: coarse, data: new NdArray('uint8', [count, 3072], data) });
  }

  before(async () => {
    const files = at('made', 'cifar-100-python');
    fs.mkdirSync(files, { recursive: true });
    fs.writeFileSync(path.join(files, 'train'), batch(60));
    fs.writeFileSync(path.join(files, 'test'), batch(20));
    const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `class ${i}`);
    const meta = { fine_label_names: names(100), coarse_label_names: names(20) };
    fs.writeFileSync(path.join(files, 'meta'), writePickle(meta));
    const { status } = spawnSync('tar', ['-czf', at(ARCHIVE), '-C', at('made'), 'cifar-100-python']);
    assert.equal(status, 0);
    server = await serveFile({ body: fs.readFileSync(at(ARCHIVE)), ranges: true, cutAfter: 200_000 });
  });
  after(() => server.close());

  const options = (): { cwd: string; env: Record<string, string> } => ({
    cwd: folder.path,
    env: { TORCHBRIDGE_CIFAR_MIRROR: server.url },
  });
  const run = ['--depth', '10', '--growth-rate', '4', '--batch-size', '10', '--valid-size', '10', '--threads', '1'];
  const train = ['train', '--dataset', 'cifar100', '--data', 'data', '--no-verify', '--seed', '1', ...run];

  it('fetches, trains on 100 classes, goes on, and evaluates', async () => {
    const first = await succeed([...train, '--download', '--save', 'run', '--n-epochs', '1'], options());
    assert.match(first.stderr, /^cifar-100-python\.tar\.gz: \d+ % \(0 MB of 0 MB\)\n/);
    assert.match(first.stdout, /Final test error: \d\.\d{4}\n/);
    assert.deepEqual(fs.readdirSync(at('data')), [ARCHIVE]);
    const config = JSON.parse(fs.readFileSync(at('run', 'config.json'), 'utf8')) as Record<string, unknown>;
    assert.deepEqual([config['dataset'], config['numClasses']], ['cifar100', 100]);
    assert.ok(server.asked.length > 1, 'the connection was cut and taken up again');

    // Data that are gone are fetched again, whatever the command; data that are there are not.
    fs.rmSync(at('data'), { recursive: true });
    const evaluated = await succeed(['eval', '--save', 'run', '--download', '--json'], options());
    assert.equal((JSON.parse(evaluated.stdout) as { dataset: string }).dataset, 'cifar100');
    const asked = server.asked.length;
    await succeed(['train', '--save', 'run', '--resume', '--download'], options());
    await succeed(['eval', '--save', 'run', '--data', 'data'], options());
    assert.equal(server.asked.length, asked);
  });

  it('says in one line what cannot be', async () => {
    const there = options();
    assert.match(await failWith(2, ['train', '--download'], there), /Expected --data DIR with --download/);
    assert.match(
      await failWith(2, ['train', '--dataset', 'cifar100'], there),
      /Expected --data DIR with --dataset cifar100/,
    );
    const verified = ['train', '--dataset', 'cifar100', '--data', 'other', '--download', '--save', 'none'];
    assert.match(
      await failWith(1, verified, there),
      /cannot download http.*expected 169001437; put cifar-100-python\.tar\.gz into .* yourself, and it is read from there$/,
    );
    const offline = { ...there, env: { TORCHBRIDGE_CIFAR_MIRROR: 'http://127.0.0.1:1/' } };
    assert.match(await failWith(1, verified, offline), /its server cannot be reached; put cifar-100/);
    assert.deepEqual(fs.readdirSync(at('other')), []);
    assert.ok(!fs.existsSync(at('none')));
  });
});
