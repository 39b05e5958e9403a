/** The two builds, cmake-js (in build-cmake/, made by the set-up) and node-gyp (in build/), give an addon that does the same. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BUILD_INFO, addonFingerprint } from '../../scripts/addon.mjs';
import config from '../../scripts/native-config.cjs';
import { fingerprint, readJson, writeJson } from '../../scripts/util/fingerprint.mjs';

const { root } = config;

interface BuildInfo {
  addon: string;
  libtorch: string;
  version: string;
  flavour: string;
}

function buildInfo(): BuildInfo {
  const info = readJson(BUILD_INFO) as BuildInfo | undefined;
  assert.ok(info, 'build-cmake/build-info.json is missing: `npm run setup` makes it');
  return info;
}

/** Runs smoke.mjs in a process of its own. */
function smoke(addon: string, env: Record<string, string> = {}) {
  const program = path.join(import.meta.dirname, 'smoke.mjs');
  const run = spawnSync(process.execPath, [program], {
    encoding: 'utf8',
    env: { ...process.env, TORCHBRIDGE_ADDON: addon, ...env },
  });
  return { code: run.status, signal: run.signal, stdout: run.stdout, stderr: run.stderr };
}

function expectSmokePassed(addon: string, version: string): void {
  const { code, stdout, stderr } = smoke(addon);
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), {
    product: [
      [19, 22],
      [43, 50],
    ],
    gradient: [
      [11, 15],
      [11, 15],
    ],
    torchVersion: version,
    // a.grad is not the function's result, but its owner lives no longer than the scope either.
    tensorsLeft: 0,
  });
}

/**
 * Saves this test minutes: libtorch's headers, compiled once with the flags of the configured node-gyp build. gyp's makefiles know no such
 * thing; CMake's do. A compiler that cannot use it for a file reads the headers themselves.
 * @returns the header to include.
 */
function precompiled(): string {
  const build = path.join(root, 'build');
  const { status, stdout, stderr } = spawnSync('make', ['-n', 'V=1', 'BUILDTYPE=Release'], {
    cwd: build,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  const command = /^(\S+) -o \S+ \S+\/native\/addon\.cpp (.*) -MMD -MF \S+\s+-c$/m.exec(stdout);
  assert.ok(command, `no command that compiles native/addon.cpp:\n${stdout.slice(0, 2000)}`);
  const header = path.join(build, 'precompiled.h');
  fs.copyFileSync(path.join(root, 'native', 'precompiled.h'), header);
  const [, compiler, flags] = command;
  const compile = `${compiler!} ${flags!} -x c++-header -c -o '${header}.gch' '${header}'`;
  const made = spawnSync(compile, { cwd: build, encoding: 'utf8', shell: true });
  assert.equal(made.status, 0, made.stderr);
  return header;
}

/** The addon that node-gyp makes, compiled only when something that it is made from has changed. */
function nodeGypAddon({ libtorch, version, flavour }: BuildInfo): string {
  const addon = path.join(root, 'build', 'Release', `${config.ADDON_NAME}.node`);
  const stamp = path.join(root, 'build', '.stamp');
  const wanted = addonFingerprint({ folder: libtorch, version, flavour }) + fingerprint(root, ['binding.gyp']);
  const stamped = readJson(stamp) as { fingerprint: string } | undefined;
  if (stamped?.fingerprint === wanted && fs.existsSync(addon)) return addon;

  const program = path.join(config.packageFolder('node-gyp'), 'bin', 'node-gyp.js');
  // Node's own headers when they lie beside it, as in every release of Node; without them node-gyp fetches them.
  const prefix = path.dirname(path.dirname(fs.realpathSync(process.execPath)));
  const nodedir = fs.existsSync(path.join(prefix, 'include', 'node', 'common.gypi')) ? [`--nodedir=${prefix}`] : [];
  const gyp = (command: string, more: Record<string, string> = {}): void => {
    const args = [program, command, '--jobs', '2', '--loglevel', 'warn', ...nodedir];
    const env = { ...process.env, LIBTORCH: libtorch, ...more };
    const run = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', env });
    assert.equal(run.status, 0, `node-gyp failed:\n${run.stdout.slice(-2000)}${run.stderr.slice(-4000)}`);
  };
  gyp('configure');
  gyp('build', { CXXFLAGS: `-include '${precompiled()}'` });
  writeJson(stamp, { fingerprint: wanted });
  return addon;
}

describe('the addon', () => {
  it('built by cmake-js passes the smoke test', () => {
    const { addon, version } = buildInfo();
    expectSmokePassed(addon, version);
  });

  it('built by node-gyp passes the smoke test', function () {
    this.timeout(900_000);
    const info = buildInfo();
    expectSmokePassed(nodeGypAddon(info), info.version);
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
