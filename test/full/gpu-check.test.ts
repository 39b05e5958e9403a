/** scripts/gpu-check.mjs on the CPU: the program, not a GPU. It runs in a copy that holds what it says it needs. */
import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { addonPath } from '../../lib/native/load.js';
import { root, suiteFolder } from '../cli/command.js';
import { parityDescribe, pythonForParity } from '../parity/python.js';

/** A case of the part `distributed`. */
interface Row {
  readonly section: string;
  readonly name: string;
  readonly ok: boolean;
  readonly bitwise?: boolean;
  readonly difference?: number;
  readonly compared?: number;
  readonly ms?: readonly number[];
  readonly text?: string;
}

parityDescribe('gpu-check', function () {
  this.timeout(600_000);
  const folder = suiteFolder();

  function distributed(from: string, out: string, ...args: string[]): SpawnSyncReturns<string> {
    const common = ['scripts/gpu-check.mjs', '--dry-run', '--python', pythonForParity()!, '--only', 'distributed'];
    return spawnSync(process.execPath, [...common, '--out', path.join(folder.path, out), ...args], {
      ...{ cwd: from, encoding: 'utf8', env: { ...process.env, TORCHBRIDGE_ADDON: addonPath } },
    });
  }

  it('does everything in a dry run, without packages', () => {
    for (const name of ['dist', 'scripts', 'package.json', 'test/parity/models/cifar_densenet.py'])
      fs.cpSync(path.join(root, name), path.join(folder.path, name), { recursive: true });
    const args = ['scripts/gpu-check.mjs', '--dry-run', '--python', pythonForParity()!, '--out', 'out'];
    const env = { ...process.env, TORCHBRIDGE_ADDON: addonPath };
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder.path, encoding: 'utf8', env });
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /\nNothing failed\.\n$/);
    const results = JSON.parse(fs.readFileSync(path.join(folder.path, 'out', 'gpu-check.json'), 'utf8')) as {
      tests: { ok: boolean }[];
      parity: { bitwise: boolean; lossError: number }[];
      memory: { flat: boolean }[];
      distributed: Row[];
      train: { ok: boolean; leftOut?: string }[];
      bench: unknown[];
    };
    assert.ok(results.tests.length >= 7);
    // The last one is checkpointed, which takes two steps of the statistics.
    assert.deepEqual(
      results.parity.map(({ bitwise, lossError }) => [bitwise, lossError]),
      [...Array.from({ length: 5 }, () => [true, 0]), [false, 0]],
    );
    assert.deepEqual([results.memory.map(({ flat }) => flat), results.bench.length], [[true], 12]);
    assert.equal(results.train.length, 1);
    assert.match(results.train[0]!.leftOut!, /^they want the npm packages/);
    const sections = ['gloo, one rank', 'gloo, two ranks on one device', 'gloo, two ranks'];
    const common = ['objects', 'DistributedDataParallel', 'no_sync and unused parameters'];
    const training = [...common, 'gradients as views, buffers not broadcast'];
    const both = [...training, 'ZeRO-1', 'SyncBatchNorm'];
    assert.deepEqual(
      results.distributed.map(({ section, name }) => [section, name]),
      [
        ...['every collective', ...training].map((name) => [sections[0], name]),
        ...['collectives of DistributedDataParallel', ...both].map((name) => [sections[1], name]),
        ...['every collective', ...both, 'time of an all-reduce', 'a rank that is killed ends the other one'].map(
          (name) => [sections[2], name],
        ),
      ],
    );
    for (const { name, ok, bitwise, difference, compared, ms, text } of results.distributed) {
      assert.equal(ok, true, name);
      // PyTorch has no SyncBatchNorm on the CPU: beside a batch norm of the whole batch.
      if (name === 'SyncBatchNorm') assert.ok(difference! > 0 && difference! < 1e-5, String(difference));
      else if (name === 'time of an all-reduce') assert.equal(ms?.length, 2);
      else if (name.startsWith('a rank that is killed')) assert.match(text!, /^after \d+\.\d s: .*(pair\.cc|peer)/);
      else assert.equal(bitwise, true, name);
      if (name === 'every collective') assert.ok(compared! >= 100);
    }
  });

  it('runs one GPU as far as that goes, and shows what another one would be for', () => {
    const { status, stdout, stderr } = distributed(root, 'one', '--gpus', '1');
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /^ {2}left out {2}gloo, two ranks: all of it: it needs two GPUs, here is one$/m);
    assert.match(stdout, /^ {2}ok {8}gloo, two ranks: a rank that is killed ends the other one: after /m);
    assert.match(
      distributed(root, 'none', '--gpus', '0').stderr,
      /^gpu-check: Expected how many GPUs .* received 0\n$/,
    );
  });

  it('finds what is not as in Python, what fails, and what hangs', () => {
    const mutate = (file: string, from: string, to: string): void => {
      const name = path.join(broken, 'scripts', 'gpu', file);
      const before = fs.readFileSync(name, 'utf8');
      assert.ok(before.includes(from), `${file} has no ${from}`);
      fs.writeFileSync(name, before.replace(from, to));
    };
    const broken = path.join(folder.path, 'broken');
    for (const name of ['dist', 'scripts', 'package.json', 'test/parity/models/cifar_densenet.py'])
      fs.cpSync(path.join(root, name), path.join(broken, name), { recursive: true });
    mutate('rank.py', '"lr": 0.1', '"lr": 0.2');
    mutate('rank.py', '% 5 + 1', '% 5 + 2');
    mutate(
      'rank.mjs',
      'async function objects(',
      'async function objects() { throw new Error("no objects"); }\nasync function unused(',
    );
    const { status, stdout } = distributed(broken, 'broken', '--gpus', '1');
    assert.equal(status, 1);
    assert.match(stdout, /FAILED {4}gloo, one rank: every collective: broadcast float32: .* beside /);
    assert.match(stdout, /FAILED {4}gloo, one rank: objects: ours: no objects\n/);
    assert.match(stdout, /FAILED {4}gloo, one rank: DistributedDataParallel: ours: no objects\n/);
    assert.match(stdout, /\n\d+ of these failed\.\n$/);
    mutate('rank.mjs', 'throw new Error("no objects");', 'return { results: {} };');
    mutate('rank.mjs', 'process.exit(1);', 'setInterval(() => undefined, 1000);');
    const hanging = distributed(broken, 'hanging', '--gpus', '1', '--budget', '45');
    assert.match(hanging.stdout, /FAILED {4}gloo, one rank: objects: .* beside /);
    assert.match(hanging.stdout, /FAILED {4}gloo, one rank: DistributedDataParallel: losses or weights differ by \d/);
    assert.match(hanging.stdout, /FAILED {4}gloo, two ranks: a rank that is killed .*: the time was over\n/);
  });

  it('has the commands train, stop, die and go on, where the packages are, and finds a run that differs', () => {
    const copy = path.join(folder.path, 'commands');
    for (const name of ['dist', 'scripts', 'package.json', 'test/parity/models/cifar_densenet.py'])
      fs.cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
    fs.symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
    const common = ['scripts/gpu-check.mjs', '--dry-run', '--python', pythonForParity()!, '--only', 'train'];
    const commands = (...args: string[]) =>
      spawnSync(process.execPath, [...common, ...args], {
        ...{ cwd: copy, encoding: 'utf8', env: { ...process.env, TORCHBRIDGE_ADDON: addonPath } },
      });
    const { status, stdout, stderr } = commands();
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    const lines = stdout.split('\n').filter((line) => line.startsWith('  '));
    assert.ok(lines.length === 14 && lines.every((line) => line.startsWith('  ok ')), stdout);
    assert.equal(lines.filter((line) => line.endsWith('to the same bytes: the same bytes')).length, 3);
    assert.match(
      stdout,
      /a killed one ends the other in time, with one line: after \d+\.\d s: torchbridge: Rank 0 of 2 /,
    );
    const program = path.join(copy, 'scripts', 'gpu', 'train.mjs');
    const before = fs.readFileSync(program, 'utf8');
    const other = before.replace("'--save', 'again'", "'--seed', '2', '--save', 'again'");
    assert.notEqual(other, before);
    fs.writeFileSync(program, other);
    const differs = commands('--gpus', '1');
    assert.equal(differs.status, 1);
    assert.match(
      differs.stdout,
      /FAILED {4}train once more gives the same bytes: another losses\.csv, results\.csv, model\.pth than the run /,
    );
    assert.match(differs.stdout, /left out {2}two processes: it needs two GPUs, here is one\n/);
    assert.match(differs.stdout, /\n1 of these failed\.\n$/);
  });

  it('does the parts that are asked for, and those that the time is enough for', () => {
    const common = ['scripts/gpu-check.mjs', '--dry-run', '--python', pythonForParity()!];
    const env = { ...process.env, TORCHBRIDGE_ADDON: addonPath };
    const check = (...args: string[]) =>
      spawnSync(process.execPath, [...common, ...args], { cwd: root, encoding: 'utf8', env });
    const tests = check('--only', 'tests', '--out', path.join(folder.path, 'tests'));
    assert.equal(tests.status, 0, tests.stderr);
    assert.match(tests.stdout, /Tests of the device\n(  ok .*\n)+\nNothing failed\.\n$/);
    const short = check('--only', 'memory', '--budget', '0.1', '--out', path.join(folder.path, 'short'));
    assert.equal(short.status, 1);
    assert.match(short.stdout, /the time was over/);
    assert.match(
      check('--only', 'all').stderr,
      /^gpu-check: Expected tests, parity, memory, distributed, train, bench for --only but /,
    );
    assert.match(check('--python', '--quick').stderr, /^gpu-check: Option '--python' argument is ambiguous\.\n$/);
    assert.match(check('--budget', 'much').stderr, /^gpu-check: Expected seconds for --budget but received much\n$/);
  });

  it('says in one line that there is no GPU', function () {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/gpu-check.mjs', '--python', pythonForParity()!], {
      cwd: root,
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.match(stderr, /^gpu-check: .* finds no GPU here; --dry-run checks this program on the CPU\n$/);
  });
});
