/**
 * Training steps of DenseNets that save memory: bytes held after the forward pass, peak, and time, each divided by those of
 * PyTorch's plain network in the same run. Both sides count with the same allocator, and take turns.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

const folder = path.dirname(fileURLToPath(import.meta.url));

/** What is measured: side, mode, dtype, and how it is called. */
const CASES = [
  ['python', 'none', 'float32', 'PyTorch plain'],
  ['python', 'checkpoint', 'float32', 'PyTorch checkpoint'],
  // Our process keeps the pages of freed tensors: what plain PyTorch does when told to keep its own.
  ['keeping', 'none', 'float32', 'PyTorch plain, pages kept'],
  ['keeping', 'checkpoint', 'float32', 'PyTorch checkpoint, pages kept'],
  ['ours', 'none', 'float32', 'none'],
  ['ours', 'checkpoint', 'float32', 'checkpoint'],
  ['ours', 'shared', 'float32', 'shared'],
  ['ours', 'fused', 'float32', 'fused'],
  ['python', 'none', 'bfloat16', 'PyTorch plain, bfloat16'],
  ['ours', 'fused', 'bfloat16', 'fused, bfloat16'],
];

/** As native/freed_pages.cpp sets it. */
const KEEP_PAGES = { MALLOC_MMAP_THRESHOLD_: String(2 ** 30), MALLOC_TRIM_THRESHOLD_: String(2 ** 31 - 1) };

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

class Side {
  constructor(command, script, env = {}) {
    const options = { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } };
    this.child = spawn(command, [path.join(folder, script)], options);
    this.lines = readline.createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }
  async run(...words) {
    this.child.stdin.write(`${words.join('\t')}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`the benchmark process ended during ${words.join(', ')}`);
    return JSON.parse(value);
  }
  close() {
    this.child.stdin.end();
  }
}

/** Prints the tables. @returns their rows. */
export async function efficientBench(python, { networks, threads, rounds }) {
  const sides = {
    ours: new Side(process.execPath, 'efficient-side.mjs'),
    python: new Side(python, 'efficient_side.py'),
    keeping: new Side(python, 'efficient_side.py', KEEP_PAGES),
  };
  const rows = [];
  try {
    for (const network of networks) {
      for (const count of threads) {
        const measured = CASES.map(() => []);
        for (let round = 0; round < rounds; ++round) {
          // Every other round backwards: whoever goes later finds a warmer machine.
          const order = CASES.map((_, i) => i);
          for (const i of round % 2 === 0 ? order : order.reverse()) {
            const [side, mode, dtype] = CASES[i];
            measured[i].push(await sides[side].run(network, mode, count, dtype));
          }
        }
        const name = `${network}, ${count} thread${count > 1 ? 's' : ''}`;
        console.log(
          `\n${name.padEnd(34)} held after forward   peak    time of a step (of PyTorch plain = 1, ${rounds} rounds)`,
        );
        const plain = measured[0];
        for (const [i, [, , , label]] of CASES.entries()) {
          const own = measured[i];
          const share = (what) => own.at(-1)[what] / plain.at(-1)[what];
          const times = own.map((each, round) => each.seconds / plain[round].seconds);
          const row = {
            network,
            threads: count,
            case: label,
            held: share('held'),
            peak: share('peak'),
            time: median(times),
          };
          rows.push({ ...row, times });
          const range = `${Math.min(...times).toFixed(2)} – ${Math.max(...times).toFixed(2)}`;
          console.log(
            `${label.padEnd(34)} ${row.held.toFixed(3).padEnd(20)} ${row.peak.toFixed(3)}   ${row.time.toFixed(3)}   ${range}`,
          );
        }
      }
    }
  } finally {
    for (const side of Object.values(sides)) side.close();
  }
  return rows;
}
