/** Runs workers one after another over all targets, starts a new one after a crash, and cuts the lists behind it down. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { allTargets } from './targets.js';
import { describe } from './values.js';
import type { Entry, Work } from './worker.js';

export interface Finding {
  readonly how: string;
  /** The lists that crash a fresh process when they are called in this order; usually one. */
  readonly entries: readonly Entry[];
  readonly reproduced: boolean;
  readonly stderr: string;
}

/** A finding for people, with a line to replay it. */
export function inOneLine({ how, entries, stderr }: Finding): string {
  const calls = entries.map((each) => describe(each.call)).join('; then ');
  const said = stderr.trim().split('\n').slice(-3).join('\n  ');
  return `${how}: ${calls}\n  to replay: ${JSON.stringify(entries)}\n  ${said}`;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly lists: number;
  /** Stop after so many milliseconds. */
  readonly budget?: number;
  /** A target that crashed so often is left alone. */
  readonly crashesPerTarget?: number;
  /** Whether crashes are called again in fresh processes. */
  readonly confirm?: boolean;
  /** Only targets whose name matches. */
  readonly only?: RegExp;
  /** What half of the tensors are, such as `mkldnn`; any when left out. */
  readonly flavour?: Work['flavour'];
  readonly onFinding?: (finding: Finding) => void;
}

export interface FuzzReport {
  tried: number;
  taken: number;
  findings: Finding[];
  targets: number;
}

const worker = fileURLToPath(new URL('./worker.ts', import.meta.url));
const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
/** A list that takes longer is a hang. */
const patience = 30_000;

interface Ending {
  readonly how: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a worker in a folder of its own; kills it when `alive` sees no progress for too long. */
function start(args: readonly string[], folder: string, alive: () => unknown): Promise<Ending> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', loader, worker, ...args], {
      cwd: folder,
      env: { ...process.env, OMP_NUM_THREADS: '1', OMP_WAIT_POLICY: 'PASSIVE' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr, hung] = ['', '', false];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-4000)));
    let [last, since] = [alive(), Date.now()];
    let allowed = 4 * patience; // to begin with
    const watch = setInterval(() => {
      const now = alive();
      if (now !== last) [last, since, allowed] = [now, Date.now(), patience];
      else if (Date.now() - since > allowed) {
        hung = true;
        child.kill('SIGKILL');
      }
    }, 1000);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearInterval(watch);
      const how = hung ? 'hang' : code === 0 ? undefined : (signal ?? `exit code ${String(code)}`);
      resolve({ how, stdout, stderr });
    });
  });
}

const sizeOf = (file: string): number => (existsSync(file) ? statSync(file).size : 0);

/** The complete lines of a log. */
function readLog(file: string): Entry[] {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  return lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Entry);
}

/** Whether calling the entries in a fresh process crashes it. */
async function crashes(entries: readonly Entry[], folder: string): Promise<boolean> {
  const file = path.join(folder, 'replay.jsonl');
  writeFileSync(file, entries.map((each) => `${JSON.stringify(each)}\n`).join(''));
  return (await start(['replay', file], folder, () => 0)).how !== undefined;
}

/** The shortest run of lists at the end that still crashes, then without those in it that are not needed. */
async function reduce(
  entries: readonly Entry[],
  folder: string,
): Promise<{ entries: readonly Entry[]; reproduced: boolean }> {
  let length = 1;
  while (!(await crashes(entries.slice(-length), folder))) {
    if (length >= entries.length) return { entries: entries.slice(-1), reproduced: false };
    length = Math.min(entries.length, length * 8);
  }
  let kept = entries.slice(-length);
  for (
    let step = Math.ceil(kept.length / 2);
    kept.length > 1 && step >= 1;
    step = step === 1 ? 0 : Math.ceil(step / 2)
  ) {
    for (let at = 0; at < kept.length - 1;) {
      const without = [...kept.slice(0, at), ...kept.slice(Math.min(at + step, kept.length - 1))];
      if (await crashes(without, folder)) kept = without;
      else at += step;
    }
  }
  return { entries: kept, reproduced: true };
}

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const targets = allTargets();
  const only = options.only ?? /^/;
  const chosen = targets.filter((each) => only.test(`${each.via} ${each.name}`));
  const perTarget = Math.ceil(options.lists / Math.max(1, chosen.length));
  const report: FuzzReport = { tried: 0, taken: 0, findings: [], targets: chosen.length };
  const folder = mkdtempSync(path.join(os.tmpdir(), 'torchbridge-fuzz-'));
  const log = path.join(folder, 'lists.jsonl');
  const crashed = new Map<number, number>();
  const began = Date.now();
  let [from, first] = [0, 0];
  try {
    while (from < targets.length && Date.now() - began < (options.budget ?? Infinity)) {
      const work: Work = { seed: options.seed, from, to: targets.length, first, perTarget, only: only.source, log, flavour: options.flavour };
      const ending = await start(['work', JSON.stringify(work)], folder, () => sizeOf(log));
      const entries = readLog(log);
      report.tried += entries.length;
      if (ending.how === undefined) {
        report.taken += (JSON.parse(ending.stdout.trim().split('\n').at(-1) ?? '{}') as { taken: number }).taken;
        break;
      }
      const last = entries.at(-1);
      if (last === undefined)
        throw new Error(`the worker ended (${ending.how}) before its first list:\n${ending.stderr}`);
      const reduced =
        options.confirm === false ? { entries: [last], reproduced: false } : await reduce(entries, folder);
      const finding = { how: ending.how, stderr: ending.stderr, ...reduced };
      report.findings.push(finding);
      options.onFinding?.(finding);
      const count = (crashed.get(last.target) ?? 0) + 1;
      crashed.set(last.target, count);
      const tired = count >= (options.crashesPerTarget ?? 3);
      from = tired ? last.target + 1 : last.target;
      first = tired ? 0 : last.list + 1;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return report;
}
