/** The package on a machine for which there is no prebuilt addon: the set-up compiles it where it was installed. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buildInfo, expectRun, pack } from '../build/installed.js';

describe('the installed package', function () {
  this.timeout(1_800_000);

  it('is compiled from its own sources, with nothing but what it brings', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-source-'));
    try {
      const packed = await pack(folder);
      const project = path.join(folder, 'project');
      fs.mkdirSync(project);
      fs.writeFileSync(path.join(project, 'package.json'), '{ "private": true }');
      expectRun(project, ['npm', 'install', '--ignore-scripts', '--prefer-offline', packed.file]);
      fs.rmSync(path.join(project, 'node_modules', 'torchbridge', 'prebuilds'), { recursive: true });
      const env = { LIBTORCH: buildInfo().libtorch };
      expectRun(project, ['npx', '--no-install', 'torchbridge', 'setup'], env);
      const code = "console.log(require('torchbridge').ones([2]).add(1).toArray())";
      assert.equal(expectRun(project, [process.execPath, '-e', code]), '[ 2, 2 ]\n');
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });
});
