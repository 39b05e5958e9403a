/**
 * Brings the addon to build-cmake/Release: a prebuilt one where one fits (prebuilds/), else compiled by cmake-js. Either way it is
 * loaded once in a process of its own before it counts as there.
 *
 * The addon finds libtorch by the link build-cmake/libtorch (its RPATH is relative), so one binary serves every place.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import config from './native-config.cjs';
import { fingerprint, readJson, sha256OfFile, writeJson } from './util/fingerprint.mjs';
import { Progress } from './util/progress.mjs';
import { run, tail } from './util/run.mjs';
import { SetupError } from './util/setup-error.mjs';

const { root } = config;
const at = (...names) => path.join(root, ...names);

/** What lib/native, `torchbridge doctor` and the tests read to find the addon, libtorch and the cache. */
export const BUILD_INFO = at('build-cmake', 'build-info.json');
const ADDON = at('build-cmake', 'Release', `${config.ADDON_NAME}.node`);

const packageVersion = (name) => readJson(path.join(config.packageFolder(name), 'package.json'))?.version;
const SOURCES = ['native', 'CMakeLists.txt', 'scripts/native-config.cjs'];

/** Changes with the sources of the addon: a prebuilt one is used only with the sources that it was made from. */
export const sourcesFingerprint = () => fingerprint(root, SOURCES);

/** Changes with everything that the addon is made from. */
export function addonFingerprint(libtorch) {
  const library = fs.statSync(path.join(libtorch.folder, 'lib', 'libtorch_cpu.so'));
  return fingerprint(root, SOURCES, {
    libtorch: [libtorch.folder, libtorch.version, library.size],
    packages: ['node-addon-api', 'node-api-headers'].map(packageVersion),
    root,
  });
}

const fromSource = () => (process.env.TORCHBRIDGE_BUILD_FROM_SOURCE || '0') !== '0';

/** True unless the addon is there, made from what is here now, in the way that is asked for. */
export function addonStale(libtorch) {
  const info = readJson(BUILD_INFO);
  if (info?.prebuilt === true && fromSource()) return true;
  return info?.fingerprint !== addonFingerprint(libtorch) || !fs.existsSync(info.addon);
}

/** Where the prebuilt addon for a libtorch is, whether or not there is one. */
export const prebuildFolder = ({ version, flavour }) =>
  at('prebuilds', `${process.platform}-${process.arch}-${version}-${flavour}`);

/** Brings the addon. @throws SetupError */
export async function provideAddon(libtorch, log, out) {
  const before = addonFingerprint(libtorch);
  const reason = fromSource() ? 'TORCHBRIDGE_BUILD_FROM_SOURCE is set' : await adoptPrebuilt(libtorch);
  if (reason === undefined) {
    log(`Taking the prebuilt addon for libtorch ${libtorch.version} (${libtorch.flavour}, ${libtorch.folder})`);
  } else {
    if (fs.existsSync(at('prebuilds'))) log(`No prebuilt addon is used: ${reason}`);
    await compileAddon(libtorch, log, out);
    const complaint = await tryAddon(ADDON);
    if (complaint !== undefined) throw new SetupError(`The addon was compiled, but does not load: ${complaint}`);
  }
  writeJson(BUILD_INFO, {
    fingerprint: before,
    addon: ADDON,
    prebuilt: reason === undefined,
    libtorch: libtorch.folder,
    version: libtorch.version,
    flavour: libtorch.flavour,
    origin: libtorch.origin,
    cache: config.cacheFolder(),
    pinned: config.LIBTORCH_VERSION,
  });
}

// ---- Prebuilt -------------------------------------------------------------------------------------------------------

/** Puts the prebuilt addon in place. @returns why it cannot be used, undefined when it is in place. */
async function adoptPrebuilt(libtorch) {
  const folder = prebuildFolder(libtorch);
  const source = path.join(folder, `${config.ADDON_NAME}.node`);
  const manifest = readJson(path.join(folder, 'prebuild.json'));
  if (manifest === undefined || !fs.existsSync(source)) return `there is none named ${path.basename(folder)}`;
  if (manifest.sources !== sourcesFingerprint()) return `${path.basename(folder)} was made from other sources`;
  if (manifest.sha256 !== (await sha256OfFile(source))) return `${path.basename(folder)} is damaged`;
  // Tried in a folder of its own: a process that uses the old addon now keeps it, and a failure leaves nothing.
  const trial = at('build-cmake', `trial-${process.pid}`);
  const file = path.join(trial, 'Release', path.basename(source));
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.copyFileSync(source, file);
    linkLibtorch(trial, libtorch);
    const complaint = await tryAddon(file);
    if (complaint !== undefined) return complaint;
    fs.rmSync(BUILD_INFO, { force: true });
    fs.mkdirSync(path.dirname(ADDON), { recursive: true });
    linkLibtorch(at('build-cmake'), libtorch);
    fs.renameSync(file, ADDON);
    return undefined;
  } finally {
    fs.rmSync(trial, { recursive: true, force: true });
  }
}

/** The link by which an addon in `folder`/Release finds libtorch. */
function linkLibtorch(folder, libtorch) {
  const link = path.join(folder, 'libtorch');
  fs.rmSync(link, { recursive: true, force: true });
  fs.symlinkSync(libtorch.folder, link, 'dir');
}

/**
 * Loads an addon in a process of its own, every symbol bound at once: one that is missing would otherwise end the process when it is
 * called. @returns what is wrong, undefined when it loads.
 */
async function tryAddon(file) {
  const program = 'require(process.argv[1]).buildInfo()';
  const env = { ...process.env, LD_BIND_NOW: '1', NODE_OPTIONS: '' };
  const { code, output } = await run(process.execPath, ['-e', program, file], { env });
  if (code === 0) return undefined;
  const lines = output.split('\n');
  return (/^\w*Error: (.*)$/m.exec(output)?.[1] ?? lines.find((line) => line !== '') ?? `exit code ${code}`).trim();
}

// ---- Compiled -------------------------------------------------------------------------------------------------------

/** Names everything that is missing at once, with the command that brings it. */
export function checkTools(env = process.env) {
  const onPath = (name) =>
    (env.PATH ?? '').split(path.delimiter).some((folder) => folder !== '' && fs.existsSync(path.join(folder, name)));
  const missing = [];
  if (!onPath('cmake')) missing.push('cmake');
  if (!['c++', 'g++', 'clang++'].some(onPath)) missing.push('g++');
  if (!['ninja', 'make'].some(onPath)) missing.push('make');
  if (missing.length === 0) return;
  const names = missing.join(' ');
  throw new SetupError(
    `The addon is compiled on this machine, which lacks: ${names}.\n` +
      `  Debian, Ubuntu:  sudo apt-get install ${names}\n` +
      `  Fedora:          sudo dnf install ${names.replace('g++', 'gcc-c++')}`,
  );
}

/** A compiler process on libtorch's headers takes up to 1.5 GB. */
const compilerProcesses = () => Math.max(1, Math.min(os.availableParallelism(), Math.floor(os.freemem() / 1.5e9)));

async function cmakeJs(command, args, libtorch, onLine) {
  const program = path.join(config.packageFolder('cmake-js'), 'bin', 'cmake-js');
  const env = { ...process.env, LIBTORCH: libtorch.folder };
  const all = [program, command, '-O', at('build-cmake'), ...args];
  const { code, output } = await run(process.execPath, all, { cwd: root, env, onLine });
  if (code !== 0) {
    const firstError = output.split('\n').findIndex((line) => /\berror\b|CMake Error/i.test(line));
    const text =
      firstError < 0
        ? tail(output)
        : output
            .split('\n')
            .slice(firstError, firstError + 30)
            .join('\n');
    throw new SetupError(
      `cmake-js ${command} failed (again by hand: cd ${root} && LIBTORCH=${libtorch.folder} npx cmake-js build -O build-cmake):\n${text}`,
    );
  }
}

async function compileAddon(libtorch, log, out) {
  checkTools();
  const { version, flavour, folder } = libtorch;
  log(
    `Compiling the addon against libtorch ${version} (${flavour}, ${folder}; some minutes, libtorch's headers are large)`,
  );
  // A clone that was moved: CMake refuses a build folder that another path made.
  const cache = at('build-cmake', 'CMakeCache.txt');
  const made = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(fs.existsSync(cache) ? fs.readFileSync(cache, 'utf8') : '');
  if (made !== null && made[1] !== root) fs.rmSync(at('build-cmake'), { recursive: true, force: true });

  await cmakeJs('configure', [`--CDTORCHBRIDGE_NODE=${process.execPath}`], libtorch);
  const progress = new Progress('Compiling', { bytes: false, out });
  try {
    await cmakeJs('build', ['--parallel', String(compilerProcesses())], libtorch, (line) => {
      const [, done, total] = /^\[(\d+)\/(\d+)\]/.exec(line) ?? [];
      const percent = /^\[ *(\d+)%\]/.exec(line)?.[1];
      if (done !== undefined) progress.update(Number(done), Number(total));
      else if (percent !== undefined) progress.update(Number(percent), 100);
    });
  } finally {
    progress.end();
  }
}
