/**
 * Everything that wants a GPU, in one command, without npm: builds the addons against the PyTorch of python3 (or LIBTORCH) if need be, runs
 * the tests of a device, compares losses and weights with that Python's, takes 1,000 steps and looks at the memory, runs
 * several processes on NCCL and Gloo beside Python's, has the commands train, stop, die and go on, and measures a step against Python's in
 * the same run. Writes gpu-check.json and gpu-check.txt, after each part anew.
 *
 *     node scripts/gpu-check.mjs [--out DIR] [--device cuda] [--python python3] [--quick] [--budget SECONDS] [--only tests,parity,memory,distributed,train,bench] [--gpus N] [--dry-run]
 *
 * It needs node, cmake, a C++ compiler and python3 with torch; of the clone dist/, native/, scripts/, CMakeLists.txt, package.json,
 * test/parity/models/cifar_densenet.py, and the packages node-addon-api and node-api-headers in node_modules; the commands
 * alone want the others too, and are left out without. What does not fit into
 * `--budget` is left out, the last parts first, and named. `--dry-run` does the same on the CPU at tiny sizes: it checks this program, and measures nothing.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { distributedPart } from './gpu/distributed.mjs';
import { trainPart } from './gpu/train.mjs';
import config from './native-config.cjs';

const PARTS = ['tests', 'parity', 'memory', 'distributed', 'train', 'bench'];
const began = performance.now();
/** What the command line asks for; a mistake in it is one line. */
function parsed() {
  const options = {
    out: { type: 'string', default: 'gpu-check' },
    device: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    quick: { type: 'boolean', default: false },
    budget: { type: 'string', default: '7200' },
    only: { type: 'string', default: PARTS.join(',') },
    gpus: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
  };
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return fail(error.message.split('\n')[0]);
  }
}

const options = parsed();
const dry = options['dry-run'];
const device = options.device ?? (dry ? 'cpu' : 'cuda');
const parts = options.only.split(',');
const left = () => Number(options.budget) - (performance.now() - began) / 1000;
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

if (!parts.every((part) => PARTS.includes(part)))
  fail(`Expected ${PARTS.join(', ')} for --only but received ${options.only}`);
if (options.gpus !== undefined && !/^[1-9]\d{0,3}$/.test(options.gpus))
  fail(`Expected how many GPUs may be used for --gpus but received ${options.gpus}`);
if (!(left() > 0)) fail(`Expected seconds for --budget but received ${options.budget}`);

const env = { ...process.env, CUBLAS_WORKSPACE_CONFIG: ':4096:8', OMP_WAIT_POLICY: 'PASSIVE' };
const run = (command, args, more = {}, limited = true) =>
  spawnSync(command, args, {
    ...{ cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, env: { ...env, ...more } },
    ...{ timeout: Math.max(1, Math.ceil(1000 * (limited ? left() : 3600))), killSignal: 'SIGKILL' },
  });
const last = ({ stderr, stdout, signal, error }) =>
  error?.code === 'ETIMEDOUT'
    ? 'the time was over'
    : (/^\w*Error\b.*/m.exec(stderr)?.[0] ??
      (stderr.trim() || stdout.trim() || String(signal)).split('\n').slice(-3).join(' | '));

function json(outcome) {
  if (outcome.status !== 0) return { error: last(outcome) };
  return JSON.parse(outcome.stdout.trim().split('\n').at(-1));
}

// ---- What is here ---------------------------------------------------------------------------------------------------

function findPython() {
  const program =
    'import json, os, torch; print(json.dumps({"folder": os.path.dirname(torch.__file__), "version": torch.__version__, "cuda": torch.cuda.is_available(), "names": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]}))';
  const found = json(run(options.python, ['-c', program], {}, false));
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
  const start = performance.now();
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
  say(`Built in ${Math.round((performance.now() - start) / 1000)} s`);
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
const common = {
  ...plain,
  seed: 1,
  threads: dry ? 1 : 8,
  warmup: dry ? 1 : 5,
  seconds: dry ? 60 : options.quick ? 3 : 8,
};
const bc = dry
  ? { net: 'bc', depth: 10, growth: 4, batch: 2, side: 8 }
  : { net: 'bc', depth: 100, growth: 12, batch: 64, side: 32 };
const big = { net: 'densenet121', batch: 64, side: 224 };
const hasGraphs = device !== 'cpu';

/** Jobs one after the other in a process of their own: what each came to, an error for those that a process did not get to. */
function outcomes(jobs, command, args, more) {
  const outcome = run(command, [...args, JSON.stringify(jobs)], more);
  const lines = outcome.stdout.split('\n').filter((line) => line.startsWith('{'));
  return jobs.map((_, i) => {
    try {
      return JSON.parse(lines[i]);
    } catch {
      return { error: last(outcome) };
    }
  });
}
const ours = (jobs) => outcomes(jobs, process.execPath, ['scripts/gpu/job.mjs'], { TORCHBRIDGE_ADDON: addon });
const theirs = (jobs) => outcomes(jobs, options.python, ['scripts/gpu/reference.py'], {});

/** The largest relative difference of two lists. */
const difference = (a, b) => Math.max(...a.map((value, i) => Math.abs(value - b[i]) / Math.max(Math.abs(b[i]), 1e-12)));

function deviceTests() {
  say('\nTests of the device');
  const results = [];
  for (const file of ['device-tests', 'graph-tests']) {
    if (file === 'graph-tests' && !hasGraphs) continue;
    const outcome = run(process.execPath, [`scripts/gpu/${file}.mjs`, device], { TORCHBRIDGE_ADDON: addon });
    const lines = outcome.stdout.split('\n').filter((line) => line.startsWith('{'));
    results.push(...lines.map((line) => JSON.parse(line)));
    if (outcome.status !== 0) results.push({ name: `${file} end`, ok: false, error: last(outcome) });
  }
  for (const { name, ok, error } of results) say(`  ${ok ? 'ok    ' : 'FAILED'}  ${name}${ok ? '' : `: ${error}`}`);
  return results;
}

const nameOf = (setting) =>
  Object.keys(setting).length === 0 ? 'float32' : Object.entries(setting).map(String).join(' ');

function parity() {
  say('\nBeside Python: 20 steps, deterministic algorithms');
  const precisions = [{}, { tf32: true }, { amp: 'bf16' }, { channelsLast: true }];
  // Python does these plainly. Checkpoints take two steps of the statistics; a recorded step reads the learning rate as float32.
  const ways = [{ mode: 'shared' }, { mode: 'checkpoint' }, ...(hasGraphs ? [{ graph: true }] : [])];
  const jobs = (settings) =>
    settings.map((setting) => ({
      ...common,
      ...bc,
      ...setting,
      deterministic: true,
      warmup: 0,
      steps: dry ? 3 : 20,
      seconds: 600,
    }));
  const settings = [...precisions, ...ways];
  const [mine, python] = [ours(jobs(settings)), theirs(jobs(precisions))];
  return settings.map((setting, i) => {
    const [a, b] = [mine[i], python[i] ?? python[0]];
    const name = nameOf(setting);
    if (a.error ?? b.error) {
      say(`  FAILED  ${name}: ${a.error ?? b.error}`);
      return { setting, error: a.error ?? b.error };
    }
    const error = difference(a.losses, b.losses);
    const sameWeights = a.digest === b.digest;
    const bitwise = sameWeights && error === 0;
    const losses = error === 0 ? 'the same losses' : `losses differ by up to ${error.toExponential(1)}`;
    say(`  ${bitwise ? 'the same bits' : losses}  ${name}`);
    return { setting, bitwise, lossError: error, sameWeights };
  });
}

function flatMemory() {
  const steps = dry ? 30 : options.quick ? 200 : 1000;
  const settings = [{}, ...(hasGraphs ? [{ graph: true }] : [])];
  const results = ours(settings.map((setting) => ({ ...common, ...bc, ...setting, steps, seconds: 600 })));
  say('');
  return results.map((result, i) => {
    const same = result.heldFirst === result.heldLast && result.tensorsFirst === result.tensorsLast;
    const flat = result.error === undefined && same && result.steps === steps;
    const early = `${result.heldFirst} bytes and ${result.tensorsFirst} tensors after ten`;
    const text =
      result.error ?? `${early}, ${result.heldLast} and ${result.tensorsLast} at the end${flat ? '' : ': FAILED'}`;
    say(`Memory over ${result.steps ?? steps} steps, ${settings[i].graph ? 'recorded' : 'eager'}: ${text}`);
    return { ...result, setting: settings[i], flat, losses: undefined };
  });
}

const PRECISIONS = {
  fp32: {},
  tf32: { tf32: true },
  bf16: { amp: 'bf16', tf32: true },
  'bf16 channels_last': { amp: 'bf16', tf32: true, channelsLast: true },
};

/** Adds to `rows` as they come, so that a run that is cut off has shown something. */
function bench(rows, written) {
  const steps = dry ? 3 : options.quick ? 15 : 50;
  say(
    `\nA step: milliseconds and peak megabytes, as a ratio to Python's eager step without checkpoints in this run${dry ? ' (a dry run: no measurement)' : ''}`,
  );
  const ways = [];
  for (const mode of ['none', 'checkpoint', 'shared'])
    for (const graph of hasGraphs ? [false, true] : [false]) ways.push({ mode, graph });
  const quick = ['fp32', 'bf16 channels_last'];
  for (const [network, form] of [['BC-100', bc], ...(dry ? [] : [['densenet121', big]])]) {
    const all = Object.entries(PRECISIONS);
    const chosen = options.quick && network === 'densenet121' ? all.filter(([name]) => quick.includes(name)) : all;
    for (const [precision, setting] of chosen) {
      if (left() < 20 && !dry) {
        say(`  ${network.padEnd(12)}${precision.padEnd(20)}left out: no time`);
        rows.push({ network, precision, leftOut: true });
        continue;
      }
      const base = { ...common, ...form, ...setting, benchmark: true, steps };
      const [reference] = theirs([base]);
      const results = ours(ways.map((way) => ({ ...base, ...way })));
      results.forEach((result, i) => rows.push(row(network, precision, ways[i], result, reference)));
      written();
    }
  }
}

function row(network, precision, { mode, graph }, result, reference) {
  const failure = result.error ?? reference.error;
  const name = `${network.padEnd(12)}${precision.padEnd(20)}${mode.padEnd(12)}${(graph ? 'graph' : 'eager').padEnd(7)}`;
  const ratio = (x, y) => (typeof x !== 'number' || typeof y !== 'number' ? '   -' : (x / y).toFixed(2));
  // A graph's pool is reserved for it: eager peaks are what tensors held, those of graphs what was taken.
  const [peak, of] = graph ? ['reservedBytes', 'reserved'] : ['peakBytes', 'held'];
  if (failure !== undefined) say(`  ${name}FAILED: ${failure}`);
  else
    say(
      `  ${name}${result.medianMs.toFixed(2).padStart(9)} ms ${ratio(result.medianMs, reference.medianMs)} x  ${(result[peak] / 1e6).toFixed(0).padStart(7)} MB ${of} ${ratio(result[peak], reference[peak])} x`,
    );
  return {
    ...{ network, precision, mode, graph, failure, steps: result.steps, ms: result.medianMs },
    ...{ peakBytes: result.peakBytes, reservedBytes: result.reservedBytes, pythonMs: reference.medianMs },
    ...{ pythonPeakBytes: reference.peakBytes, pythonReservedBytes: reference.reservedBytes },
  };
}

// ---- All of it ------------------------------------------------------------------------------------------------------

const results = {
  date: new Date().toISOString(),
  device,
  dryRun: dry,
  python,
  addon,
  tests: [],
  parity: [],
  memory: [],
  distributed: [],
  train: [],
  bench: [],
};

function write() {
  fs.writeFileSync(path.join(options.out, 'gpu-check.json'), `${JSON.stringify(results, null, 2)}\n`);
  fs.writeFileSync(path.join(options.out, 'gpu-check.txt'), `${text.join('\n')}\n`);
}

/** What the parts with processes of their own go by: on the CPU as if there were two GPUs. */
const gpus = Math.min(dry || device === 'cpu' ? 2 : python.names.length, Number(options.gpus ?? Infinity));
const where = { device, gpus, dry, root, python: options.python, env, addon, left, say };

const skipped = [];
for (const part of PARTS.filter((each) => parts.includes(each))) {
  if (left() < 10 && !dry) {
    skipped.push(part);
    continue;
  }
  if (part === 'tests') results.tests = deviceTests();
  if (part === 'parity') results.parity = parity();
  if (part === 'memory') results.memory = flatMemory();
  if (part === 'distributed') results.distributed = await distributedPart(where);
  if (part === 'train') results.train = await trainPart({ ...where, out: options.out, hasGraphs });
  if (part === 'bench') bench(results.bench, write);
  write();
}
if (skipped.length > 0) say(`\nLeft out, no time: ${skipped.join(', ')}`);
const failures = [
  ...results.tests.filter(({ ok }) => !ok),
  ...results.parity.filter(({ error }) => error !== undefined),
  ...results.memory.filter(({ flat }) => !flat),
  ...results.distributed.filter(({ ok }) => !ok),
  ...results.train.filter(({ ok }) => !ok),
  ...results.bench.filter(({ failure }) => failure !== undefined),
];
say(`\n${failures.length === 0 ? 'Nothing failed.' : `${failures.length} of these failed.`}`);
write();
process.exitCode = failures.length === 0 ? 0 : 1;
