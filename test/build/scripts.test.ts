/** The parts of the set-up that are not the resolver: locks, fingerprints, progress, what is said about missing tools. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import config from '../../scripts/native-config.cjs';
import { checkTools } from '../../scripts/addon.mjs';
import { commandLine } from '../../scripts/start.mjs';
import { fingerprint, readJson, writeJson } from '../../scripts/util/fingerprint.mjs';
import { withLock } from '../../scripts/util/lock.mjs';
import { Progress } from '../../scripts/util/progress.mjs';

describe('the scripts', () => {
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-scripts-'));
  });
  afterEach(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  describe('a lock', () => {
    it('lets one in at a time, and the next when the work throws', async () => {
      const file = path.join(folder, 'lock');
      let inside = 0;
      let most = 0;
      const work = async () => {
        most = Math.max(most, ++inside);
        await sleep(5);
        inside--;
      };
      const failing = withLock(file, () => Promise.reject(new Error('no luck')), { pollMs: 2 });
      await assert.rejects(failing, /no luck/);
      await Promise.all(Array.from({ length: 8 }, () => withLock(file, work, { pollMs: 2 })));
      assert.equal(most, 1);
      assert.deepEqual(fs.readdirSync(folder), []);
    });

    it('of a process that is gone is taken over at once', async () => {
      const file = path.join(folder, 'lock');
      const { pid } = spawnSync(process.execPath, ['-e', '']);
      // The second: a living process has that pid by now, but it began at another time.
      for (const holder of [
        { pid, start: '1' },
        { pid: process.pid, start: '1' },
      ]) {
        fs.writeFileSync(file, JSON.stringify({ ...holder, host: os.hostname() }));
        const waited: unknown[] = [];
        await withLock(file, () => Promise.resolve(), { onWait: (other: unknown) => waited.push(other) });
        assert.deepEqual(waited, []);
      }
    });

    it('that was made but not written yet is waited for until it names its holder', async () => {
      const file = path.join(folder, 'lock');
      fs.writeFileSync(file, '');
      const pids: number[] = [];
      const onWait = ({ pid }: { pid: number }) => pids.push(pid);
      const entered = withLock(file, () => Promise.resolve('in'), { pollMs: 2, onWait });
      await sleep(30);
      assert.equal(pids.join(), '');
      fs.writeFileSync(file, JSON.stringify({ pid: 1, start: '1', host: 'elsewhere' }));
      while (pids.length === 0) await sleep(2);
      assert.equal(pids.join(), '1');
      fs.rmSync(file);
      assert.equal(await entered, 'in');
    });

    it('of another machine holds while its heartbeat is fresh', async () => {
      const file = path.join(folder, 'lock');
      fs.writeFileSync(file, JSON.stringify({ pid: 1, start: '1', host: 'elsewhere' }));
      let waiting = false;
      const entered = withLock(file, () => Promise.resolve('in'), { pollMs: 2, onWait: () => (waiting = true) });
      await sleep(30);
      assert.equal(waiting, true);
      const longAgo = new Date(Date.now() - 300_000);
      fs.utimesSync(file, longAgo, longAgo);
      assert.equal(await entered, 'in');
    });
  });

  it('a fingerprint changes with contents, names and facts, not with times', () => {
    fs.mkdirSync(path.join(folder, 'a'));
    const file = path.join(folder, 'a', 'one');
    fs.writeFileSync(file, 'text');
    const first = fingerprint(folder, ['a', 'missing'], { fact: 1 });
    fs.utimesSync(file, 1, 1);
    assert.equal(fingerprint(folder, ['a', 'missing'], { fact: 1 }), first);
    assert.notEqual(fingerprint(folder, ['a', 'missing'], { fact: 2 }), first);
    fs.renameSync(file, path.join(folder, 'a', 'two'));
    assert.notEqual(fingerprint(folder, ['a', 'missing'], { fact: 1 }), first);
  });

  it('JSON that is missing or broken reads as undefined', () => {
    const file = path.join(folder, 'deep', 'file.json');
    assert.equal(readJson(file), undefined);
    writeJson(file, { a: 1 });
    assert.deepEqual(readJson(file), { a: 1 });
    fs.writeFileSync(file, '{"a":');
    assert.equal(readJson(file), undefined);
  });

  it('progress is one line on a terminal, and a line every tenth in a pipe', () => {
    const show = (isTTY: boolean) => {
      let text = '';
      const progress = new Progress('Working', {
        out: { isTTY, write: (more: string) => (text += more) },
        bytes: false,
      });
      for (let done = 1; done <= 100; done++) progress.update(done, 100);
      progress.end();
      return text;
    };
    assert.equal(show(false).split('\n').length - 1, 10);
    assert.match(show(false), /^Working: 10 % \(10 of 100\)\nWorking: 20 %/);
    assert.match(show(true), /\r\x1b\[KWorking 100 % {2}100 of 100/);
    assert.equal(show(true).includes('\n'), false);
    assert.ok(show(true).endsWith('\r\x1b[K'));
  });

  it('what fails is counted and kept with its reason, to be told once more at the end', () => {
    const cases = path.join(folder, 'cases.cjs');
    fs.writeFileSync(
      cases,
      `describe('a', () => {
        it('holds', () => {});
        it('does not', () => { throw new Error('two lines\\nof a reason'); });
        it('is left out');
      });`,
    );
    const result = path.join(folder, 'result.json');
    const mocha = path.join(config.packageFolder('mocha'), 'bin', 'mocha.js');
    const reporter = path.join(config.root, 'scripts', 'test', 'reporter.cjs');
    const { status } = spawnSync(process.execPath, [mocha, '--no-config', '--reporter', reporter, cases], {
      env: { ...process.env, TORCHBRIDGE_TEST_RESULT: result },
    });
    assert.equal(status, 1);
    const { failures, ...counts } = readJson(result) as { failures: { title: string; reason: string }[] };
    assert.deepEqual(counts, { passed: 1, failed: 1, skipped: 1 });
    assert.equal(failures.length, 1);
    assert.equal(failures[0]?.title, 'a › does not');
    assert.match(failures[0].reason, /^Error: two lines\nof a reason\n {4}at /);
  });

  it('missing tools are named all at once, with the command that brings them', () => {
    assert.throws(() => {
      checkTools({ PATH: folder });
    }, /lacks: cmake g\+\+ make\.\n {2}Debian, Ubuntu: {2}sudo apt-get install cmake g\+\+ make\n/);
    fs.writeFileSync(path.join(folder, 'cmake'), '');
    fs.writeFileSync(path.join(folder, 'ninja'), '');
    assert.throws(() => {
      checkTools({ PATH: folder });
    }, /lacks: g\+\+\.\n/);
  });

  it('npm start hands its arguments on: options change the default run, a command replaces it', () => {
    assert.deepEqual(commandLine(['doctor']), ['doctor']);
    assert.deepEqual(commandLine(['--help']), ['--help']);
    const line = commandLine(['--seed=3', '--depth', '22']);
    assert.equal(line[0], 'train');
    assert.deepEqual(line.slice(-3), ['--seed=3', '--depth', '22']);
    assert.equal(line.filter((arg: string) => /^--(seed|depth)\b/.test(arg)).length, 2);
    assert.ok(line.includes('--dataset') && line.includes('--overwrite'), 'the folder of the default run is its own');
    assert.deepEqual(commandLine([]).slice(0, 5), ['train', '--save', 'runs/shapes', '--dataset', 'shapes']);
  });

  it('npm start -- --data DIR trains on those pictures, in a folder of their own', () => {
    for (const args of [['--data', 'cifar'], ['--data=cifar'], ['--dataset', 'cifar10', '--data', 'cifar']]) {
      const line = commandLine(args);
      assert.deepEqual(line.slice(0, 3), ['train', '--save', 'runs/cifar10']);
      assert.equal(line.includes('shapes'), false);
      assert.equal(line.includes('--valid-size'), false);
      assert.deepEqual(line.slice(-args.length), args);
    }
    const named = commandLine(['--data', 'cifar', '--save', 'mine']);
    assert.ok(named.every((arg: string) => arg !== 'runs/cifar10' && arg !== '--overwrite'));
  });

  it('npm start -- --resume goes on with whatever options the run has', () => {
    assert.deepEqual(commandLine(['--resume']), ['train', '--save', 'runs/shapes', '--resume']);
    assert.deepEqual(commandLine(['--resume', '--save', 'mine']), ['train', '--resume', '--save', 'mine']);
  });

  it('both builds compile every C++ file there is, by the same flags', () => {
    const sources = fs.readdirSync(path.join(config.root, 'native')).filter((name) => name.endsWith('.cpp'));
    assert.deepEqual(config.sources(), sources.sort().map((name) => `native/${name}`)); // prettier-ignore
    const facts = config.buildFacts();
    const cmake = config.forCMake();
    const gyp = config.forGyp('cflags').split('\n');
    for (const flag of facts.cflags) {
      assert.ok(cmake.includes(`"${flag}"`), flag);
      assert.ok(gyp.includes(flag), flag);
    }
  });
});
