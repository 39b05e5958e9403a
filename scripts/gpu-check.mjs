/**
 * Everything that wants a GPU, in one command, without npm: builds the addons against the PyTorch of python3 (or LIBTORCH) if need be, runs
 * the tests of a device, compares losses and weights with that Python's, takes 1,000 steps and looks at the memory, and measures a step
 * against Python's in the same run. Writes gpu-check.json and gpu-check.txt.
 *
 *     node scripts/gpu-check.mjs [--out DIR] [--device cuda] [--python python3] [--quick] [--dry-run]
 *
 * It needs node, cmake, a C++ compiler and python3 with torch; of the clone dist/, native/, scripts/, CMakeLists.txt, package.json,
 * test/parity/models/cifar_densenet.py, and the packages node-addon-api and node-api-headers in node_modules. `--dry-run` does the same on
 * the CPU at tiny sizes: it checks this program, and measures nothing.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import config from './native-config.cjs';

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'gpu-check' },
    device: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    quick: { type: 'boolean', default: false },
    'dry-run': { type: 'boolean', default: false },
  },
});
const dry = options['dry-run'];
const device = options.device ?? (dry ? 'cpu' : 'cuda');
const { root } = config;
const text = [];

function say(line) {
  text.push(line);
  process.stdout.write(`${line}\n`);
}

function fail(line) {
  process.stderr.write(`gpu-check: ${line}\n`);
  process.exit(1);
}

const env = { ...process.env, CUBLAS_WORKSPACE_CONFIG: ':4096:8', OMP_WAIT_POLICY: 'PASSIVE' };
const run = (command, args, more = {}) =>
  spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, env: { ...env, ...more } });
const last = ({ stderr, stdout, signal }) =>
  (stderr.trim() || stdout.trim() || String(signal)).split('\n').slice(-3).join(' | ');

function json(outcome) {
  if (outcome.status !== 0) return { error: last(outcome) };
  return JSON.parse(outcome.stdout.trim().split('\n').at(-1));
}

// ---- What is here ---------------------------------------------------------------------------------------------------

function findPython() {
  const program =
    'import json, os, torch; print(json.dumps({"folder": os.path.dirname(torch.__file__), "version": torch.__version__, "cuda": torch.cuda.is_available(), "names": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]}))';
  const found = json(run(options.python, ['-c', program]));
  if (found.error !== undefined) fail(`${options.python} has no torch: ${found.error}`);
  if (device !== 'cpu' && !found.cuda)
    fail(`${options.python}'s PyTorch ${found.version} finds no GPU here; --dry-run checks this program on the CPU`);
  return found;
}

/** The addon for this libtorch: one that TORCHBRIDGE_ADDON names, or one that is built here now. */
function provideAddon(libtorch) {
  if (env.TORCHBRIDGE_ADDON) return path.resolve(env.TORCHBRIDGE_ADDON);
  const folder = path.join(root, 'build-gpu-check');
  const addon = path.join(folder, 'Release', 'torchbridge.node');
  say(`Building the addons against ${libtorch} in ${folder}`);
  const flags = [
    '-DCMAKE_BUILD_TYPE=Release',
    '-DCMAKE_CXX_FLAGS=-DBUILDING_NODE_EXTENSION',
    `-DTORCHBRIDGE_NODE=${process.execPath}`,
  ];
  const began = performance.now();
  for (const args of [
    ['-S', root, '-B', folder, ...flags],
    ['--build', folder, '--parallel', String(os.availableParallelism())],
  ]) {
    const outcome = run('cmake', args, { LIBTORCH: libtorch });
    if (outcome.status === 0) continue;
    fs.writeFileSync(path.join(options.out, 'build.log'), `${outcome.stdout}\n${outcome.stderr}`);
    const errors = outcome.stdout.split('\n').filter((line) => /\berror\b/.test(line));
    fail(`cmake failed, see ${path.join(options.out, 'build.log')}: ${errors[0] ?? last(outcome)}`);
  }
  say(`Built in ${Math.round((performance.now() - began) / 1000)} s`);
  return addon;
}

const python = findPython();
fs.mkdirSync(options.out, { recursive: true });
say(
  `gpu-check on ${device}: PyTorch ${python.version}, ${python.names.join(', ') || 'no GPU'}, node ${process.versions.node}${dry ? ' (dry run)' : ''}`,
);
const addon = provideAddon(process.env.LIBTORCH ?? python.folder);

// ---- Jobs -----------------------------------------------------------------------------------------------------------

const plain = {
  device,
  mode: 'none',
  amp: 'none',
  tf32: false,
  channelsLast: false,
  graph: false,
  deterministic: false,
  benchmark: false,
};
const common = { ...plain, seed: 1, threads: dry ? 1 : 8, warmup: dry ? 1 : 5 };
const bc = dry
  ? { net: 'bc', depth: 10, growth: 4, batch: 2, side: 8 }
  : { net: 'bc', depth: 100, growth: 12, batch: 64, side: 32 };
const big = { net: 'densenet121', batch: 64, side: 224 };

const ours = (job) =>
  json(run(process.execPath, ['scripts/gpu/job.mjs', JSON.stringify(job)], { TORCHBRIDGE_ADDON: addon }));
const theirs = (job) => json(run(options.python, ['scripts/gpu/reference.py', JSON.stringify(job)]));

/** The largest relative difference of two lists. */
const difference = (a, b) => Math.max(...a.map((value, i) => Math.abs(value - b[i]) / Math.max(Math.abs(b[i]), 1e-12)));

function deviceTests() {
  const outcome = run(process.execPath, ['scripts/gpu/device-tests.mjs', device], { TORCHBRIDGE_ADDON: addon });
  const results = outcome.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  if (outcome.status !== 0) results.push({ name: 'the tests end', ok: false, error: last(outcome) });
  say('\nTests of the device');
  for (const { name, ok, error } of results) say(`  ${ok ? 'ok    ' : 'FAILED'}  ${name}${ok ? '' : `: ${error}`}`);
  return results;
}

function parity() {
  say('\nBeside Python: 20 steps, deterministic algorithms');
  const settings = [{}, { tf32: true }, { amp: 'bf16' }, { channelsLast: true }];
  return settings.map((setting) => {
    const job = { ...common, ...bc, ...setting, deterministic: true, warmup: 0, steps: dry ? 3 : 20 };
    const [a, b] = [ours(job), theirs(job)];
    const name = Object.keys(setting).length === 0 ? 'float32' : Object.entries(setting).map(String).join();
    if (a.error ?? b.error) {
      say(`  FAILED  ${name}: ${a.error ?? b.error}`);
      return { setting, error: a.error ?? b.error };
    }
    const bitwise = a.digest === b.digest && difference(a.losses, b.losses) === 0;
    const error = difference(a.losses, b.losses);
    say(`  ${bitwise ? 'the same bits' : `losses differ by up to ${error.toExponential(1)}`}  ${name}`);
    return { setting, bitwise, lossError: error, sameWeights: a.digest === b.digest };
  });
}

function flatMemory() {
  const steps = dry ? 30 : options.quick ? 100 : 1000;
  const result = ours({ ...common, ...bc, steps });
  const flat = result.heldFirst === result.heldLast && result.tensorsFirst === result.tensorsLast;
  say(
    `\nMemory over ${steps} steps: ${result.error ?? `${result.heldFirst} bytes and ${result.tensorsFirst} tensors after ten, ${result.heldLast} and ${result.tensorsLast} at the end${flat ? '' : ': FAILED'}`}`,
  );
  return { steps, flat: result.error === undefined && flat, ...result, losses: undefined };
}

function bench() {
  const steps = dry ? 3 : options.quick ? 10 : 50;
  const precisions = {
    fp32: {},
    tf32: { tf32: true },
    bf16: { amp: 'bf16', tf32: true },
    'bf16 channels_last': { amp: 'bf16', tf32: true, channelsLast: true },
  };
  const rows = [];
  say(
    `\nA step: milliseconds and peak megabytes, as a ratio to Python's eager step without checkpoints in this run${dry ? ' (a dry run: no measurement)' : ''}`,
  );
  for (const [network, form] of [['BC-100', bc], ...(dry ? [] : [['densenet121', big]])]) {
    for (const [precision, setting] of Object.entries(precisions)) {
      const base = { ...common, ...form, ...setting, benchmark: true, steps };
      const reference = theirs(base);
      for (const mode of ['none', 'checkpoint', 'shared']) {
        for (const graph of device === 'cpu' ? [false] : [false, true]) {
          const result = ours({ ...base, mode, graph });
          const failure = result.error ?? reference.error;
          const row = {
            network,
            precision,
            mode,
            graph,
            ms: result.medianMs,
            peakBytes: result.peakBytes,
            pythonMs: reference.medianMs,
            pythonPeakBytes: reference.peakBytes,
            failure,
          };
          rows.push(row);
          const name = `${network.padEnd(12)}${precision.padEnd(20)}${mode.padEnd(12)}${(graph ? 'graph' : 'eager').padEnd(7)}`;
          const ratio = (x, y) => (typeof x !== 'number' || typeof y !== 'number' ? '   -' : (x / y).toFixed(2));
          if (failure !== undefined) say(`  ${name}FAILED: ${failure}`);
          else
            say(
              `  ${name}${row.ms.toFixed(2).padStart(9)} ms ${ratio(row.ms, row.pythonMs)} x  ${(row.peakBytes / 1e6).toFixed(0).padStart(7)} MB ${ratio(row.peakBytes, row.pythonPeakBytes)} x`,
            );
        }
      }
    }
  }
  return rows;
}

// ---- All of it ------------------------------------------------------------------------------------------------------

const results = {
  date: new Date().toISOString(),
  device,
  dryRun: dry,
  python,
  addon,
  tests: deviceTests(),
  parity: parity(),
  memory: flatMemory(),
  bench: bench(),
};
const failures = [
  ...results.tests.filter(({ ok }) => !ok),
  ...results.parity.filter(({ error }) => error !== undefined),
  ...(results.memory.flat ? [] : [results.memory]),
  ...results.bench.filter(({ failure }) => failure !== undefined),
];
say(`\n${failures.length === 0 ? 'Nothing failed.' : `${failures.length} of these failed.`}`);
fs.writeFileSync(path.join(options.out, 'gpu-check.json'), `${JSON.stringify(results, null, 2)}\n`);
fs.writeFileSync(path.join(options.out, 'gpu-check.txt'), `${text.join('\n')}\n`);
process.exitCode = failures.length === 0 ? 0 : 1;
