/**
 * Brings a clone to the point where it runs: packages, libtorch, the addon, dist/. In an installed package, which has the first and the
 * last already, libtorch and the addon. Does only what is stale, and says what it does.
 *
 * `npm run setup` (installed: `npx torchbridge setup`) is this alone; `npm start` and `npm test` begin with it. It runs before
 * node_modules exists, so at load it imports only what comes with Node.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { BUILD_INFO, addonStale, provideAddon } from './addon.mjs';
import config from './native-config.cjs';
import { resolveLibtorch } from './libtorch.mjs';
import { filesBelow, fingerprint, readJson, writeJson } from './util/fingerprint.mjs';
import { withLock } from './util/lock.mjs';
import { isProgram, run, tail } from './util/run.mjs';
import { SetupError } from './util/setup-error.mjs';

const { root } = config;
const at = (...names) => path.join(root, ...names);

const PACKAGES_STAMP = at('node_modules', '.torchbridge-stamp');
const DIST_STAMP = at('dist', '.stamp');

/** A clone has the TypeScript; an installed package has what was made of it. */
export const isClone = () => fs.existsSync(at('lib'));

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
  return Object.entries(wanted).every(([name, { version, optional }]) => {
    if (name === '') return true;
    if (installed[name] === undefined) return optional === true;
    return installed[name].version === version;
  });
}

function packagesStale() {
  // Installed as a package: whoever installed it brought what it depends on.
  if (!isClone()) return false;
  const hash = lockHash();
  if (readJson(PACKAGES_STAMP)?.lock === hash) return false;
  if (!installedMatchesLock()) return true;
  writeJson(PACKAGES_STAMP, { lock: hash });
  return false;
}

async function installPackages(log) {
  log('Installing the npm packages (npm ci; the first time this takes about a minute)');
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const { code, output } = await run(npm[0], [...npm.slice(1), 'ci', '--include=dev', '--no-audit', '--no-fund'], {
    cwd: root,
  });
  if (code !== 0) throw new SetupError(`npm ci failed:\n${tail(output)}`);
  writeJson(PACKAGES_STAMP, { lock: lockHash() });
}

// ---- dist/ ----------------------------------------------------------------------------------------------------------

function distFingerprint() {
  return fingerprint(root, ['lib', 'bin', 'tsconfig.json', 'tsconfig.build.json'], packageVersion('typescript'));
}

const distStale = () => isClone() && readJson(DIST_STAMP)?.fingerprint !== distFingerprint();

const packageVersion = (name) => readJson(path.join(config.packageFolder(name), 'package.json'))?.version;

/** Makes dist/ unless it is what lib/ and bin/ are now. */
export async function provideDist(log) {
  if (!distStale()) return;
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

/** A package that another user installed, or one on a file system that is read-only. */
function checkWritable() {
  try {
    fs.mkdirSync(at('.cache'), { recursive: true });
    fs.accessSync(root, fs.constants.W_OK);
  } catch (error) {
    throw new SetupError(`${root} cannot be written to (${error.code}): run the set-up as the user who installed it.`);
  }
}

/** True when nothing needs doing. Reads a few megabytes, writes at most a stamp, and takes no lock. */
function ready() {
  if (packagesStale()) return false;
  const libtorch = config.findLibtorch();
  return libtorch !== undefined && !addonStale(libtorch) && !distStale();
}

/**
 * @param {object} [options]
 * @param {boolean} [options.quiet] prints nothing while all goes well.
 * @returns {Promise<{didSomething: boolean, info: {addon: string, libtorch: string, version: string, flavour: string}}>}
 * @throws Error with a message for the user.
 */
export async function setup({ quiet = false } = {}) {
  const out = quiet ? undefined : process.stderr;
  const log = quiet ? () => undefined : (line) => process.stderr.write(`${line}\n`);
  const unsupported = config.unsupportedPlatform();
  if (unsupported !== undefined) throw new SetupError(unsupported);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new SetupError(
      `torchbridge needs Node 20.19 or newer; this is ${process.versions.node} (${process.execPath}).`,
    );
  }
  if (ready()) return { didSomething: false, info: readJson(BUILD_INFO) };
  const onWait = ({ pid }) => log(`Process ${pid} is setting torchbridge up already: waiting for it`);
  checkWritable();
  await withLock(
    at('.cache', 'setup.lock'),
    async () => {
      if (packagesStale()) await installPackages(log);
      const libtorch = await resolveLibtorch({ log, out });
      if (addonStale(libtorch)) await provideAddon(libtorch, log, out);
      await provideDist(log);
    },
    { onWait },
  );
  return { didSomething: true, info: readJson(BUILD_INFO) };
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
      !didSomething
        ? 'Nothing to do: all is up to date.\n'
        : isClone()
          ? 'torchbridge is ready: `npm start` trains, `npm test` checks.\n'
          : 'torchbridge is ready: `npx torchbridge doctor` says what it runs on.\n',
    );
  });
}
