/** The two builds, cmake-js (in build-cmake/, made by the set-up) and node-gyp (in build/), give an addon that does the same. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { GYP_ADDON, buildAll, buildInfo, buildWith, configureNodeGyp } from './node-gyp.js';
import { expectSmokePassed, smoke } from './smoke.js';

describe('the addon', () => {
  it('built by cmake-js passes the smoke test', () => {
    const { addon, version } = buildInfo();
    expectSmokePassed(addon, version);
  });

  it('is compiled by node-gyp with the flags of cmake-js, and linked to one that passes the smoke test', function () {
    this.timeout(900_000);
    const { libtorch, version } = buildInfo();
    const sources = configureNodeGyp(libtorch);
    // The whole takes minutes (test/full/node-gyp.test.ts). A prebuilt addon left no objects: then the whole it is.
    if (sources.length === 0) buildAll(libtorch);
    else buildWith(sources, ['addon.cpp', 'crc32.cpp']);
    expectSmokePassed(GYP_ADDON, version);
  });

  it('finds libtorch by one RPATH and the link that it names, without LD_LIBRARY_PATH', () => {
    const { addon, libtorch } = buildInfo();
    assert.ok(fs.readFileSync(addon).includes('\0$ORIGIN/../libtorch/lib\0'), `${addon} has another RPATH`);
    const link = path.join(path.dirname(addon), '..', 'libtorch');
    assert.equal(fs.realpathSync(link), fs.realpathSync(libtorch));
    assert.equal(smoke(addon, { LD_LIBRARY_PATH: '' }).code, 0);
  });

  it('refuses a libtorch of another release with one clear line', () => {
    const { addon, version } = buildInfo();
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-mismatch-'));
    try {
      // Says of the libtorch that is loaded that it is another one: the loader finds this function first.
      const source = path.join(folder, 'other.cpp');
      const library = path.join(folder, 'libother.so');
      fs.writeFileSync(
        source,
        '#include <string>\nnamespace at { std::string show_config() { return "x, TORCH_VERSION=2.99.1, y"; } }\n',
      );
      const compiled = spawnSync('c++', ['-shared', '-fPIC', '-o', library, source], { encoding: 'utf8' });
      assert.equal(compiled.status, 0, compiled.stderr);
      const { code, signal, stdout, stderr } = smoke(addon, { LD_PRELOAD: library });
      assert.equal(signal, null);
      assert.notEqual(code, 0);
      assert.equal(stdout, '');
      const message = `this addon was built for libtorch ${version} but libtorch 2.99.1 was loaded`;
      assert.equal(
        stderr.split('\n').filter((line) => line.startsWith('AddonError') && line.includes(message)).length,
        1,
        stderr,
      );
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });

  it('that is missing or no addon is told apart', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-addon-'));
    try {
      const none = path.join(folder, 'none.node');
      const text = path.join(folder, 'text.node');
      fs.writeFileSync(text, 'not a library');
      assert.match(smoke(none).stderr, /AddonError: the addon is not built \(looked for .*none\.node\)/);
      assert.match(smoke(text).stderr, /AddonError: the addon .*text\.node cannot be loaded/);
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });
});
