import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { addonPath } from '../../lib/native/load.js';
import { root, start, succeed, suiteFolder, torchbridge } from './command.js';

interface Report {
  ok: boolean;
  checks: { name: string; status: string; text: string; wayOut?: string }[];
}

describe('torchbridge doctor', function () {
  this.timeout(300_000);
  const folder = suiteFolder();

  it('says what is installed', async () => {
    const { stdout } = await succeed(['doctor'], { cwd: folder.path });
    assert.match(stdout, /^torchbridge \d/);
    for (const name of [
      'node',
      'addon',
      'libtorch',
      'cpu',
      'threads',
      'accelerator',
      'cuda driver',
      'flavour',
      'cache',
    ]) {
      assert.match(stdout, new RegExp(`^  (ok     |-      )  ${name} `, 'm'));
    }
    assert.match(stdout, /libtorch +2\.\d+\.\d+, \//);
    assert.match(stdout, /\nEverything is in place\.\n$/);
  });

  it('says it as JSON', async () => {
    const { stdout } = await succeed(['doctor', '--json'], { cwd: folder.path });
    const report = JSON.parse(stdout) as Report;
    assert.equal(report.ok, true);
    assert.equal(report.checks.find((check) => check.name === 'node')?.text.startsWith(process.versions.node), true);
  });

  it('answers without the addon, with the way out', async () => {
    const env = { TORCHBRIDGE_ADDON: '/nowhere/torchbridge.node' };
    const outcome = await torchbridge(['doctor'], { cwd: folder.path, env });
    assert.equal(outcome.code, 1);
    assert.equal(outcome.stderr, '');
    assert.match(outcome.stdout, /missing +addon +.*\/nowhere\/torchbridge\.node/);
    assert.match(outcome.stdout, /npm run setup/);
    assert.match(outcome.stdout, /\d (thing is|things are) missing\.\n$/);
  });

  it('answers where nothing is set up, with the way out', async () => {
    // The package as npm unpacks it: no addon, no libtorch.
    const bare = path.join(folder.path, 'bare');
    fs.mkdirSync(path.join(bare, 'scripts'), { recursive: true });
    for (const name of ['dist', 'package.json', 'scripts/native-config.cjs']) {
      fs.cpSync(path.join(root, name), path.join(bare, name), { recursive: true });
    }
    fs.symlinkSync(path.join(root, 'node_modules'), path.join(bare, 'node_modules'));
    const args = [path.join(bare, 'dist', 'bin', 'torchbridge.js'), 'doctor', '--json'];
    const doctor = async (env: Record<string, string>): Promise<Report> => {
      const everywhere = { TORCHBRIDGE_ADDON: '', TORCHBRIDGE_USE_PYTHON_TORCH: '', LIBTORCH: '', ...env };
      const outcome = await start(process.execPath, args, { cwd: folder.path, env: everywhere });
      assert.equal(outcome.code, 1);
      assert.equal(outcome.stderr, '');
      return JSON.parse(outcome.stdout) as Report;
    };
    const report = await doctor({ TORCHBRIDGE_CACHE: path.join(folder.path, 'no-cache') });
    assert.equal(report.ok, false);
    const missing = report.checks.filter((check) => check.status === 'missing');
    assert.deepEqual(
      missing.map((check) => check.name),
      ['addon', 'libtorch'],
    );
    for (const check of missing) assert.match(check.wayOut ?? '', /npx torchbridge setup/);
    const wrong = await doctor({ LIBTORCH: '/nowhere/libtorch' });
    assert.match(wrong.checks.find((check) => check.name === 'libtorch')?.text ?? '', /\/nowhere\/libtorch/);
  });

  it('names the libtorch that is loaded, not the one that another addon was built with', async () => {
    const copy = path.join(folder.path, 'recorded');
    for (const name of ['dist', 'package.json', 'scripts/native-config.cjs'])
      fs.cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
    fs.symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
    fs.mkdirSync(path.join(copy, 'build-cmake'));
    const record = { libtorch: '/elsewhere/libtorch', version: '9.9.9' };
    fs.writeFileSync(path.join(copy, 'build-cmake', 'build-info.json'), JSON.stringify(record));
    const args = [path.join(copy, 'dist', 'bin', 'torchbridge.js'), 'doctor', '--json'];
    const outcome = await start(process.execPath, args, { cwd: folder.path, env: { TORCHBRIDGE_ADDON: addonPath } });
    const { checks } = JSON.parse(outcome.stdout) as Report;
    const text = checks.find((check) => check.name === 'libtorch')?.text ?? '';
    const [, version = '', place = ''] = /^(2\.\d+\.\d+), (\/.*)$/.exec(text) ?? [];
    assert.match(version, /^2\./, text);
    assert.ok(fs.existsSync(path.join(place, 'lib', 'libtorch.so')), text);
  });

  it('its way out is a command that exists', async () => {
    const { stdout } = await succeed(['setup', '--help'], { cwd: folder.path });
    assert.match(stdout, /^Usage: torchbridge setup/);
  });

  it('the other commands say in one line that the addon is missing', async () => {
    const env = { TORCHBRIDGE_ADDON: '/nowhere/torchbridge.node' };
    for (const args of [['train'], ['eval', '--save', 'run']]) {
      const outcome = await torchbridge(args, { cwd: folder.path, env });
      assert.equal(outcome.code, 1);
      assert.match(outcome.stderr, /^torchbridge: the addon is not built [^\n]*npm run setup[^\n]*\n$/);
    }
  });
});
