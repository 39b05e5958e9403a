/**
 * `npm test`: sets the clone up, makes the Python for the parity tests, and runs mocha; linters and type checks are tests too
 * (test/checks). `npm test -- test/unit/nn/linear.test.ts -g bias` hands its arguments to mocha; `--full` adds test/full.
 * Without arguments two mochas run side by side: what compares with Python, with the documents' examples, and the rest.
 * The last line is `N passed, N failed`, with `, N skipped` when any was; what failed stands above it once more.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import config from './native-config.cjs';
import { parityPython } from './parity-python.mjs';
import { main, setup } from './setup.mjs';
import { readJson } from './util/fingerprint.mjs';

const log = (line) => process.stderr.write(`${line}\n`);
const folder = path.join(config.root, '.cache');

/** One mocha. `printed` resolves when it may print; until then its output is held back. @returns what its reporter counted. */
async function mocha(name, args, env, printed) {
  const program = path.join(config.packageFolder('mocha'), 'bin', 'mocha.js');
  const reporter = path.join(config.root, 'scripts', 'test', 'reporter.cjs');
  const result = path.join(folder, `test-result-${process.pid}-${name}.json`);
  const color = process.stdout.isTTY ? '--color' : '--no-color';
  const child = spawn(process.execPath, [program, '--reporter', reporter, color, ...args], {
    cwd: config.root,
    env: { ...process.env, ...env, TORCHBRIDGE_TEST_RESULT: result },
    stdio: ['inherit', 'pipe', 'pipe'],
  });
  let held = [];
  const print = (stream) => (chunk) => (held === undefined ? stream.write(chunk) : held.push([stream, chunk]));
  child.stdout.on('data', print(process.stdout));
  child.stderr.on('data', print(process.stderr));
  const release = () => {
    for (const [stream, chunk] of held ?? []) stream.write(chunk);
    held = undefined;
  };
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
  void printed.then(release);
  const code = await ended;
  await printed;
  const counts = readJson(result);
  fs.rmSync(result, { force: true });
  if (counts === undefined) throw new Error(`mocha ended before its tests did (exit code ${code})`);
  return { ...counts, code };
}

/** Runs them at the same time; each prints when the one before has ended. */
async function sideBySide(runs, env) {
  let before = Promise.resolve();
  const results = runs.map((args, i) => {
    const result = mocha(String(i), args, env, before);
    before = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  });
  return Promise.all(results);
}

await main(async () => {
  await setup();
  const args = process.argv.slice(2).filter((arg) => arg !== '--full');
  const full = process.argv.includes('--full');
  const namesFiles = args.some((arg) => /\.ts$|^test\//.test(arg));
  const second = ['test/parity/**/*.test.ts', 'test/checks/examples.test.ts'];
  const rest = [...second.flatMap((files) => ['--ignore', files]), ...(full ? [] : ['--ignore', 'test/full/**'])];
  const runs = namesFiles
    ? [args]
    : [
        [...args, 'test/**/*.test.ts', ...rest],
        [...args, ...second],
      ];

  const parity = await parityPython({ log });
  if ('reason' in parity) log(`No Python for the parity tests: ${parity.reason}`);
  fs.mkdirSync(folder, { recursive: true });
  process.on('SIGINT', () => undefined); // mocha ends by it, and reports
  const results = await sideBySide(
    runs,
    'python' in parity ? { TORCHBRIDGE_PYTHON: parity.python } : { TORCHBRIDGE_NO_PYTHON_REASON: parity.reason },
  );
  const sum = (name) => results.reduce((total, each) => total + each[name], 0);
  const [passed, failed, skipped] = ['passed', 'failed', 'skipped'].map(sum);
  if (failed > 0 || sum('code') !== 0) process.exitCode = 1;
  for (const { title, reason } of results.flatMap(({ failures }) => failures)) {
    process.stdout.write(`Failed: ${title}\n${reason.replace(/^/gm, '  ')}\n`);
  }
  process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
});
