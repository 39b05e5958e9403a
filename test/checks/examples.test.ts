/** Every example in the documents is compiled and run, and every module has one. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as torchbridge from '../../lib/index.js';
import { documents, HOW_TO_MARK, programsOf, saysTheSame, type Program } from './markdown.js';

const root = path.resolve(import.meta.dirname, '../..');

/** nn, nn.functional, optim, …: what is exported as a bag of functions and classes. */
function modules(namespace: object, prefix = ''): string[] {
  return Object.entries(namespace).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null && /^[a-z]/.test(name)
      ? [`${prefix}${name}`, ...modules(value as object, `${prefix}${name}.`)]
      : [],
  );
}

describe('the examples in the documents', function () {
  this.timeout(300_000);
  const programs = documents(root).flatMap((name) => programsOf(root, name));
  const fileOf = ({ name, line }: Program): string => `${path.basename(name, '.md')}.${line}`;
  const own = fs.readdirSync(path.join(root, 'examples')).filter((name) => name.endsWith('.ts'));
  let folder = '';
  let complaints = '';

  /** An empty project that has installed the package. */
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-examples-'));
    fs.mkdirSync(path.join(folder, 'node_modules', '@types'), { recursive: true });
    fs.symlinkSync(root, path.join(folder, 'node_modules', 'torchbridge'));
    fs.symlinkSync(
      path.join(root, 'node_modules', '@types', 'node'),
      path.join(folder, 'node_modules', '@types', 'node'),
    );
    fs.writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
    const compilerOptions = {
      ...{ target: 'es2022', lib: ['es2023'], module: 'nodenext', strict: true, skipLibCheck: true },
      ...{ types: ['node'], rootDir: '.', outDir: 'out', noEmitOnError: false },
    };
    fs.writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
    for (const program of programs) {
      if (program.notRun?.notChecked !== true)
        fs.writeFileSync(path.join(folder, `${fileOf(program)}.ts`), `${program.text}\nexport {};\n`);
    }
    for (const name of own) fs.copyFileSync(path.join(root, 'examples', name), path.join(folder, name));
    const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    complaints = spawnSync(process.execPath, [tsc, '--pretty', 'false'], { cwd: folder, encoding: 'utf8' }).stdout;
  });
  after(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('pass the type check', () => {
    assert.equal(complaints, '', `${complaints}${HOW_TO_MARK}`);
  });

  /** What the programs in examples/ must print in the end: each has learned something. */
  const lastLines: Readonly<Record<string, RegExp>> = {
    'custom-dataset.ts': /^epoch 60: \d{1,2} of 1000 points wrong$/,
    'custom-loop.ts': /^epoch 2: loss 0\.\d\d, right 9\d %, averaged 9\d %$/,
    'custom-module.ts': /^more than 400 of 500 digits are right$/,
  };
  for (const name of own) {
    it(`examples/${name} runs, and learns`, () => {
      const text = fs.readFileSync(path.join(root, 'examples', name), 'utf8');
      assert.ok(text.split('\n').length <= 60, 'under 60 lines');
      const env = { ...process.env, OMP_NUM_THREADS: '1', OMP_WAIT_POLICY: 'PASSIVE', NODE_OPTIONS: '' };
      const program = path.join(folder, 'out', name.replace(/ts$/, 'js'));
      const run = spawnSync(process.execPath, [program], { cwd: folder, env, encoding: 'utf8' });
      assert.equal(run.status, 0, `${run.stdout}${run.stderr}`);
      assert.match(run.stdout.trimEnd().split('\n').at(-1) ?? '', lastLines[name] ?? /^$/);
    });
  }

  for (const program of programs) {
    const title = `${program.name}:${program.line}`;
    if (program.notRun !== undefined) {
      const { reason, notChecked } = program.notRun;
      it(`${title} is not ${notChecked ? 'checked' : 'run'}: ${reason}`, () => {
        assert.ok(reason.length > 10, `the reason, please.${HOW_TO_MARK}`);
      });
      continue;
    }
    it(`${title} runs${program.prints === undefined ? '' : ', and prints what it says'}`, () => {
      const cwd = fs.mkdtempSync(path.join(folder, 'run-'));
      const env = { ...process.env, OMP_NUM_THREADS: '1', OMP_WAIT_POLICY: 'PASSIVE', NODE_OPTIONS: '' };
      const run = spawnSync(process.execPath, [path.join(folder, 'out', `${fileOf(program)}.js`)], {
        ...{ cwd, env, encoding: 'utf8' },
      });
      assert.equal(run.status, 0, `${run.stdout}${run.stderr}${HOW_TO_MARK}`);
      const { prints } = program;
      if (prints !== undefined && !saysTheSame(run.stdout, prints)) assert.equal(run.stdout.trim(), prints.trim());
    });
  }

  it('show every module', () => {
    const texts = programs.filter(({ notRun }) => notRun === undefined).map(({ text }) => text);
    const named = modules(torchbridge);
    assert.ok(['ops', 'nn', 'nn.functional', 'io'].every((name) => named.includes(name)));
    const shown = (name: string) =>
      texts.some((text) => new RegExp(`(?<![.\\w])${name.replace('.', '\\.')}\\.`).test(text));
    const missing = named.filter((name) => !shown(name));
    assert.deepEqual(missing, [], `without an example that runs: ${missing.join(', ')}`);
  });
});
