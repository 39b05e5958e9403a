/** From `npm pack` to a training run in an empty project, with the scripts of packages not allowed, as a careful user has it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import config from '../../scripts/native-config.cjs';
import { buildInfo, expectRun, pack, run, typeCheck, type Packed } from './installed.js';

const { root } = config;

/** What the tarball may hold, and nothing else. */
const WANTED = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|CMakeLists\.txt)$/,
  /^dist\/(bin|lib)\/.+\.(js|d\.ts)$/,
  /^dist\/lib\/.+\.(woff2?|ttf|json|svg|png)$/,
  /^native\/(cuda\/)?[^/]+\.(cpp|h|inc)$/,
  /^native\/gloo\/.+\.h$/,
  /^docs\/[^/]+\.md$/,
  /^scripts\/(addon|install|libtorch|setup)\.mjs$/,
  /^scripts\/native-config\.cjs$/,
  /^scripts\/util\/[^/]+\.mjs$/,
  /^prebuilds\/linux-x64-[^/]+\/(torchbridge\.node|prebuild\.json)$/,
];

const PROGRAM = `
import { data, manualSeed, memory, models, nn, ones, optim, scope, type Tensor } from 'torchbridge';

manualSeed(0);
const model = models.cifarDenseNet({ depth: 10, growthRate: 4 });
const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
const pictures = new data.Subset(data.shapes().train, [...Array(64).keys()]);
const losses: number[] = [];
let tensors = 0;
for (let epoch = 0; epoch < 2; ++epoch) {
  for (const [input, target] of new data.DataLoader(pictures, { batchSize: 16 })) {
    losses.push(
      scope((): number => {
        const loss: Tensor = nn.functional.crossEntropy(model.call(input), target);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        return loss.item();
      }),
    );
    input.dispose();
    target.dispose();
    if (losses.length === 1) tensors = memory().tensors;
  }
}
{
  using one = ones([1]);
  one.add_(one);
}
console.log(losses.length, losses.at(-1)! < losses[0]!, memory().tensors === tensors);
`;

describe('the package', function () {
  this.timeout(300_000);
  let folder = '';
  let project = '';
  let installed = '';
  let packed: Packed;
  let env: Record<string, string>;
  const torchbridge = (args: readonly string[], more: Record<string, string> = {}) =>
    run(project, ['npx', '--no-install', 'torchbridge', ...args], { ...env, ...more });
  /** Runs code in the project. */
  const node = (code: string, args: readonly string[] = [], more: Record<string, string> = {}) =>
    run(project, [process.execPath, ...args, '-e', code], { ...env, ...more });

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-package-'));
    project = path.join(folder, 'project');
    installed = path.join(project, 'node_modules', 'torchbridge');
    // libtorch is there already: nothing is fetched twice.
    env = { LIBTORCH: buildInfo().libtorch, TORCHBRIDGE_CACHE: path.join(folder, 'cache') };
    packed = await pack(folder);
    fs.mkdirSync(project);
    fs.writeFileSync(
      path.join(project, 'package.json'),
      JSON.stringify({ name: 'empty', private: true, type: 'module' }),
    );
    expectRun(project, ['npm', 'install', '--ignore-scripts', '--prefer-offline', packed.file]);
  });
  after(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('holds what is needed and nothing else', () => {
    const unwanted = packed.names.filter((name) => !WANTED.some((wanted) => wanted.test(name)));
    assert.deepEqual(unwanted, []);
    for (const wanted of ['dist/bin/torchbridge.js', 'dist/lib/index.d.ts', 'native/addon.cpp', 'CMakeLists.txt']) {
      assert.ok(packed.names.includes(wanted), wanted);
    }
    assert.ok(packed.names.some((name) => name.startsWith('prebuilds/')));
    assert.ok(packed.bytes < 3e6, `${packed.bytes} bytes`);
    // No tool of this project comes along.
    const names = fs.readdirSync(path.join(project, 'node_modules'));
    for (const tool of ['typescript', 'node-gyp', 'mocha', 'eslint']) assert.equal(names.includes(tool), false, tool);
  });

  it('is not packed with a prebuilt addon that no one could use', () => {
    const source = path.join(packed.stage, 'native', 'addon.cpp');
    const text = fs.readFileSync(source, 'utf8');
    fs.writeFileSync(source, `${text}// changed\n`);
    const { code, stderr } = run(packed.stage, ['npm', 'pack', '--dry-run']);
    fs.writeFileSync(source, text);
    assert.notEqual(code, 0);
    assert.match(stderr, /torchbridge: prebuilds\/linux-x64-\S+ was made from other sources: `npm run prebuild`/);
  });

  it('is well-formed by publint and by attw', () => {
    const bin = (name: string) => path.join(root, 'node_modules', name);
    expectRun(folder, [process.execPath, bin('publint/src/cli.js'), 'run', packed.file, '--strict']);
    // An ES module for all: a Node that is supported can require() it.
    const rules = ['--ignore-rules', 'cjs-resolves-to-esm'];
    const attw = [process.execPath, bin('@arethetypeswrong/cli/dist/index.js'), packed.file];
    expectRun(folder, [...attw, '--no-emoji', ...rules]);
  });

  it('has types under node16 and bundler resolution, without types of Node, and for require()', () => {
    fs.writeFileSync(path.join(project, 'train.ts'), PROGRAM);
    const required = `import torchbridge = require('torchbridge');\nexport const x: torchbridge.Tensor = torchbridge.ones([1]);\n`;
    fs.writeFileSync(path.join(project, 'required.cts'), required);
    const wrong = `import { ones } from 'torchbridge';\nexport const x: string = ones([1]);\n`;
    fs.writeFileSync(path.join(project, 'wrong.ts'), wrong);
    // \`console\` is Node's, or the browser's.
    const lib = ['es2022', 'dom'];
    assert.equal(typeCheck(project, { lib, module: 'node16', outDir: 'out', skipLibCheck: false }, ['train.ts']), '');
    const bundler = typeCheck(project, { lib, module: 'esnext', moduleResolution: 'bundler' }, [
      'train.ts',
      'wrong.ts',
    ]);
    assert.match(bundler, /^wrong\.ts\(2,14\): error TS2322[^\n]*\n$/);
    assert.equal(typeCheck(project, { module: 'nodenext' }, ['required.cts']), '');
  });

  it('says in one line what to do while it is not set up', () => {
    const line = /the addon is not built \(looked for [^\n]*\): run `npx torchbridge setup`$/m;
    assert.match(node("await import('torchbridge')", ['--input-type=module']).stderr, /^AddonError: the addon is not/m);
    assert.match(node("require('torchbridge')", ['--input-type=commonjs']).stderr, line);
    const { code, stderr } = torchbridge(['train']);
    assert.equal(code, 1);
    assert.match(
      stderr.replace(/^npm .*\n/gm, ''),
      /^torchbridge: the addon is not built [^\n]*`npx torchbridge setup`\n$/,
    );
    const doctor = torchbridge(['doctor']);
    assert.equal(doctor.code, 1);
    assert.match(doctor.stdout, /missing +addon [^]*npx torchbridge setup/);
  });

  it('says in one line that a platform is not supported', () => {
    const pretend = (platform: string, arch: string) =>
      `data:text/javascript,for(const%20[k,v]of%20Object.entries({platform:'${platform}',arch:'${arch}'}))Object.defineProperty(process,k,{value:v})`;
    for (const [platform, arch] of [
      ['darwin', 'arm64'],
      ['win32', 'x64'],
      ['linux', 'arm64'],
    ] as const) {
      const line = `torchbridge runs on Linux x64 with glibc; this is ${platform} ${arch}`;
      const imported = node("await import('torchbridge')", [
        '--import',
        pretend(platform, arch),
        '--input-type=module',
      ]);
      assert.notEqual(imported.code, 0);
      assert.match(imported.stderr, new RegExp(`^AddonError: ${line}$`, 'm'));
      const script = path.join(installed, 'scripts', 'setup.mjs');
      const setup = run(project, [process.execPath, '--import', pretend(platform, arch), script], env);
      assert.deepEqual([setup.code, setup.stderr], [1, `torchbridge: ${line}.\n`]);
    }
    // npm itself, before anything is put in place.
    const other = path.join(folder, 'other');
    fs.mkdirSync(other);
    fs.writeFileSync(path.join(other, 'package.json'), '{ "private": true }');
    const options = { NODE_OPTIONS: `--import=${pretend('darwin', 'arm64')}` };
    const refused = run(other, ['npm', 'install', '--prefer-offline', packed.file], options);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /EBADPLATFORM/);
    assert.deepEqual(fs.readdirSync(other), ['package.json']);
  });

  describe('with a prebuilt addon that does not fit', () => {
    /** A copy of the installed package, on a machine without a compiler, so that what follows is seen at once. */
    function setupWith(change: (prebuild: string) => void, more: Record<string, string> = {}) {
      const copy = path.join(project, 'node_modules', 'changed');
      fs.rmSync(copy, { recursive: true, force: true });
      fs.cpSync(installed, copy, { recursive: true });
      const prebuilds = path.join(copy, 'prebuilds');
      change(path.join(prebuilds, fs.readdirSync(prebuilds)[0]!));
      const setup = [process.execPath, path.join(copy, 'scripts', 'setup.mjs')];
      const { code, stderr } = run(project, setup, { ...env, PATH: path.join(folder, 'no-tools'), ...more });
      assert.equal(code, 1);
      assert.match(stderr, /\ntorchbridge: The addon is compiled on this machine, which lacks: cmake g\+\+ make\.\n/);
      assert.equal(fs.existsSync(path.join(copy, 'build-cmake', 'build-info.json')), false);
      return stderr.split('\n')[0];
    }
    const manifestOf = (prebuild: string) => path.join(prebuild, 'prebuild.json');
    const edit = (file: string, change: (text: string) => string) => {
      fs.writeFileSync(file, change(fs.readFileSync(file, 'utf8')));
    };

    it('compiles, when it was made from other sources', () => {
      assert.match(
        setupWith((prebuild) => {
          edit(path.join(prebuild, '..', '..', 'native', 'addon.cpp'), (text) => `${text}// changed\n`);
        }) ?? '',
        /^No prebuilt addon is used: linux-x64-\S+ was made from other sources$/,
      );
    });

    it('compiles, when it is damaged', () => {
      const said = setupWith((prebuild) => {
        fs.appendFileSync(path.join(prebuild, 'torchbridge.node'), 'x');
      });
      assert.match(said ?? '', /^No prebuilt addon is used: linux-x64-\S+ is damaged$/);
    });

    it('compiles, when it does not load here', () => {
      const said = setupWith((prebuild) => {
        fs.writeFileSync(path.join(prebuild, 'torchbridge.node'), '');
        const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
        edit(manifestOf(prebuild), (text) => text.replace(/"sha256": "[0-9a-f]+"/, `"sha256": "${empty}"`));
      });
      assert.match(said ?? '', /^No prebuilt addon is used: .*torchbridge\.node: file too short$/);
    });

    it('compiles, when that is asked for, and when there is none for this libtorch', () => {
      assert.equal(
        setupWith(() => undefined, { TORCHBRIDGE_BUILD_FROM_SOURCE: '1' }),
        'No prebuilt addon is used: TORCHBRIDGE_BUILD_FROM_SOURCE is set',
      );
      const said = setupWith((prebuild) => {
        fs.renameSync(prebuild, path.join(prebuild, '..', 'linux-x64-2.0.0-cpu'));
      });
      assert.match(said ?? '', /^No prebuilt addon is used: there is none named linux-x64-/);
    });
  });

  describe('once it is set up', () => {
    it('by one command, which takes the prebuilt addon', () => {
      const { code, stdout, stderr } = torchbridge(['setup']);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /Taking the prebuilt addon for libtorch \d/);
      assert.equal(stdout, 'torchbridge is ready: `npx torchbridge doctor` says what it runs on.\n');
      assert.equal(torchbridge(['setup']).stdout, 'Nothing to do: all is up to date.\n');
      const doctor = torchbridge(['doctor']);
      assert.equal(doctor.code, 0, doctor.stdout);
      assert.match(doctor.stdout, /\nEverything is in place\.\n$/);
    });

    it('trains, from TypeScript', () => {
      assert.equal(expectRun(project, [process.execPath, path.join('out', 'train.js')], env), '8 true true\n');
    });

    it('trains by the command', () => {
      const tiny = [
        '--depth',
        '10',
        '--growth-rate',
        '4',
        '--n-epochs',
        '1',
        '--valid-size',
        '4900',
        '--batch-size',
        '50',
      ];
      const { code, stderr } = torchbridge(['train', '--save', 'run', '--seed', '0', '--threads', '1', ...tiny]);
      assert.equal(code, 0, stderr);
      assert.ok(fs.existsSync(path.join(project, 'run', 'model.pth')));
    });

    it('is required, with the same tensors as imported ones', () => {
      const code = `const required = require('torchbridge');
        import('torchbridge').then((imported) => console.log(required.ones([2]).add(1).toArray(), required.Tensor === imported.Tensor))`;
      const { stdout, stderr } = node(code, ['--input-type=commonjs']);
      assert.equal(stdout, '[ 2, 2 ] true\n', stderr);
    });

    it('serves worker threads', () => {
      const code = `import { Worker, isMainThread } from 'node:worker_threads';
        const body = "import('torchbridge').then((t) => console.log(t.ones([2]).sum().item()))";
        await Promise.all([0, 1].map(() => new Promise((resolve) => new Worker(body, { eval: true }).on('exit', resolve))));`;
      const { stdout, stderr } = node(code, ['--input-type=module']);
      assert.equal(stdout, '2\n2\n', stderr);
    });

    it("by npm's install step, which fails with one line where the set-up does", () => {
      const rebuild = ['npm', 'rebuild', 'torchbridge', '--foreground-scripts'];
      assert.equal(run(project, rebuild, env).code, 0);
      const failed = run(project, ['npm', 'rebuild', 'torchbridge'], { ...env, LIBTORCH: '/nowhere' });
      assert.notEqual(failed.code, 0);
      assert.match(failed.stderr, /torchbridge: LIBTORCH is \/nowhere, which is not a libtorch/);
      assert.match(failed.stderr, /To go on: `npm install --ignore-scripts torchbridge`, .*`npx torchbridge setup`\./);
    });
  });
});
