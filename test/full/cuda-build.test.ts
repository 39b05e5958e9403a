/**
 * The CUDA build, on any machine: everything compiles and links against it, and loads without a GPU and without LD_LIBRARY_PATH.
 * `torchbridge fetch-libtorch --cuda` brings it (4.3 GB); TORCHBRIDGE_CUDA_BUILD names a build folder to go on with.
 */
import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from '../cli/command.js';

const config = createRequire(import.meta.url)('../../scripts/native-config.cjs') as {
  cachedCudaLibtorch(): string;
  packageFolder(name: string): string;
};

const libtorch = config.cachedCudaLibtorch();
const reason = fs.existsSync(libtorch) ? '' : ` (skipped: no ${libtorch}; torchbridge fetch-libtorch --cuda brings it)`;

(reason === '' ? describe : describe.skip)(`the CUDA build of libtorch${reason}`, function () {
  this.timeout(3_600_000);
  const folder = process.env['TORCHBRIDGE_CUDA_BUILD'] ?? path.join(root, '.cache', 'build-cuda');
  const addon = path.join(folder, 'Release', 'torchbridge.node');
  const { LD_LIBRARY_PATH: _, ...env } = process.env;

  function run(command: string, args: readonly string[], more: Record<string, string> = {}): SpawnSyncReturns<string> {
    const outcome = spawnSync(command, args, {
      cwd: root,
      encoding: 'utf8',
      env: { ...env, ...more },
      maxBuffer: 1 << 28,
    });
    assert.equal(outcome.status, 0, `${outcome.stdout.slice(-3000)}\n${outcome.stderr.slice(-3000)}`);
    return outcome;
  }

  it('compiles and links both addons', () => {
    if (fs.existsSync(path.join(folder, 'CMakeCache.txt'))) {
      run('cmake', ['--build', folder, '--parallel', '2'], { LIBTORCH: libtorch });
    } else {
      const program = path.join(config.packageFolder('cmake-js'), 'bin', 'cmake-js');
      run(process.execPath, [program, 'build', '-O', folder, '--parallel', '2'], { LIBTORCH: libtorch });
    }
    assert.ok(fs.existsSync(addon));
    assert.ok(fs.existsSync(path.join(folder, 'Release', 'torchbridge_cuda.node')));
  });

  it('loads, CUDA included, and says why there is no device', () => {
    const program = `
      const addon = require(process.argv[1]);
      const module = require(process.argv[1].replace('.node', '_cuda.node'));
      const maps = require('node:fs').readFileSync('/proc/self/maps', 'utf8');
      const { config } = addon.buildInfo();
      console.log(JSON.stringify({
        cuda: /USE_CUDA=1/.test(config), loaded: /libtorch_cuda\\.so/.test(maps), cudnn: /libcudnn/.test(maps),
        devices: addon.deviceCount('cuda'), driver: JSON.parse(addon.cudaDriver()), module: Object.keys(module).length,
      }));`;
    const { stdout } = run(process.execPath, ['-e', program, addon]);
    const found = JSON.parse(stdout) as Record<string, unknown> & { driver: { failure: string | null } };
    assert.deepEqual([found['cuda'], found['loaded'], found['cudnn'], found['module']], [true, true, true, 9]);
    if (found['devices'] === 0) assert.match(found.driver.failure ?? 'no device is shown', /libcuda|cuInit|no device/);
  });

  it('computes on the CPU: unit tests of tensors, gradients and optimizers', () => {
    const files = ['tensor/cuda', 'tensor/autograd', 'optim/sgd', 'optim/grad-scaler', 'tensor/scope'];
    const mocha = path.join(config.packageFolder('mocha'), 'bin', 'mocha.js');
    const { stdout } = run(process.execPath, [mocha, ...files.map((name) => `test/unit/${name}.test.ts`)], {
      TORCHBRIDGE_ADDON: addon,
    });
    assert.match(stdout, /\d\d passing/);
  });
});
