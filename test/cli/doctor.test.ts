import assert from 'node:assert/strict';
import { suiteFolder, succeed, torchbridge } from './command.js';

interface Report {
  ok: boolean;
  checks: { name: string; status: string; text: string; wayOut?: string }[];
}

describe('torchbridge doctor', function () {
  this.timeout(60_000);
  const folder = suiteFolder();

  it('says what is installed', async () => {
    const { stdout } = await succeed(['doctor'], { cwd: folder.path });
    assert.match(stdout, /^torchbridge \d/);
    for (const name of ['node', 'addon', 'libtorch', 'cpu', 'threads', 'accelerator', 'cache']) {
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
    assert.match(outcome.stdout, /1 thing is missing\.\n$/);
  });

  it('answers without libtorch, with the way out', async () => {
    const env = { TORCHBRIDGE_ADDON: '/nowhere/torchbridge.node', LIBTORCH: '/nowhere/libtorch' };
    const outcome = await torchbridge(['doctor', '--json'], { cwd: folder.path, env });
    assert.equal(outcome.code, 1);
    const report = JSON.parse(outcome.stdout) as Report;
    assert.equal(report.ok, false);
    const libtorch = report.checks.find((check) => check.name === 'libtorch');
    assert.equal(libtorch?.status, 'missing');
    assert.match(libtorch.text, /\/nowhere\/libtorch/);
    assert.match(libtorch.wayOut ?? '', /LIBTORCH/);
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
