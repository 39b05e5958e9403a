/** scripts/gpu-check.mjs on the CPU: the program, not a GPU. It runs in a copy that holds what it says it needs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { addonPath } from '../../lib/native/load.js';
import { root, suiteFolder } from '../cli/command.js';
import { parityDescribe, pythonForParity } from '../parity/python.js';

parityDescribe('gpu-check', function () {
  this.timeout(600_000);
  const folder = suiteFolder();

  it('does everything in a dry run, without packages', () => {
    for (const name of ['dist', 'scripts', 'package.json', 'test/parity/models/cifar_densenet.py'])
      fs.cpSync(path.join(root, name), path.join(folder.path, name), { recursive: true });
    const args = ['scripts/gpu-check.mjs', '--dry-run', '--python', pythonForParity()!, '--out', 'out'];
    const env = { ...process.env, TORCHBRIDGE_ADDON: addonPath };
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder.path, encoding: 'utf8', env });
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /\nNothing failed\.\n$/);
    const results = JSON.parse(fs.readFileSync(path.join(folder.path, 'out', 'gpu-check.json'), 'utf8')) as {
      parity: { bitwise: boolean }[];
      bench: unknown[];
    };
    assert.deepEqual(
      results.parity.map(({ bitwise }) => bitwise),
      [true, true, true, true],
    );
    assert.equal(results.bench.length, 12);
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
