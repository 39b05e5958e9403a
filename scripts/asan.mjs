/**
 * `npm run test:asan`: builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer into build-asan/ and runs the unit
 * and native tests with it. Arguments go to mocha; `--leaks` looks for memory that our code never frees; `--fuzz` runs the fuzz
 * test by hand (its arguments follow) on blocks that end at an unreadable page. Needs what the set-up needs, and libasan and
 * libubsan of the same compiler.
 */
import { spawn } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import config from './native-config.cjs';
import { resolveLibtorch } from './libtorch.mjs';
import { main } from './setup.mjs';
import { run, tail } from './util/run.mjs';

const at = (...names) => path.join(config.root, ...names);

// vptr compares type information across libraries, which libtorch's visibility does not allow.
const flags = ['-fsanitize=address,undefined', '-fno-sanitize=vptr', '-fno-sanitize-recover=undefined'];
const compilerFlags = [...flags, '-fno-omit-frame-pointer', '-g1', '-DBUILDING_NODE_EXTENSION'];

// A test that measures what malloc gives back: the sanitizer's malloc keeps freed blocks in quarantine. Training in bulk: hours.
const leftOut = ['is given back to the operating system', 'flat over 2,000 iterations', '10⁷ tensors'];

async function build(libtorch, fenced) {
  const folder = at(fenced ? 'build-asan-fenced' : 'build-asan');
  const env = { ...process.env, LIBTORCH: libtorch.folder };
  const all = [...compilerFlags, ...(fenced ? ['-DTORCHBRIDGE_FENCED'] : [])].join(' ');
  const configure = [
    '-S',
    config.root,
    '-B',
    folder,
    `-DCMAKE_CXX_FLAGS=${all}`,
    `-DTORCHBRIDGE_NODE=${process.execPath}`,
  ];
  for (const args of [configure, ['--build', folder, '--parallel', process.env.TORCHBRIDGE_JOBS ?? '2']]) {
    const { code, output } = await run('cmake', args, { env, onLine: (line) => process.stderr.write(`${line}\n`) });
    if (code !== 0) throw new Error(`cmake failed:\n${tail(output)}`);
  }
  return path.join(folder, 'Release', `${config.ADDON_NAME}.node`);
}

/** The sanitizers' libraries must be loaded before everything else. */
function preload() {
  return ['libasan.so', 'libubsan.so']
    .map((name) => {
      const file = execFileSync('c++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
      if (!path.isAbsolute(file) || !fs.existsSync(file)) throw new Error(`The compiler has no ${name}: install it`);
      return fs.realpathSync(file);
    })
    .join(':');
}

await main(async () => {
  const args = process.argv.slice(2);
  const leaks = args.includes('--leaks');
  const fuzz = args.includes('--fuzz');
  const given = args.filter((each) => each !== '--leaks' && each !== '--fuzz');
  const libtorch = await resolveLibtorch({ log: (line) => process.stderr.write(`${line}\n`) });
  const addon = await build(libtorch, fuzz);
  const env = {
    ...process.env,
    TORCHBRIDGE_ADDON: addon,
    TORCHBRIDGE_SANITIZED: '1',
    LD_PRELOAD: preload(),
    OMP_NUM_THREADS: process.env.OMP_NUM_THREADS ?? '1',
    // An allocation that is too large is an answer, not a finding: the tests ask for absurd sizes.
    ASAN_OPTIONS: `detect_leaks=${leaks ? 1 : 0}:allocator_may_return_null=1:detect_odr_violation=0`,
    LSAN_OPTIONS: `suppressions=${at('test', 'native', 'leaks.supp')}:print_suppressions=0`,
    UBSAN_OPTIONS: 'print_stacktrace=1',
  };
  const named = given.some((each) => /\.ts$/.test(each));
  const specs = named
    ? []
    : ['test/unit/**/*.test.ts', 'test/native/*.test.ts', '--ignore', 'test/native/fuzz.test.ts'];
  const mocha = path.join(config.packageFolder('mocha'), 'bin', 'mocha.js');
  const program = fuzz
    ? ['--import=tsx', at('test', 'native', 'fuzz', 'main.ts'), ...given]
    : [mocha, '--timeout', '600000', '--grep', leftOut.join('|'), '--invert', ...given, ...specs];
  if (!fuzz) process.stderr.write(`Left out, since they measure malloc or time: ${leftOut.join('; ')}\n`);
  const code = await new Promise((resolve, reject) => {
    const child = spawn(process.execPath, program, { cwd: config.root, env, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (exit, signal) => resolve(signal === null ? exit : 1));
  });
  process.exitCode = code;
});
