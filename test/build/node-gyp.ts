/** Builds the addon with node-gyp, in build/: whole, or with the objects that cmake-js made where the two compile with the same flags. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { BUILD_INFO } from '../../scripts/addon.mjs';
import config from '../../scripts/native-config.cjs';
import { readJson } from '../../scripts/util/fingerprint.mjs';

const { root } = config;
const build = path.join(root, 'build');
const cmake = path.join(root, 'build-cmake');
export const GYP_ADDON = path.join(build, 'Release', `${config.ADDON_NAME}.node`);

/** What scripts/addon.mjs writes of the addon that cmake-js made. */
export interface BuildInfo {
  addon: string;
  libtorch: string;
  version: string;
  flavour: string;
  prebuilt: boolean;
}

export function buildInfo(): BuildInfo {
  const info = readJson(BUILD_INFO) as BuildInfo | undefined;
  assert.ok(info, 'build-cmake/build-info.json is missing: `npm run setup` makes it');
  return info;
}

function nodeGyp(command: string, libtorch: string, more: Record<string, string> = {}): void {
  const program = path.join(config.packageFolder('node-gyp'), 'bin', 'node-gyp.js');
  // Node's own headers when they lie beside it, as in every release of Node; without them node-gyp fetches them.
  const prefix = path.dirname(path.dirname(fs.realpathSync(process.execPath)));
  const nodedir = fs.existsSync(path.join(prefix, 'include', 'node', 'common.gypi')) ? [`--nodedir=${prefix}`] : [];
  const args = [program, command, '--jobs', '2', '--loglevel', 'warn', ...nodedir];
  const run = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, LIBTORCH: libtorch, ...more },
  });
  assert.equal(run.status, 0, `node-gyp failed:\n${run.stdout.slice(-2000)}${run.stderr.slice(-4000)}`);
}

function make(...args: string[]): string {
  const run = spawnSync('make', ['BUILDTYPE=Release', ...args], { cwd: build, encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.equal(run.status, 0, run.stderr);
  return run.stdout;
}

/** The command that compiles each source, by the source's name (`addon.cpp`), as the configured makefiles have it. */
function gypCommands(): Map<string, string> {
  const lines = make('-B', '-n', 'V=1').matchAll(/^\S+ -o \S+ \S+\/native\/(\w+\.cpp) .* -MMD -MF \S+\s+-c$/gm);
  return new Map([...lines].map(([command, name]) => [name!, command]));
}

/** And as cmake-js's build has it; empty where the addon came prebuilt. */
function cmakeCommands(): Map<string, string> {
  const entries = (readJson(path.join(cmake, 'compile_commands.json')) ?? []) as { file: string; command: string }[];
  const own = entries.filter(({ command }) => command.includes(`CMakeFiles/${config.ADDON_NAME}.dir/native/`));
  return new Map(own.map(({ file, command }) => [path.basename(file), command]));
}

/** What decides on the object: definitions, folders of headers, the standard, the optimization and code generation. */
function flags(command: string): Set<string> {
  const plain = command.replaceAll(/['\\]/g, '');
  const found = plain.match(/(?<= )-(?:D\S+|isystem \S+|std=\S+|O\S*|m\S+|f[a-z]\S*)/g) ?? [];
  return new Set(
    found.map((flag) => (flag.startsWith('-isystem ') ? `-isystem ${fs.realpathSync(flag.slice(9))}` : flag)),
  );
}

/** What Node's own settings add, and what each build says of itself. */
const NODES_OWN =
  /^-(?:D(?:NODE_GYP_MODULE_NAME|USING_|V8_|_GLIBCXX_USE_CXX11_ABI=1$|_FILE_OFFSET_BITS|_LARGEFILE_SOURCE|__STDC_FORMAT_MACROS|OPENSSL_|BUILDING_NODE_EXTENSION|\w+_EXPORTS$)|m64$|fno-omit-frame-pointer$)/;

/** Configures, and compares the two builds' flags for every source. @returns the sources that both compile. */
export function configureNodeGyp(libtorch: string): string[] {
  nodeGyp('configure', libtorch);
  const ours = gypCommands();
  assert.deepEqual(
    [...ours.keys()].map((name) => `native/${name}`).sort(),
    config.sources(),
    'node-gyp compiles other sources than native-config names',
  );
  const theirs = cmakeCommands();
  for (const [name, command] of theirs) {
    const own = (text: string): string[] => [...flags(text)].filter((flag) => !NODES_OWN.test(flag)).sort();
    assert.deepEqual(own(ours.get(name) ?? ''), own(command), `${name}: node-gyp's flags and cmake-js's`);
  }
  return [...theirs.keys()];
}

/** Compiles and links everything, with the command that users have. */
export function buildAll(libtorch: string): void {
  nodeGyp('configure', libtorch);
  nodeGyp('build', libtorch, { CXXFLAGS: `-include '${precompiled()}'` });
}

/**
 * Saves minutes: libtorch's headers, compiled once with the flags of the configured build. gyp's makefiles know no such thing; CMake's do.
 * A compiler that cannot use it for a file reads the headers themselves. @returns the header to include.
 */
function precompiled(): string {
  const [, compiler, given] = /^(\S+) -o \S+ \S+ (.*) -MMD /.exec(gypCommands().get('addon.cpp') ?? '') ?? [];
  assert.ok(compiler !== undefined && given !== undefined, 'no command that compiles native/addon.cpp');
  const header = path.join(build, 'precompiled.h');
  fs.copyFileSync(path.join(root, 'native', 'precompiled.h'), header);
  const compile = `${compiler} ${given} -x c++-header -c -o '${header}.gch' '${header}'`;
  const made = spawnSync(compile, { cwd: build, encoding: 'utf8', shell: true });
  assert.equal(made.status, 0, made.stderr);
  return header;
}

/** Compiles `sample` and links it, by gyp's makefiles, with cmake-js's objects of the other sources. */
export function buildWith(sources: readonly string[], sample: readonly string[]): void {
  const folder = path.join('Release', 'obj.target', config.ADDON_NAME, 'native');
  fs.rmSync(path.join(build, folder), { recursive: true, force: true });
  fs.mkdirSync(path.join(build, folder), { recursive: true });
  const taken = sources.filter((name) => !sample.includes(name)).map((name) => name.replace(/\.cpp$/, ''));
  const place = path.join(cmake, 'CMakeFiles', `${config.ADDON_NAME}.dir`, 'native');
  for (const name of taken) fs.copyFileSync(path.join(place, `${name}.cpp.o`), path.join(build, folder, `${name}.o`));
  fs.rmSync(GYP_ADDON, { force: true });
  fs.rmSync(path.join(build, 'Release', 'obj.target', `${config.ADDON_NAME}.node`), { force: true });
  // -o: never made anew, however old.
  make('-j2', ...taken.flatMap((name) => ['-o', path.join(folder, `${name}.o`)]));
}
