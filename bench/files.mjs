/**
 * Loading and saving files of weights: one file of densenet121's size and one of 2 GB, in fresh processes that take turns. Also
 * run as such a process: `node files.mjs load FILE`.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = path.dirname(fileURLToPath(import.meta.url));

/** Resident bytes of this process: now, and the most there ever were. */
function resident() {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)[1]) * 1024;
  return { now: field('VmRSS'), peak: field('VmHWM') };
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** A server loads more than one file: its later loads find compiled code on both sides. */
const AGAIN = 15;

async function measure(action, file) {
  const { io, scope } = await import('../dist/lib/index.js');
  scope(() => {
    const actions = {
      load: () => io.load(file),
      map: () => io.load(file, { mmap: true }),
      save: () => io.save(value, `${file}.ours`),
    };
    const value = action === 'save' ? io.load(file) : undefined;
    fs.writeFileSync('/proc/self/clear_refs', '5'); // the peak begins anew
    const before = resident();
    const start = process.hrtime.bigint();
    const held = actions[action]();
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    const bytes = resident().peak - before.now;
    const again = { seconds: [], bytes: [] };
    for (let i = 0; i < AGAIN && fs.statSync(file).size < 2 ** 30; ++i) {
      fs.writeFileSync('/proc/self/clear_refs', '5');
      const now = resident().now;
      const from = process.hrtime.bigint();
      scope(() => {
        actions[action]();
        again.seconds.push(Number(process.hrtime.bigint() - from) / 1e9);
        again.bytes.push(resident().peak - now);
      });
    }
    const repeated =
      again.seconds.length === 0 ? {} : { again: median(again.seconds), againBytes: median(again.bytes) };
    console.log(JSON.stringify({ seconds, bytes, ...repeated, held: held !== undefined }));
  });
}

const KINDS = { seconds: 'first', again: 'again', bytes: 'peak memory', againBytes: 'peak memory again' };

/** Peaks below this are of single pages, whose ratio says nothing: they count as this much. */
const LEAST_BYTES = 1 << 20;
const least = (what, value) => (what === 'againBytes' ? Math.max(value, LEAST_BYTES) : value);

/** Rows for the table of bench.mjs: time and peak memory of ours divided by Python's. */
export function filesBench(python, [few, many] = [7, 15]) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-bench-'));
  const run = (command, args) => {
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return stdout === '' ? undefined : JSON.parse(stdout.trim().split('\n').at(-1));
  };
  const ours = (...args) => run(process.execPath, [path.join(folder, 'files.mjs'), ...args]);
  const theirs = (...args) => run(python, [path.join(folder, 'files.py'), ...args]);
  const rows = [];
  try {
    for (const [size, rounds] of [
      ['32MB', many],
      ['2GB', few],
    ]) {
      const file = path.join(home, `${size}.pth`);
      theirs('make', file, size);
      for (const [action, against] of [
        ['load', 'load'],
        ['map', 'load'],
        ['map', 'map'],
        ['save', 'save'],
      ]) {
        const ratios = { seconds: [], again: [], bytes: [], againBytes: [] };
        for (let round = 0; round < rounds; ++round) {
          // The order alternates: whoever goes second finds a warmer machine.
          const turns = [() => ours(action, file), () => theirs(against, file)];
          const [first, second] = round % 2 === 0 ? turns : turns.reverse();
          const results = [first(), second()];
          const [own, other] = round % 2 === 0 ? results : results.reverse();
          for (const what of Object.keys(ratios)) {
            if (typeof own[what] === 'number' && typeof other[what] === 'number')
              ratios[what].push(least(what, own[what]) / least(what, other[what]));
          }
        }
        for (const [what, values] of Object.entries(ratios)) {
          if (values.length === 0) continue;
          const sorted = [...values].sort((a, b) => a - b);
          const both = action === against ? action : `${action} / ${against}`;
          const interval = [sorted[1], sorted.at(-2)];
          rows.push({ case: `${both} ${size}, ${KINDS[what]}`, ratio: median(values), interval, rounds });
        }
      }
      fs.rmSync(file);
    }
  } finally {
    fs.rmSync(home, { recursive: true, force: true });
  }
  return rows;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await measure(process.argv[2], process.argv[3]);
