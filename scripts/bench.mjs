/**
 * `npm run bench [-- dispatch | step | startup | memory | efficient | types | async | load …]`: ratios of torchbridge against Python's PyTorch, both measured in
 * this run, turn by turn, so that a busy machine slows both. Prints a table and writes bench/results.json. Below 1 is faster
 * (or smaller) than Python. A case fails nothing: timings are looked at, not asserted. `npm run bench -- scaling …` prints the tables of docs/scaling.md
 * instead, and takes the options of bench/scaling.mjs.
 */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { efficientBench } from '../bench/efficient.mjs';
import { filesBench } from '../bench/files.mjs';
import { checkTimes } from '../bench/types.mjs';
import config from './native-config.cjs';
import { parityPython } from './parity-python.mjs';
import { main, setup } from './setup.mjs';

const folder = path.join(config.root, 'bench');

/** A process that answers `case iterations threads` lines with nanoseconds an iteration. */
class Side {
  constructor(command, args) {
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = readline.createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }
  async run(name, iterations, threads) {
    this.child.stdin.write(`${name}\t${iterations}\t${threads}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`the benchmark process ended during "${name}"`);
    return Number(value);
  }
  close() {
    this.child.stdin.end();
  }
}

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};

/** The 95 % interval of the median ratio, from the order statistics of the paired ratios (binomial). */
function interval(ratios) {
  const sorted = [...ratios].sort((a, b) => a - b);
  const n = sorted.length;
  let k = 0;
  let term = 0.5 ** n;
  let tail = term;
  while (k + 1 < n / 2 && tail + (term * (n - k)) / (k + 1) <= 0.025) {
    term = (term * (n - k)) / (k + 1);
    tail += term;
    ++k;
  }
  return [sorted[k], sorted[n - 1 - k]];
}

async function compare(sides, name, { iterations, rounds, threads }) {
  const ratios = [];
  for (const side of sides) await side.run(name, Math.max(1, iterations >> 2), threads);
  for (let round = 0; round < rounds; ++round) {
    // The order alternates: whoever goes second finds a warmer machine.
    const order = round % 2 === 0 ? [0, 1] : [1, 0];
    const times = [0, 0];
    for (const i of order) times[i] = await sides[i].run(name, iterations, threads);
    ratios.push(times[0] / times[1]);
  }
  return {
    case: `${name}, ${threads} thread${threads > 1 ? 's' : ''}`,
    ratio: median(ratios),
    interval: interval(ratios),
    rounds,
  };
}

/** From the start of the process to its first tensor, against `import torch`. */
function startup(python, rounds) {
  const commands = [
    [process.execPath, ['-e', "import('./dist/lib/tensor/index.js').then((tb) => tb.zeros([1]))"]],
    [python, ['-c', 'import torch; torch.zeros(1)']],
  ];
  const time = ([command, args]) => {
    const start = process.hrtime.bigint();
    const run = spawnSync(command, args, { cwd: config.root });
    if (run.status !== 0) throw new Error(String(run.stderr));
    return Number(process.hrtime.bigint() - start);
  };
  commands.forEach(time);
  const ratios = Array.from({ length: rounds }, () => time(commands[0]) / time(commands[1]));
  return { case: 'start to first tensor', ratio: median(ratios), interval: interval(ratios), rounds };
}

/** Peak bytes of a training step by the same counting allocator on both sides. */
function memory(python) {
  const last = (command, args) => {
    const run = spawnSync(command, args, { cwd: config.root, encoding: 'utf8' });
    if (run.status !== 0) throw new Error(run.stderr);
    return Number(run.stdout.trim().split('\n').at(-1));
  };
  const ours = last(process.execPath, [path.join(folder, 'step-memory.mjs')]);
  const theirs = last(python, [path.join(folder, 'step_memory.py')]);
  return {
    case: 'peak bytes of a BC-40 step',
    ratio: ours / theirs,
    interval: [ours / theirs, ours / theirs],
    rounds: 1,
  };
}

/** Delays of the event loop while a network infers, with and without callAsync. */
function responsiveness() {
  const run = spawnSync(process.execPath, [path.join(folder, 'async-server.mjs')], {
    cwd: config.root,
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(run.stderr);
  const rows = run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  console.log(
    '\nserver while densenet121 infers    inferences/s   event-loop delay p50 / p99 / max ms   request p50 / p99 ms',
  );
  for (const { form, threads, inferencesPerSecond, eventLoopDelay: delay, request } of rows) {
    const name = `${form}, ${threads} thread${threads > 1 ? 's' : ''}`;
    console.log(
      `${name.padEnd(34)} ${String(inferencesPerSecond).padEnd(14)} ` +
        `${`${delay.p50} / ${delay.p99} / ${delay.max}`.padEnd(37)} ${request.p50} / ${request.p99}`,
    );
  }
  return rows;
}

function print(results) {
  console.log('\ncase                                 ratio   95 % interval    rounds   (torchbridge / PyTorch)');
  for (const each of results) {
    const [low, high] = each.interval.map((v) => v.toFixed(3));
    console.log(`${each.case.padEnd(36)} ${each.ratio.toFixed(3)}   ${low} – ${high}    ${each.rounds}`);
  }
}

await main(async () => {
  const wanted = process.argv.slice(2);
  const has = (name) => wanted.length === 0 || wanted.includes(name);
  await setup();
  if (wanted[0] === 'scaling') {
    const run = spawnSync(process.execPath, [path.join(folder, 'scaling.mjs'), ...wanted.slice(1)], {
      stdio: 'inherit',
    });
    process.exitCode = run.status ?? 1;
    return;
  }
  if (has('types')) {
    const seconds = median(checkTimes(5));
    console.log(`tsc of a program that imports everything: ${seconds.toFixed(2)} s of processor time (median of 5)`);
    if (wanted.length === 1 && wanted[0] === 'types') return;
  }
  const rows = has('async') ? responsiveness() : [];
  if (rows.length > 0) fs.writeFileSync(path.join(folder, 'async-results.json'), `${JSON.stringify(rows, null, 2)}\n`);
  if (wanted.length > 0 && wanted.every((name) => name === 'async')) return;
  const found = await parityPython({ log: (line) => process.stderr.write(`${line}\n`) });
  if ('reason' in found) throw new Error(`The benchmarks need Python's PyTorch: ${found.reason}`);
  if (has('efficient')) {
    const rows = await efficientBench(found.python, {
      networks: ['densenet-bc-100-12', 'densenet121'],
      threads: [2, 1],
      rounds: 5,
    });
    fs.writeFileSync(path.join(folder, 'efficient-results.json'), `${JSON.stringify(rows, null, 2)}\n`);
    if (wanted.length === 1 && wanted[0] === 'efficient') return;
  }
  const results = [];
  if (has('startup')) results.push(startup(found.python, 11));
  if (has('memory')) results.push(memory(found.python));
  if (has('load')) results.push(...filesBench(found.python));
  const sides = [
    new Side(process.execPath, [path.join(folder, 'node-side.mjs')]),
    new Side(found.python, [path.join(folder, 'python_side.py')]),
  ];
  if (has('dispatch')) {
    for (const mode of ['noGrad', 'grad']) {
      for (const op of ['add', 'relu', 'view', 'cat', 'conv2d']) {
        const iterations = op === 'conv2d' ? 20_000 : 100_000;
        results.push(await compare(sides, `${op} ${mode}`, { iterations, rounds: 21, threads: 1 }));
      }
    }
  }
  if (has('step')) {
    results.push(await compare(sides, 'step BC-40', { iterations: 2, rounds: 15, threads: 2 }));
    results.push(await compare(sides, 'step BC-100', { iterations: 1, rounds: 11, threads: 2 }));
  }
  for (const side of sides) side.close();
  print(results);
  fs.writeFileSync(path.join(folder, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
});
