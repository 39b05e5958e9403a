/**
 * Brings a clone to the point where it runs: packages, libtorch, the addon, dist/. Does only what is stale, and says what it does.
 *
 * `npm run setup` is this alone; `npm start` and `npm test` begin with it. It runs before node_modules exists, so at load it
 * imports only what comes with Node.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import config from './native-config.cjs';
import { resolveLibtorch } from './libtorch.mjs';
import { filesBelow, fingerprint, readJson, writeJson } from './util/fingerprint.mjs';
import { withLock } from './util/lock.mjs';
import { Progress } from './util/progress.mjs';
import { isProgram, run, tail } from './util/run.mjs';

const { root } = config;
const at = (...names) => path.join(root, ...names);

const PACKAGES_STAMP = at('node_modules', '.torchbridge-stamp');
/** What lib/native, `torchbridge doctor` and the tests read to find the addon, libtorch and the cache. */
export const BUILD_INFO = at('build-cmake', 'build-info.json');
const DIST_STAMP = at('dist', '.stamp');

/** A failure whose message is the whole story: no stack is printed. */
class SetupError extends Error {}

// ---- Packages -------------------------------------------------------------------------------------------------------

const lockHash = () =>
  createHash('sha256')
    .update(fs.readFileSync(at('package-lock.json')))
    .digest('hex');

/** Whether what npm says it installed is what the lock file asks for: after an `npm ci` or `npm install` by hand. */
function installedMatchesLock() {
  const wanted = readJson(at('package-lock.json'))?.packages;
  const installed = readJson(at('node_modules', '.package-lock.json'))?.packages;
  if (!wanted || !installed) return false;
  return Object.entries(wanted).every(([name, { version, optional, dev }]) => {
    if (name === '') return true;
    if (installed[name] === undefined)
      return optional === true || (dev === true && process.env.NODE_ENV === 'production');
    return installed[name].version === version;
  });
}

function packagesStale() {
  // Installed as a package: whoever installed it brought what it depends on.
  if (!fs.existsSync(at('package-lock.json'))) return false;
  const hash = lockHash();
  if (readJson(PACKAGES_STAMP)?.lock === hash) return false;
  if (!installedMatchesLock()) return true;
  writeJson(PACKAGES_STAMP, { lock: hash });
  return false;
}

async function installPackages(log) {
  log('Installing the npm packages (npm ci; the first time this takes about a minute)');
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const { code, output } = await run(npm[0], [...npm.slice(1), 'ci', '--no-audit', '--no-fund'], { cwd: root });
  if (code !== 0) throw new SetupError(`npm ci failed:\n${tail(output)}`);
  writeJson(PACKAGES_STAMP, { lock: lockHash() });
}

// ---- The addon ------------------------------------------------------------------------------------------------------

const packageVersion = (name) => readJson(path.join(config.packageFolder(name), 'package.json'))?.version;

/** Changes with everything that the addon is made from. */
export function addonFingerprint(libtorch) {
  const library = fs.statSync(path.join(libtorch.folder, 'lib', 'libtorch_cpu.so'));
  return fingerprint(root, ['native', 'CMakeLists.txt', 'scripts/native-config.cjs'], {
    libtorch: [libtorch.folder, libtorch.version, library.size],
    packages: ['node-addon-api', 'node-api-headers'].map(packageVersion),
    root,
  });
}

function addonStale(libtorch) {
  const info = readJson(BUILD_INFO);
  return info?.fingerprint !== addonFingerprint(libtorch) || !fs.existsSync(info.addon);
}

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
  const program = at('node_modules', 'cmake-js', 'bin', 'cmake-js');
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
      `cmake-js ${command} failed (again by hand: LIBTORCH=${libtorch.folder} npx cmake-js build -O build-cmake):\n${text}`,
    );
  }
}

async function buildAddon(libtorch, log, out) {
  checkTools();
  const { version, flavour, folder, origin } = libtorch;
  log(
    `Compiling the addon against libtorch ${version} (${flavour}, ${folder}; some minutes, libtorch's headers are large)`,
  );
  // A clone that was moved: CMake refuses a build folder that another path made.
  const made = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readText(at('build-cmake', 'CMakeCache.txt')) ?? '')?.[1];
  if (made !== undefined && made !== root) fs.rmSync(at('build-cmake'), { recursive: true, force: true });

  const before = addonFingerprint(libtorch);
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
  writeJson(BUILD_INFO, {
    fingerprint: before,
    addon: at('build-cmake', 'Release', `${config.ADDON_NAME}.node`),
    libtorch: folder,
    version,
    flavour,
    origin,
    cache: config.cacheFolder(),
    pinned: config.LIBTORCH_VERSION,
  });
}

function readText(file) {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
}

// ---- dist/ ----------------------------------------------------------------------------------------------------------

function distFingerprint() {
  return fingerprint(root, ['lib', 'bin', 'tsconfig.json', 'tsconfig.build.json'], packageVersion('typescript'));
}

/** An installed package has dist/ and no lib/. */
const distStale = () => fs.existsSync(at('lib')) && readJson(DIST_STAMP)?.fingerprint !== distFingerprint();

async function buildDist(log) {
  log('Compiling the TypeScript to dist/');
  const before = distFingerprint();
  const temporary = at('.cache', 'dist');
  fs.rmSync(temporary, { recursive: true, force: true });
  const tsc = path.join(config.packageFolder('typescript'), 'bin', 'tsc');
  const { code, output } = await run(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', temporary], {
    cwd: root,
  });
  if (code !== 0) {
    fs.rmSync(temporary, { recursive: true, force: true });
    throw new SetupError(`tsc failed:\n${tail(output)}`);
  }
  // What the code reads at run time and tsc leaves behind.
  for (const file of ['lib', 'bin'].flatMap((folder) => filesBelow(at(folder)))) {
    if (file.endsWith('.ts')) continue;
    const target = path.join(temporary, path.relative(root, file));
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.copyFileSync(file, target);
  }
  for (const file of filesBelow(path.join(temporary, 'bin'))) if (file.endsWith('.js')) fs.chmodSync(file, 0o755);
  writeJson(path.join(temporary, '.stamp'), { fingerprint: before });
  fs.rmSync(at('dist'), { recursive: true, force: true });
  fs.renameSync(temporary, at('dist'));
}

// ---- All of it ------------------------------------------------------------------------------------------------------

/** True when nothing needs doing. Reads a few megabytes, writes at most a stamp, and takes no lock. */
function ready() {
  if (packagesStale()) return false;
  const libtorch = config.findLibtorch();
  return libtorch !== undefined && !addonStale(libtorch) && !distStale();
}

/**
 * @param {object} [options]
 * @param {boolean} [options.quiet] prints nothing while all goes well.
 * @returns {Promise<{didSomething: boolean}>}
 * @throws Error with a message for the user.
 */
export async function setup({ quiet = false } = {}) {
  const out = quiet ? undefined : process.stderr;
  const log = quiet ? () => undefined : (line) => process.stderr.write(`${line}\n`);
  if (process.platform !== 'linux') throw new SetupError(`torchbridge runs on Linux; this is ${process.platform}.`);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new SetupError(
      `torchbridge needs Node 20.19 or newer; this is ${process.versions.node} (${process.execPath}).`,
    );
  }
  if (ready()) return { didSomething: false };
  const onWait = ({ pid }) => log(`Process ${pid} is setting this clone up already: waiting for it`);
  await withLock(
    at('.cache', 'setup.lock'),
    async () => {
      if (packagesStale()) await installPackages(log);
      const libtorch = await resolveLibtorch({ log, out });
      if (addonStale(libtorch)) await buildAddon(libtorch, log, out);
      if (distStale()) await buildDist(log);
    },
    { onWait },
  );
  return { didSomething: true };
}

/** Runs `work`; a failure prints its message (a defect of these scripts: its stack) and sets the exit code. */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    const defect = error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
    process.stderr.write(`torchbridge: ${defect ? error.stack : error.message}\n`);
    process.exitCode = 1;
  }
}

if (isProgram(import.meta.url)) {
  await main(async () => {
    const { didSomething } = await setup();
    process.stdout.write(
      didSomething
        ? 'torchbridge is ready: `npm start` trains, `npm test` checks.\n'
        : 'Nothing to do: all is up to date.\n',
    );
  });
}
