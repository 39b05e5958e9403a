/**
 * The CUDA build, on any machine: everything compiles and links against it, and loads without a GPU and without LD_LIBRARY_PATH.
 * `torchbridge fetch-libtorch --cuda` brings it (4.3 GB); TORCHBRIDGE_CUDA_BUILD names a build folder to go on with.
 */
import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { root } from '../cli/command.js';

const config = createRequire(import.meta.url)('../../scripts/native-config.cjs') as {
  cachedCudaLibtorch(): string;
  packageFolder(name: string): string;
  CUDA_LIBTORCH_VERSION: string;
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

  it('compiles the CUDA module with node-gyp too', () => {
    const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-gyp-'));
    try {
      for (const name of ['native', 'scripts', 'binding.gyp', 'package.json'])
        fs.cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
      fs.symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
      const prefix = path.dirname(path.dirname(fs.realpathSync(process.execPath)));
      const headers = fs.existsSync(path.join(prefix, 'include', 'node', 'common.gypi')) ? [`--nodedir=${prefix}`] : [];
      const program = path.join(config.packageFolder('node-gyp'), 'bin', 'node-gyp.js');
      const more = { LIBTORCH: libtorch };
      const args = [program, 'configure', '-C', copy, '--loglevel', 'warn', ...headers];
      run(process.execPath, args, more);
      run('make', ['-C', path.join(copy, 'build'), 'BUILDTYPE=Release', 'torchbridge_cuda'], more);
      const module = path.join(copy, 'build', 'Release', 'torchbridge_cuda.node');
      const { stdout } = run(process.execPath, ['-p', 'require(process.argv[1]).compiledFor', module]);
      assert.equal(stdout.trim(), config.CUDA_LIBTORCH_VERSION);
    } finally {
      fs.rmSync(copy, { recursive: true, force: true });
    }
  });

  it('loads, CUDA included, and says why there is no device', () => {
    const program = `
      const addon = require(process.argv[1]);
      const module = require(process.argv[1].replace('.node', '_cuda.node'));
      const maps = require('node:fs').readFileSync('/proc/self/maps', 'utf8');
      const { config } = addon.buildInfo();
      console.log(JSON.stringify({
        cuda: /USE_CUDA=1/.test(config), loaded: /libtorch_cuda\\.so/.test(maps), cudnn: /libcudnn/.test(maps),
        devices: addon.deviceCount('cuda'), driver: JSON.parse(addon.cudaDriver()), module: Object.keys(module).sort(),
        nccl: typeof module.nccl(),
      }));`;
    const { stdout } = run(process.execPath, ['-e', program, addon]);
    const found = JSON.parse(stdout) as Record<string, unknown> & { driver: { failure: string | null } };
    assert.deepEqual([found['cuda'], found['loaded'], found['cudnn']], [true, true, true]);
    const graphs = ['newGraph', 'captureBegin', 'captureEnd', 'replay', 'reset', 'pool', 'releaseGraph'];
    assert.deepEqual(found['module'], ['compiledFor', 'nccl', 'setMemoryFraction', ...graphs].sort());
    assert.equal(found['nccl'], 'object'); // a text where NCCL's header was not found
    if (found['devices'] === 0) assert.match(found.driver.failure ?? 'no device is shown', /libcuda|cuInit|no device/);
  });

  it('has NCCL and says in one line why it cannot be used without a GPU; Gloo goes on working on the CPU', () => {
    const program = `
      import { cuda, distributed, full } from './lib/index.ts';
      const outcomes = {};
      for (const backend of ['nccl', 'cuda:nccl', 'cpu:gloo,cuda:nccl', 'cuda:gloo', 'cpu:gloo,cuda:gloo', 'cpu:gloo', 'gloo', undefined]) {
        const store = new distributed.HashStore();
        const options = { store, rank: 0, worldSize: 1, host: '127.0.0.1', ...(backend && { backend }) };
        try {
          const group = await distributed.initProcessGroup(options);
          const ones = full([2], 3);
          if (group.deviceTypes.includes('cpu')) await distributed.allReduce(ones);
          await distributed.barrier();
          outcomes[backend] = [group.backend, ones.tolist(), await distributed.allGatherObject({ is: 'there' })];
        } catch (error) {
          outcomes[backend] = [error.name, error.code, error.message];
        }
        if (distributed.isInitialized()) distributed.destroyProcessGroup();
        store.dispose();
      }
      console.log(JSON.stringify({ devices: cuda.deviceCount(), nccl: distributed.isNcclAvailable(), outcomes }));`;
    const args = ['--import=tsx', '--input-type=module', '-e', program];
    const { stdout, stderr } = run(process.execPath, args, { TORCHBRIDGE_ADDON: addon });
    const found = JSON.parse(stdout) as { devices: number; nccl: boolean; outcomes: Record<string, unknown[]> };
    assert.deepEqual([found.nccl, stderr], [true, '']);
    if (found.devices > 0) {
      console.log('      nothing is refused here: there is a GPU');
      return;
    }
    for (const backend of ['nccl', 'cuda:nccl', 'cpu:gloo,cuda:nccl']) {
      const [name, code, message] = found.outcomes[backend] as [string, string, string];
      assert.deepEqual([name, code], ['TorchError', 'value']);
      assert.match(message, /^The backend (\S+) cannot be used: .*(libcuda|cuInit|no device|driver).*$/);
      assert.ok(message.startsWith(`The backend ${backend} `));
    }
    for (const backend of ['cpu:gloo,cuda:gloo', 'cpu:gloo', 'gloo'])
      assert.deepEqual(found.outcomes[backend], [backend, [3, 3], [{ is: 'there' }]]);
    assert.equal(found.outcomes['undefined']?.[0], 'gloo');
  });

  it('computes on the CPU: unit tests of tensors, gradients, optimizers and collectives', () => {
    const files = ['tensor/cuda', 'tensor/autograd', 'optim/sgd', 'optim/grad-scaler', 'tensor/scope'];
    files.push('train/graphed-training', 'data/prefetcher', 'distributed/backends', 'distributed/collectives');
    const mocha = path.join(config.packageFolder('mocha'), 'bin', 'mocha.js');
    const { stdout } = run(process.execPath, [mocha, ...files.map((name) => `test/unit/${name}.test.ts`)], {
      TORCHBRIDGE_ADDON: addon,
    });
    assert.match(stdout, /\d\d passing/);
  });
});
