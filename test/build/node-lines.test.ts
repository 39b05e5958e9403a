/** One binary, somewhere else than where it was built, on every line of Node that is supported. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BUILD_INFO } from '../../scripts/addon.mjs';
import { NODE_LINES, nodeOf } from '../../scripts/node-versions.mjs';
import { writePrebuild } from '../../scripts/prebuild.mjs';
import { readJson } from '../../scripts/util/fingerprint.mjs';

describe('one binary', function () {
  this.timeout(300_000);
  let folder = '';
  let addon = '';
  const states = new Map<number, unknown>();

  before(async () => {
    const info = readJson(BUILD_INFO) as
      { addon: string; libtorch: string; version: string; flavour: string } | undefined;
    assert.ok(info, 'build-cmake/build-info.json is missing: `npm run setup` makes it');
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-lines-'));
    await writePrebuild(info, path.join(folder, 'Release'));
    fs.symlinkSync(info.libtorch, path.join(folder, 'libtorch'));
    addon = path.join(folder, 'Release', 'torchbridge.node');
  });
  after(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  for (const line of NODE_LINES) {
    it(`computes, collects, and survives worker threads on Node ${line}`, async function () {
      const found = await nodeOf(line);
      if ('reason' in found) {
        assert.ok(process.env['CI'] === undefined, found.reason);
        this.test!.title += ` (skipped: ${found.reason})`;
        this.skip();
      }
      const version = spawnSync(found.node, ['--version'], { encoding: 'utf8' }).stdout;
      assert.match(version, new RegExp(`^v${line}\\.`));
      const program = path.join(import.meta.dirname, 'node-lines.mjs');
      const env = { ...process.env, TORCHBRIDGE_ADDON: addon, LD_LIBRARY_PATH: '', NODE_OPTIONS: '' };
      const run = spawnSync(found.node, ['--expose-gc', program], { encoding: 'utf8', env });
      assert.equal(run.signal, null, run.stderr);
      assert.equal(run.status, 0, run.stderr);
      const { state, torchVersion, ...rest } = JSON.parse(run.stdout) as Record<string, unknown>;
      assert.deepEqual(rest, {
        error: [
          true,
          'shape',
          'add: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0',
        ],
        collected: [0, 0],
        workers: Array.from({ length: 3 }, () => [8, 'shape', 0]),
        bytesOfWorkers: 0,
        required: true,
      });
      assert.match(String(torchVersion), /^2\.\d+\.\d+$/);
      states.set(line, state);
    });
  }

  it('leaves the same bits on all of them', () => {
    assert.equal(new Set(states.values()).size, 1, JSON.stringify([...states]));
  });
});
