/** Files are written whole or not at all, and failures are one clear line. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { atomicWriteFile, IoError } from '../../../lib/io/index.js';

describe('atomicWriteFile', () => {
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-write-'));
  });
  afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

  const file = (): string => path.join(folder, 'x.bin');
  const fails = (
    target: string,
    code: string,
    message: string,
    content: Iterable<Uint8Array> | string = 'new',
  ): void => {
    assert.throws(
      () => atomicWriteFile(target, content),
      (error) => {
        assert(error instanceof IoError, String(error));
        assert.equal(error.message, message);
        assert.equal(error.code, code);
        assert.equal(error.path, target);
        return true;
      },
    );
  };

  it('writes text, bytes and pieces', () => {
    atomicWriteFile(file(), 'é');
    assert.equal(fs.readFileSync(file(), 'utf8'), 'é');
    atomicWriteFile(file(), Uint8Array.of(1, 2));
    assert.deepEqual([...fs.readFileSync(file())], [1, 2]);
    atomicWriteFile(file(), [Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)]);
    assert.deepEqual([...fs.readFileSync(file())], [1, 2, 3]);
    assert.deepEqual(fs.readdirSync(folder), ['x.bin']);
  });

  it('leaves the old file when the content fails half-way, and nothing else', () => {
    atomicWriteFile(file(), 'old');
    function* broken(): Generator<Uint8Array> {
      yield Buffer.from('new');
      throw new Error('half-way');
    }
    assert.throws(() => atomicWriteFile(file(), broken()), { message: 'half-way' });
    assert.equal(fs.readFileSync(file(), 'utf8'), 'old');
    assert.deepEqual(fs.readdirSync(folder), ['x.bin']);
  });

  it('writes through a symbolic link', () => {
    fs.mkdirSync(path.join(folder, 'far'));
    fs.writeFileSync(path.join(folder, 'far', 'y'), 'old');
    fs.symlinkSync(path.join('far', 'y'), file());
    atomicWriteFile(file(), 'new');
    assert(fs.lstatSync(file()).isSymbolicLink());
    assert.equal(fs.readFileSync(path.join(folder, 'far', 'y'), 'utf8'), 'new');
  });

  it('removes what a killed process left, and only that', () => {
    const minutes = (age: number): Date => new Date(Date.now() - age * 60_000);
    const [host, dead] = [os.hostname(), 999_999_999];
    const leftovers: [name: string, age: number, stays: boolean][] = [
      [`.x.bin.${host}.tmp-${dead}-0123abcd`, 0, false],
      [`.x.bin.${host}.tmp-${process.pid}-0123abcd`, 50, true],
      [`.x.bin.${host}.tmp-${process.pid}-0123abce`, 70, false], // a number in use again
      [`.x.bin.another-machine.tmp-${dead}-0123abcd`, 50, true],
      [`.x.bin.another-machine.tmp-${dead}-0123abce`, 70, false],
      [`.y.bin.${host}.tmp-${dead}-0123abcd`, 70, true], // of another file
      ['.x.bin.backup', 70, true],
      [`.x.bin.${host}.tmp-mine`, 70, true],
    ];
    for (const [name, age] of leftovers) {
      fs.writeFileSync(path.join(folder, name), '');
      fs.utimesSync(path.join(folder, name), minutes(age), minutes(age));
    }
    atomicWriteFile(file(), 'new');
    for (const [name, age, stays] of leftovers) {
      assert.equal(fs.existsSync(path.join(folder, name)), stays, `${name}, ${age} minutes old`);
    }
  });

  it('names the path and the reason when it cannot', function () {
    const missing = path.join(folder, 'no', 'x');
    fails(missing, 'missing', `cannot write ${missing}: no such file or directory`.replace('directory', 'folder'));
    fails(folder, 'kind', `cannot write ${folder}: it is a folder`);
    const below = path.join(folder, 'f', 'x');
    fs.writeFileSync(path.join(folder, 'f'), '');
    fails(below, 'missing', `cannot write ${below}: a part of the path is not a folder`);
  });

  it('says when it may not', () => {
    const root = process.getuid?.() === 0;
    fs.chmodSync(folder, 0o555);
    if (root) process.seteuid?.(65534); // root may write everywhere; nobody may not
    try {
      fails(file(), 'access', `cannot write ${file()}: permission denied`);
    } finally {
      if (root) process.seteuid?.(0);
      fs.chmodSync(folder, 0o755);
    }
  });

  it('says when the disk is full, and cleans up', () => {
    // /dev/full stands for a full disk: every write to it fails with ENOSPC
    const content = {
      *[Symbol.iterator](): Generator<Uint8Array> {
        const fd = fs.openSync('/dev/full', 'w');
        try {
          fs.writeSync(fd, 'x');
        } finally {
          fs.closeSync(fd);
        }
        yield new Uint8Array(0);
      },
    };
    fails(file(), 'space', `cannot write ${file()}: no space left on the device`, content);
    assert.deepEqual(fs.readdirSync(folder), []);
  });

  it('leaves a whole file when the process is killed at any moment', async function () {
    this.timeout(300_000);
    const program = `import { atomicWriteFile } from './lib/io/atomic-write.js';
      for (let i = 0; ; i++) {
        atomicWriteFile(process.argv[1], Buffer.alloc(300_000, i & 255));
        if (i === 0) process.stdout.write('begun');
      }`;
    for (let kill = 0; kill < 5; kill++) {
      const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', program, file()], {
        cwd: path.resolve(import.meta.dirname, '../../..'),
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'exit');
      await once(child.stdout, 'data');
      await sleep(7 * kill + 1);
      child.kill('SIGKILL');
      await ended;
      const bytes = fs.readFileSync(file());
      assert.equal(bytes.length, 300_000);
      assert(bytes.every((byte) => byte === bytes[0]));
    }
    atomicWriteFile(file(), 'new');
    assert.deepEqual(fs.readdirSync(folder), ['x.bin']);
  });
});
