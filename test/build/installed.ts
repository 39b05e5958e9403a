/** The package as a user gets it: packed, and installed into an empty project. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { BUILD_INFO } from '../../scripts/addon.mjs';
import config from '../../scripts/native-config.cjs';
import { writePrebuild } from '../../scripts/prebuild.mjs';
import { readJson } from '../../scripts/util/fingerprint.mjs';

const { root } = config;

export interface BuildInfo {
  readonly addon: string;
  readonly libtorch: string;
  readonly version: string;
  readonly flavour: string;
}

export function buildInfo(): BuildInfo {
  const info = readJson(BUILD_INFO) as BuildInfo | undefined;
  assert.ok(info, 'build-cmake/build-info.json is missing: `npm run setup` makes it');
  return info;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program as a user's shell would: nothing of npm's, mocha's or torchbridge's environment but what is given. npm's and pip's
 * settings stay where they are, in the home folder.
 */
export function run(cwd: string, command: readonly string[], env: Record<string, string> = {}): Ended {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_|TORCHBRIDGE_|LIBTORCH$|XDG_|OMP_|INIT_CWD$|CI$)/i.test(name),
  );
  const [program = '', ...args] = command;
  const ended = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    env: { ...Object.fromEntries(own), OMP_NUM_THREADS: '1', ...env },
    maxBuffer: 1 << 28,
  });
  assert.equal(ended.error, undefined);
  return { code: ended.status, stdout: ended.stdout, stderr: ended.stderr };
}

/** As {@link run}, for what must succeed. @returns what it printed. */
export function expectRun(cwd: string, command: readonly string[], env: Record<string, string> = {}): string {
  const { code, stdout, stderr } = run(cwd, command, env);
  assert.equal(code, 0, `${command.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

export interface Packed {
  /** The folder that was packed: this clone without its tests. */
  readonly stage: string;
  readonly file: string;
  readonly bytes: number;
  readonly names: readonly string[];
}

/** `npm pack` of what this clone would publish, with its addon as a prebuilt one. */
export async function pack(folder: string): Promise<Packed> {
  const stage = path.join(folder, 'stage');
  const { files } = readJson(path.join(root, 'package.json')) as { files: string[] };
  const always = ['package.json', 'README.md', 'LICENSE'];
  for (const name of [...always, ...files, 'scripts/prepack.mjs']) {
    if (name.startsWith('!') || name === 'prebuilds') continue;
    fs.cpSync(path.join(root, name), path.join(stage, name), { recursive: true });
  }
  const info = buildInfo();
  const name = `${process.platform}-${process.arch}-${info.version}-${info.flavour}`;
  await writePrebuild(info, path.join(stage, 'prebuilds', name));
  const [packed] = JSON.parse(expectRun(stage, ['npm', 'pack', '--json', '--pack-destination', folder])) as [
    { filename: string; size: number; files: { path: string }[] },
  ];
  return {
    stage,
    file: path.join(folder, packed.filename),
    bytes: packed.size,
    names: packed.files.map((file) => file.path),
  };
}

/** A tsconfig.json of a user, and the programs it checks. @returns the complaints of tsc, '' when there are none. */
export function typeCheck(project: string, options: Record<string, unknown>, files: readonly string[]): string {
  const compilerOptions = {
    strict: true,
    target: 'es2022',
    types: [],
    skipLibCheck: true,
    noEmit: !('outDir' in options),
    ...options,
  };
  fs.writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  return run(project, [process.execPath, tsc, '--pretty', 'false']).stdout;
}
