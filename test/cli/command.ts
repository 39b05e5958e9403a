import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's folder. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The built command; `npm test` builds it. */
export const program = path.join(root, 'dist', 'bin', 'torchbridge.js');

/** How a command ended. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env?: Record<string, string>;
  /** Sees every piece of stdout as it comes, and may kill the command. */
  readonly onOutput?: (sofar: string, child: ChildProcess) => void;
  /** Sees the command right after its start. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** Runs the built command as a user does, to its end. */
export function torchbridge(args: readonly string[], options: CommandOptions): Promise<Outcome> {
  return start(process.execPath, [program, ...args], options);
}

/** Runs any program to its end. */
export function start(file: string, args: readonly string[], options: CommandOptions): Promise<Outcome> {
  const env: NodeJS.ProcessEnv = { ...process.env, ...options.env };
  // What mocha was started with is not what a user has.
  delete env['NODE_OPTIONS'];
  const child = spawn(file, args, { cwd: options.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    options.onOutput?.(stdout, child);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  options.onStart?.(child);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/**
 * Runs a command that sends itself a signal as soon as what it has printed matches `line`: one that a test sends when it reads the line
 * comes iterations later on a busy machine, or after the end.
 */
export function stoppedAt(
  args: readonly string[],
  line: RegExp,
  signal: NodeJS.Signals,
  options: CommandOptions,
): Promise<Outcome> {
  const hook = new URL('signal-itself.mjs', import.meta.url).href;
  const env = { ...options.env, TEST_SIGNAL: signal, TEST_SIGNAL_AT: line.source };
  return start(process.execPath, ['--import', hook, program, ...args], { ...options, env });
}

/** Runs a command that stands still for two seconds when what it has printed matches `line`: `act` is called meanwhile. */
export function heldAt(
  args: readonly string[],
  line: RegExp,
  act: (child: ChildProcess) => void,
  options: CommandOptions,
): Promise<Outcome> {
  const hook = new URL('hold-itself.mjs', import.meta.url).href;
  let done = false;
  return start(process.execPath, ['--import', hook, program, ...args], {
    ...options,
    env: { ...options.env, TEST_HOLD_AT: line.source },
    onOutput: (sofar, child) => {
      if (done || !line.test(sofar)) return;
      done = true;
      act(child);
    },
  });
}

/** A command that must succeed. */
export async function succeed(args: readonly string[], options: CommandOptions): Promise<Outcome> {
  const outcome = await torchbridge(args, options);
  assert.equal(outcome.code, 0, `torchbridge ${args.join(' ')}\n${outcome.stderr}`);
  return outcome;
}

/** A command that must fail with one line on stderr, and that line. */
export async function failWith(code: number, args: readonly string[], options: CommandOptions): Promise<string> {
  const outcome = await torchbridge(args, options);
  const said = `torchbridge ${args.join(' ')}: exit code ${outcome.code ?? outcome.signal ?? ''}, ${outcome.stderr}`;
  assert.equal(outcome.code, code, said);
  assert.match(outcome.stderr, /^torchbridge: [^\n]+\n$/, said);
  return outcome.stderr.trimEnd();
}

/** Makes a folder for a suite and removes it afterwards. */
export function suiteFolder(): { readonly path: string } {
  const holder = { path: '' };
  before(() => {
    holder.path = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-cli-'));
  });
  after(() => {
    fs.rmSync(holder.path, { recursive: true, force: true });
  });
  return holder;
}

/** A network and a run so small that an epoch takes tens of milliseconds. */
export const tiny = [
  ...['--data', 'data', '--no-verify', '--depth', '10', '--growth-rate', '4', '--batch-size', '16'],
  ...['--valid-size', '12', '--seed', '1', '--threads', '1'],
];
