/** The commands `train` and `eval` on a device: ways of computing, runs that are stopped, killed and go on, and several processes. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { launch } from './launch.mjs';

/** What has to be equal of two runs, to the byte. */
const SAME = ['losses.csv', 'results.csv', 'model.pth'];

/** Pictures in CIFAR-10's binary layout, in which each class has a brightness of its own under noise. */
function writePictures(folder, { train, test }) {
  const root = path.join(folder, 'cifar-10-batches-bin');
  fs.mkdirSync(root, { recursive: true });
  let state = 5;
  const below = (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const write = (name, count) => {
    const bytes = new Uint8Array(count * 3073);
    for (let at = 0; at < bytes.length; at += 3073) {
      const label = below(10);
      bytes[at] = label;
      for (let i = 1; i < 3073; i++) bytes[at + i] = 16 * label + below(96);
    }
    fs.writeFileSync(path.join(root, name), bytes);
  };
  for (let i = 1; i <= 5; i++) write(`data_batch_${i}.bin`, train / 5);
  write('test_batch.bin', test);
  const names = Array.from({ length: 10 }, (_, i) => `class ${i}`);
  fs.writeFileSync(path.join(root, 'batches.meta.txt'), `${names.join('\n')}\n`);
}

/** The column of a table that a run has left. */
function column(folder, file, name) {
  const [head, ...lines] = fs.readFileSync(path.join(folder, file), 'utf8').trim().split('\n');
  const place = head.split(',').indexOf(name);
  return lines.map((line) => Number(line.split(',')[place]));
}

/** Those of the files that differ. */
const differing = (one, other) =>
  SAME.filter((name) => !fs.readFileSync(path.join(one, name)).equals(fs.readFileSync(path.join(other, name))));

/**
 * @param where as of {@link distributedPart}, and `out`, where runs are left, and `hasGraphs`.
 * @returns a row for each case: `{ name, ok, text?, error?, leftOut? }`.
 */
export async function trainPart({ device, gpus, dry, root, env, addon, left, say, out, hasGraphs }) {
  const rows = [];
  const program = path.join(root, 'dist', 'bin', 'torchbridge.js');
  const folder = path.resolve(out, 'train');
  const at = (name) => path.join(folder, name);
  const all = { ...env, TORCHBRIDGE_ADDON: addon };
  const add = (name, row) => {
    rows.push({ name, ...row });
    const state = row.leftOut ? 'left out' : row.ok ? 'ok' : 'FAILED';
    say(
      `  ${state.padEnd(8)}  ${name}${row.leftOut || row.error || row.text ? ': ' : ''}${row.leftOut ?? row.error ?? row.text ?? ''}`,
    );
  };

  say('\nThe commands');
  if (!fs.existsSync(path.join(root, 'node_modules', 'commander'))) {
    add('train and eval', { ok: true, leftOut: 'they want the npm packages (npm ci --omit=dev), which are not here' });
    return rows;
  }
  fs.rmSync(folder, { recursive: true, force: true });
  writePictures(at('data'), dry ? { train: 60, test: 20 } : { train: 5000, test: 1000 });
  const form = dry ? ['10', '4', '16', '12'] : ['22', '12', '64', '500'];
  const [depth, growth, batch, valid] = form;
  const options = [
    ...['--data', 'data', '--no-verify', '--depth', depth, '--growth-rate', growth, '--batch-size', batch],
    ...['--valid-size', valid, '--seed', '1', '--threads', dry ? '1' : '8', '--n-epochs', '3', '--drop-rate', '0.2'],
    ...['--device', device],
  ];
  const exact = [...options, '--deterministic'];

  /** Runs a command to its end; `signal` is sent after so many iterations. */
  function command(args, { signal, iterations } = {}) {
    const limit = Math.max(1, Math.ceil(1000 * Math.min(left(), 300)));
    const child = spawn(process.execPath, [program, ...args], {
      ...{ cwd: folder, env: all, stdio: ['ignore', 'pipe', 'pipe'], timeout: limit, killSignal: 'SIGKILL' },
    });
    let [stdout, stderr, sent] = ['', '', false];
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      if (signal === undefined || sent || stdout.split('\tIter:').length <= iterations) return;
      sent = true;
      child.kill(signal);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    return new Promise((resolve) => {
      child.on('error', (error) => resolve({ code: -1, stdout, stderr: error.message, sent }));
      child.on('close', (code, by) => resolve({ code: code ?? by, stdout, stderr, sent }));
    });
  }

  /** A case; what it throws is why it failed. */
  async function check(name, work) {
    if (left() < 10 && !dry) return add(name, { ok: true, leftOut: 'no time' });
    try {
      add(name, { ok: true, text: await work() });
    } catch (error) {
      add(name, { ok: false, error: String(error.message).trim().split('\n').slice(-2).join(' | ') });
    }
  }
  const refuse = (bad, what) => {
    if (bad) throw new Error(what);
  };
  async function succeed(args) {
    const { code, stdout, stderr } = await command(args);
    refuse(code !== 0, `${args.join(' ')} ended with ${code}: ${stderr.trim() || stdout.trim().split('\n').at(-1)}`);
    return stdout;
  }
  const equal = (one, other) => {
    const names = differing(at(one), at(other));
    refuse(names.length > 0, `another ${names.join(', ')} than the run that was never stopped`);
    return 'the same bytes';
  };
  /** Trains, and looks whether it learns. */
  const learns = async (name, args) => {
    await succeed(['train', ...args, '--save', name]);
    const losses = column(at(name), 'results.csv', 'train_loss').slice(0, -1); // the last line is the test's
    refuse(!losses.every(Number.isFinite), `losses ${losses.join(', ')}`);
    // So few steps of the dry run learn little.
    refuse(!dry && !(losses.at(-1) < losses[0]), `the loss does not fall: ${losses.join(', ')}`);
    return `losses ${losses.join(', ')}`;
  };

  await check('train', () => learns('whole', exact));
  await check('train once more gives the same bytes', async () => {
    await succeed(['train', ...exact, '--save', 'again']);
    return equal('again', 'whole');
  });
  await check('eval finds the error that train found', async () => {
    const { error } = JSON.parse(await succeed(['eval', '--save', 'whole', '--json']));
    const found = column(at('whole'), 'results.csv', 'test_error').at(-1);
    refuse(error.toFixed(5) !== found.toFixed(5), `${error} beside ${found}`);
    return String(found);
  });
  for (const [name, signal] of [
    ['stopped', 'SIGINT'],
    ['killed', 'SIGKILL'],
  ])
    await check(`a run that is ${name} goes on to the same bytes`, async () => {
      const { sent, code } = await command(['train', ...exact, '--save', name], { signal, iterations: 6 });
      refuse(!sent, `it ended with ${code} before`);
      await succeed(['train', ...exact, '--save', name, '--resume']);
      return equal(name, 'whole');
    });
  const ways = [
    ['--amp', 'bf16', '--channels-last'],
    ['--amp', 'fp16'],
    ['--fast'],
    ['--efficient', 'checkpoint'],
    ['--efficient', 'shared'],
    ...(hasGraphs ? [['--cuda-graph'], ['--cuda-graph', '--amp', 'bf16', '--channels-last']] : []),
  ];
  for (const way of ways)
    await check(`train ${way.join(' ')}`, () =>
      learns(way.join('').replaceAll('--', '-').slice(1), [...options, ...way]),
    );

  const both = 'two processes';
  if (gpus < 2) {
    add(both, { ok: true, leftOut: 'it needs two GPUs, here is one' });
    return rows;
  }
  const timeout = dry ? 20 : 60;
  const two = [...exact, '--timeout', String(timeout)];
  await check(`${both}: train --nproc 2`, () => learns('two', [...two, '--nproc', '2']));
  await check(`${both}: eval --nproc 2`, () =>
    succeed(['eval', '--save', 'two', '--nproc', '2', '--json']).then(() => undefined),
  );
  await check(`${both}: a killed one ends the other in time, with one line`, async () => {
    let [seen, since] = [0, null];
    const [first, second] = await launch(
      2,
      process.execPath,
      [program, 'train', ...two, '--save', path.resolve(at('pair'))],
      {
        ...{
          cwd: folder,
          env: all,
          milliseconds: Math.max(1, 1000 * Math.min(left(), 240)),
          grace: 1000 * (timeout + 60),
        },
        onLine: (rank, line, children) => {
          if (rank !== 0 || !line.includes('\tIter:') || ++seen !== 6) return;
          since = performance.now();
          children[1].kill('SIGKILL');
        },
      },
    );
    refuse(since === null || first.late, `it did not come to it: ${[...first.errors, ...second.errors].join(' | ')}`);
    refuse(
      first.code === 0 || first.signal === 'SIGKILL' || first.errors.length !== 1,
      `${first.code ?? first.signal}, said ${first.errors.join(' | ')}`,
    );
    return `after ${((performance.now() - since) / 1000).toFixed(1)} s: ${first.errors[0]}`;
  });
  await check(`${both}: and goes on to the same bytes`, async () => {
    await succeed(['train', ...two, '--nproc', '2', '--save', 'pair', '--resume']);
    return equal('pair', 'two');
  });
  return rows;
}
