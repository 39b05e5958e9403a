/**
 * Real PyTorch beside ours: finds the Python that `npm test` prepared, runs a program with it, and registers suites that need it.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

/** The build facts: the release of libtorch that is pinned there is the one that parity is proved against. */
const config = createRequire(import.meta.url)('../../scripts/native-config.cjs') as {
  LIBTORCH_VERSION: string;
  cacheFolder(): string;
};

type Found = { python: string } | { reason: string };
let found: Found | undefined;

function find(): Found {
  const made = path.join(config.cacheFolder(), `parity-${config.LIBTORCH_VERSION}`, 'bin', 'python');
  const python = process.env.TORCHBRIDGE_PYTHON ?? made;
  const reasonGiven = process.env.TORCHBRIDGE_NO_PYTHON_REASON;
  if (reasonGiven !== undefined) return { reason: reasonGiven };
  if (!fs.existsSync(python)) return { reason: `there is no ${python}; \`npm test\` makes it` };
  // The metadata, not `import torch`: that takes seconds.
  const program = 'import importlib.metadata as m; print(m.version("torch"))';
  const asked = spawnSync(python, ['-c', program], { encoding: 'utf8' });
  if (asked.status !== 0) return { reason: `${python} has no torch` };
  const version = asked.stdout.trim().split('+')[0];
  if (version !== config.LIBTORCH_VERSION) {
    return { reason: `${python} has torch ${version ?? 'unknown'}, not ${config.LIBTORCH_VERSION}` };
  }
  return { python };
}

/** The interpreter whose PyTorch is the release that the addon is built with; undefined when none is at hand. */
export function pythonForParity(): string | undefined {
  found ??= find();
  return 'python' in found ? found.python : undefined;
}

/** Why `pythonForParity()` is undefined. */
export function whyNoPython(): string {
  found ??= find();
  return 'reason' in found ? found.reason : '';
}

export interface PythonOptions {
  /** Variables that are added to this process's own. */
  env?: Record<string, string>;
  /** What the program reads from stdin. */
  input?: string | Uint8Array;
  cwd?: string;
  /** Milliseconds until the program is killed; default ten minutes. */
  timeout?: number;
}

export interface PythonResult {
  stdout: string;
  stderr: string;
  /** stdout as JSON; the last line alone when the whole is not JSON. @throws Error when neither is. */
  json(): unknown;
}

/**
 * Runs a Python program to its end.
 * @param script path of the program (a `.py` file beside the test).
 * @param args its arguments.
 * @throws Error with the end of stderr when it fails, or when there is no Python: suites that need one are made with `parityDescribe`.
 */
export function runPython(script: string, args: readonly string[] = [], options: PythonOptions = {}): PythonResult {
  const python = pythonForParity();
  if (python === undefined) throw new Error(`No Python for parity: ${whyNoPython()}`);
  const run = spawnSync(python, [script, ...args], {
    encoding: 'utf8',
    cwd: options.cwd,
    input: options.input,
    timeout: options.timeout ?? 600_000,
    maxBuffer: 1 << 30,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1', ...options.env },
  });
  if (run.error) throw new Error(`${path.basename(script)} could not be run: ${run.error.message}`);
  if (run.status !== 0) {
    const end = run.stderr.trimEnd().split('\n').slice(-15).join('\n');
    throw new Error(`${path.basename(script)} ended with ${run.signal ?? `exit code ${run.status ?? '?'}`}:\n${end}`);
  }
  const { stdout, stderr } = run;
  return { stdout, stderr, json: () => parseOutput(stdout, script) };
}

function parseOutput(stdout: string, script: string): unknown {
  const text = stdout.trim();
  for (const candidate of [text, text.slice(text.lastIndexOf('\n') + 1)]) {
    try {
      return JSON.parse(candidate);
    } catch {
      // The next candidate, or the error below.
    }
  }
  throw new Error(`${path.basename(script)} printed no JSON: ${text.slice(0, 200)}`);
}

/** A folder that is removed after `use`, for the files that two programs exchange. */
export async function withTemporaryFolder<T>(use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-'));
  try {
    return await use(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * `describe` for a suite that runs Python. Without one the suite is shown as skipped, with the reason; in CI it fails.
 * @param fn may call `runPython` in its tests and hooks, not while it defines them.
 */
export function parityDescribe(title: string, fn: (this: Mocha.Suite) => void): void {
  if (pythonForParity() !== undefined) {
    describe(title, fn);
  } else if (process.env.CI !== undefined && process.env.CI !== '' && process.env.CI !== 'false') {
    describe(title, () => {
      it('has a Python to compare with', () => {
        throw new Error(`CI runs every parity case, but there is no Python for it: ${whyNoPython()}`);
      });
    });
  } else {
    describe.skip(`${title} (skipped: ${whyNoPython()})`, fn);
  }
}
