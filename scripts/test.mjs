/**
 * `npm test`: sets the clone up, makes the Python for the parity tests, and runs mocha; linters and type checks are tests too
 * (test/checks). `npm test -- test/unit/nn/linear.test.ts -g bias` hands its arguments to mocha; `--full` adds test/full.
 * The last line is `N passed, N failed`, with `, N skipped` when any was.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import config from './native-config.cjs';
import { parityPython } from './parity-python.mjs';
import { main, setup } from './setup.mjs';
import { readJson } from './util/fingerprint.mjs';

const log = (line) => process.stderr.write(`${line}\n`);

/** Runs mocha with this process's terminal. @returns its exit code. */
function mocha(args, env) {
  return new Promise((resolve, reject) => {
    const program = path.join(config.packageFolder('mocha'), 'bin', 'mocha.js');
    const child = spawn(process.execPath, [program, ...args], { cwd: config.root, env, stdio: 'inherit' });
    process.on('SIGINT', () => undefined);
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

await main(async () => {
  await setup();
  const args = process.argv.slice(2).filter((arg) => arg !== '--full');
  const full = process.argv.includes('--full');
  const namesFiles = args.some((arg) => /\.ts$|^test\//.test(arg));
  const specs = namesFiles ? [] : ['test/**/*.test.ts', ...(full ? [] : ['--ignore', 'test/full/**'])];

  const parity = await parityPython({ log });
  if ('reason' in parity) log(`No Python for the parity tests: ${parity.reason}`);
  const result = path.join(config.root, '.cache', `test-result-${process.pid}.json`);
  fs.mkdirSync(path.dirname(result), { recursive: true });
  const reporter = path.join(config.root, 'scripts', 'test', 'reporter.cjs');
  const code = await mocha(['--reporter', reporter, ...args, ...specs], {
    ...process.env,
    TORCHBRIDGE_TEST_RESULT: result,
    ...('python' in parity ? { TORCHBRIDGE_PYTHON: parity.python } : { TORCHBRIDGE_NO_PYTHON_REASON: parity.reason }),
  });
  const counts = readJson(result);
  fs.rmSync(result, { force: true });
  if (counts === undefined) throw new Error(`mocha ended before its tests did (exit code ${code})`);
  const { passed, failed, skipped } = counts;
  if (failed > 0 || code !== 0) process.exitCode = 1;
  process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
});
