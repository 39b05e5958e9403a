/**
 * `npm run test:asan`: builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer into build-asan/, then runs the unit
 * tests, most of the native ones and a part of the fuzz test with it. Any report of a sanitizer, in any process, fails the run.
 *
 * - `npm run test:asan -- test/unit/nn/linear.test.ts -g bias`: arguments go to mocha, and the fuzz test is left out.
 * - `npm run test:asan -- --fuzz --seed 3 --lists 100000`: the fuzz test alone, with its own arguments.
 * - `npm run test:asan -- --fenced --lists 100000`: the same with an addon that is not instrumented, but whose tensors end at an
 *   unreadable page (build-fenced/): a stray access of libtorch's own kernels faults there.
 *
 * Needs what the set-up needs, and libasan and libubsan of the same compiler.
 */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import config from './native-config.cjs';
import { resolveLibtorch } from './libtorch.mjs';
import { main } from './setup.mjs';
import { run, tail } from './util/run.mjs';

const at = (...names) => path.join(config.root, ...names);
const log = (line) => process.stderr.write(`${line}\n`);

const sanitize = [
  '-fsanitize=address,undefined,float-cast-overflow',
  // It compares type information, which libtorch hides inside of its libraries.
  '-fno-sanitize=vptr',
  // A finding ends the process, as one of AddressSanitizer does.
  '-fno-sanitize-recover=all',
  ...['-fno-omit-frame-pointer', '-g1', '-O1'],
];

/** What is not run, and why. */
const leftOut = {
  'is given back to the operating system on request': "it measures malloc, and the sanitizer's keeps freed blocks",
};
const leftOutFiles = {
  'test/native/fuzz.test.ts': 'a part of it runs afterwards',
  'test/native/flat-memory.test.ts': "it measures malloc, and the sanitizer's keeps freed blocks",
  'test/native/event-loop.test.ts': 'it measures times',
  'test/native/slots.test.ts': '10⁷ tensors take an hour',
};

/** @returns the addon. */
async function build(name, libtorch, options) {
  const folder = at(name);
  log(`Compiling the addon into ${name}/ (${options.join(' ')})`);
  const env = { ...process.env, LIBTORCH: libtorch.folder };
  const configure = ['-S', config.root, '-B', folder, `-DTORCHBRIDGE_NODE=${process.execPath}`, ...options];
  for (const args of [configure, ['--build', folder, '--parallel', process.env.TORCHBRIDGE_JOBS ?? '2']]) {
    const { code, output } = await run('cmake', args, { env });
    if (code !== 0) throw new Error(`cmake failed:\n${tail(output)}`);
  }
  return path.join(folder, 'Release', `${config.ADDON_NAME}.node`);
}

/** The sanitizers' libraries, which must be loaded before everything else. */
function runtimes() {
  const found = ['libasan.so', 'libubsan.so'].map((name) => {
    const file = execFileSync('c++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
    if (!path.isAbsolute(file) || !fs.existsSync(file)) throw new Error(`The compiler has no ${name}: install it`);
    return fs.realpathSync(file);
  });
  return found.join(':');
}

const reports = at('build-asan', 'reports');

function sanitized(addon) {
  fs.rmSync(reports, { recursive: true, force: true });
  fs.mkdirSync(reports, { recursive: true });
  // Written to files: tests swallow what their child processes say.
  const all = `log_path=${path.join(reports, 'report')}:print_stacktrace=1`;
  return {
    TORCHBRIDGE_ADDON: addon,
    LD_PRELOAD: runtimes(),
    // Node keeps much until it ends, which counts as leaks: the tests count tensors, blocks and bytes themselves.
    // An allocation that is too large is an answer: tests ask for absurd sizes.
    ASAN_OPTIONS: `detect_leaks=0:allocator_may_return_null=1:detect_odr_violation=0:${all}`,
    UBSAN_OPTIONS: all,
  };
}

/** Prints what the sanitizers wrote. @returns how many reports there are. */
function readReports() {
  const files = fs.readdirSync(reports);
  for (const file of files) {
    const text = fs.readFileSync(path.join(reports, file), 'utf8');
    log(text.split('\n').slice(0, 40).join('\n'));
  }
  return files.length;
}

/** Runs Node with the terminal of this process. @returns whether it ended well. */
function node(args, more) {
  const env = { ...process.env, OMP_NUM_THREADS: '1', OMP_WAIT_POLICY: 'PASSIVE', ...more };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: config.root, env, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (code) => resolve(code === 0));
  });
}

const fuzz = (args, env) => node(['--import=tsx', at('test', 'native', 'fuzz', 'main.ts'), ...args], env);

function tests(args, env) {
  const mocha = path.join(config.packageFolder('mocha'), 'bin', 'mocha.js');
  if (args.length > 0) return node([mocha, '--timeout', '600000', ...args], env);
  for (const [what, why] of Object.entries({ ...leftOut, ...leftOutFiles })) log(`Left out: ${what} (${why})`);
  const without = Object.keys(leftOutFiles).flatMap((file) => ['--ignore', file]);
  const specs = ['test/unit/**/*.test.ts', 'test/native/*.test.ts'];
  const grep = ['--grep', Object.keys(leftOut).join('|'), '--invert'];
  return node([mocha, '--timeout', '600000', ...grep, ...specs, ...without], env);
}

await main(async () => {
  const args = process.argv.slice(2).filter((each) => each !== '--fuzz' && each !== '--fenced');
  const libtorch = await resolveLibtorch({ log });
  if (process.argv.includes('--fenced')) {
    const addon = await build('build-fenced', libtorch, ['-DTORCHBRIDGE_FENCED=ON']);
    if (!(await fuzz(args, { TORCHBRIDGE_ADDON: addon }))) process.exitCode = 1;
    return;
  }
  const env = sanitized(await build('build-asan', libtorch, [`-DTORCHBRIDGE_FLAGS=${sanitize.join(';')}`]));
  let well = true;
  if (!process.argv.includes('--fuzz')) well = await tests(args, env);
  if (process.argv.includes('--fuzz')) well = await fuzz(args, env);
  else if (args.length === 0) {
    well = (await fuzz(['--lists', '20000', '--only', '^(function|method|async|api) '], env)) && well;
  }
  const found = readReports();
  log(`${found} reports of the sanitizers`);
  if (found > 0 || !well) process.exitCode = 1;
});
