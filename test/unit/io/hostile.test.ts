/** Files that nobody means well with end in one clear error, or are read; quickly, in little memory, and nothing is executed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostileOutcome } from './hostile-child.js';
import { TSX } from './tsx-loader.js';
import { CANARY } from './hostile-pickles.js';

const CHILD = path.join(path.dirname(fileURLToPath(import.meta.url)), 'hostile-child.ts');

describe('hostile files', function () {
  this.timeout(300_000);
  let folder: string;
  let outcomes: HostileOutcome[];
  const label = ({ form, name }: HostileOutcome): string => `${form}: ${name}`;

  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-hostile-'));
    const child = spawnSync(process.execPath, ['--expose-gc', '--import', TSX, CHILD], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    assert.equal(
      child.status,
      0,
      `the process ended with ${child.signal ?? child.status ?? '?'}: ${child.stderr.slice(-2000)}`,
    );
    outcomes = child.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as HostileOutcome);
  });
  after(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('are many, in every form', () => {
    const count = (form: string): number => outcomes.filter((each) => each.form === form).length;
    for (const form of ['zip', 'legacy', 'tar', 'safetensors']) assert.ok(count(form) > 300, `${form}: ${count(form)}`);
    for (const form of ['zip', 'legacy', 'tar', 'safetensors'])
      assert.ok(
        outcomes.find((each) => each.form === form && each.name === 'whole')?.digest,
        `the whole ${form} file is read`,
      );
  });

  it('give an IoError or a TorchError of one line, and no other', () => {
    const others = outcomes.filter(({ error }) => error && !/^(IoError|TorchError)$/.test(error.kind));
    assert.deepEqual(
      others.map((each) => [label(each), each.error]),
      [],
    );
    for (const { error } of outcomes) {
      if (error === undefined) continue;
      assert.doesNotMatch(error.message, /\n/);
      assert.ok(error.message.length < 500 && error.message.startsWith('bytes: '), error.message);
    }
  });

  it('are dealt with within a second', () => {
    // the processor's time: a busy machine makes any clock run on
    const slow = outcomes.filter(({ cpu, wall }) => Math.min(cpu, wall) > 1000);
    assert.deepEqual(
      slow.map((each) => [label(each), each.cpu]),
      [],
    );
  });

  it('are dealt with within 64 MB', () => {
    const large = outcomes.filter(({ growth }) => growth > 64 << 20);
    assert.deepEqual(
      large.map((each) => [label(each), each.growth]),
      [],
    );
  });

  it('are nothing else to the short way than to the long one', () => {
    const others = outcomes.filter(({ differs }) => differs !== undefined);
    assert.deepEqual(
      others.map((each) => [label(each), each.differs]),
      [],
    );
  });

  it('leave no tensor behind', () => {
    assert.deepEqual(outcomes.filter(({ left }) => left !== 0).map(label), []);
  });

  it('have nothing executed', () => {
    assert.deepEqual(fs.readdirSync(folder), [], `${CANARY} is not there`);
    const commands = outcomes.filter(({ name }) => /^(a call of|os\.system|a command)/.test(name));
    assert.ok(commands.length > 80, String(commands.length));
    assert.deepEqual(commands.filter(({ error }) => error === undefined).map(label), []);
    const named = outcomes.filter(({ name }) => name === 'a call of os.system' || name === 'a call of posix.system');
    for (const { error, name } of named)
      assert.match(
        error?.message ?? '',
        new RegExp(`names ${name.slice('a call of '.length)}, which is not on the list`),
      );
  });
});
