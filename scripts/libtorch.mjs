/**
 * Finds libtorch, or fetches it. The order: LIBTORCH, the PyTorch of python3 when asked for, the cache (all three in native-config.cjs),
 * then pip, then the publisher's own address. What is fetched is checked against the hash in native-config.cjs, and appears in the
 * cache whole or not at all.
 *
 * `node scripts/libtorch.mjs` prints the folder.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import config from './native-config.cjs';
import { download } from './util/download.mjs';
import { sha256OfFile, writeJson } from './util/fingerprint.mjs';
import { withLock } from './util/lock.mjs';
import { Progress } from './util/progress.mjs';
import { isProgram, run } from './util/run.mjs';
import { unzip } from './util/unzip.mjs';

/** The publisher's index of CPU builds, for machines that reach the network only as pip does (a proxy). */
export const CPU_INDEX = 'https://download.pytorch.org/whl/cpu';

const UNPACKED_BYTES = 560e6;

/** Libraries of the wheel that only Python or PyTorch's own tests load. */
const NOT_NEEDED =
  /^torch\/lib\/lib(torch_python|shm|shm_windows|torchbind_test|jitbackend_test|backend_with_compiler|aoti_custom_ops)\b/;

/** Where an entry of the wheel goes in the folder; undefined leaves it out. */
export function placeOf(name) {
  if (NOT_NEEDED.test(name)) return undefined;
  const licence = /\.dist-info\/licenses\/(LICENSE|NOTICE)$/.exec(name);
  if (licence) return licence[1];
  if (name === 'torch/version.py' || /^torch\/(lib|include|share\/cmake)\//.test(name))
    return name.slice('torch/'.length);
  if (name === 'torchgen/packaged/ATen/native/native_functions.yaml') return name;
  return undefined;
}

/** The wheel was not what it should be. Not a reason to try the next source: someone must look at it. */
export class HashMismatch extends Error {}

async function checkHash(file, { sha256, file: name }, source) {
  const actual = await sha256OfFile(file);
  if (actual === sha256) return;
  fs.rmSync(file, { force: true });
  throw new HashMismatch(
    `${name} from ${source} is not the published file: its sha256 is ${actual}, expected ${sha256}. It was deleted; nothing was installed.`,
  );
}

/** The line of pip's output that says what went wrong. */
function pipComplaint({ code, output }) {
  if (code === 127) return 'python3 is not on the PATH';
  const lines = output.trim().split('\n');
  return (lines.find((line) => line.startsWith('ERROR:')) ?? lines.at(-1) ?? `exit code ${code}`)
    .replace(/^ERROR: /, '')
    .slice(0, 200);
}

/** Lets pip find the wheel: it knows local folders, mirrors and proxies that this program does not. */
export async function fetchWithPip(artifact, folder, { log, env }) {
  const { version, implementation, abi, platform } = artifact.pythonTag;
  const args = [
    '-m',
    'pip',
    'download',
    '--no-deps',
    '--only-binary=:all:',
    '--no-cache-dir',
    '--disable-pip-version-check',
  ];
  args.push('--retries', '0', '--timeout', '15', '--progress-bar', 'off', '--dest', folder);
  args.push('--python-version', version, '--implementation', implementation, '--abi', abi, '--platform', platform);
  const proxy = env.HTTPS_PROXY ?? env.https_proxy;
  if (proxy) args.push('--extra-index-url', CPU_INDEX);
  log(`Asking pip for ${artifact.requirement} (${Math.round(artifact.bytes / 1e6)} MB)`);
  const result = await run('python3', [...args, artifact.requirement], { env });
  const wheel = fs.readdirSync(folder).find((name) => name.endsWith('.whl'));
  if (result.code !== 0 || wheel === undefined) throw new Error(pipComplaint(result));
  const file = path.join(folder, wheel);
  await checkHash(file, artifact, 'pip');
  return file;
}

/** Straight from the publisher. A download that is cut off stays in the cache and is taken up again next time. */
async function fetchDirectly(artifact, folder, { log, out }) {
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, artifact.file);
  const partial = `${file}.part`;
  if (!fs.existsSync(file)) {
    const have = fs.statSync(partial, { throwIfNoEntry: false })?.size ?? 0;
    log(have > 0 ? `Going on with the download of ${artifact.url}` : `Downloading ${artifact.url}`);
    const progress = new Progress('Fetching libtorch', { initial: have, out });
    try {
      await download(artifact.url, partial, {
        expectedBytes: artifact.bytes,
        onProgress: (done, total) => progress.update(done, total),
        ...artifact.download,
      });
    } finally {
      progress.end();
    }
    await checkHash(partial, artifact, artifact.url);
    fs.renameSync(partial, file);
  } else {
    await checkHash(file, artifact, file);
  }
  return file;
}

export function checkSpace(folder, bytes) {
  const { bavail, bsize } = fs.statfsSync(folder);
  const free = bavail * bsize;
  if (free >= bytes) return;
  const mega = (n) => Math.round(n / 1e6);
  throw new Error(
    `${folder} has ${mega(free)} MB free, ${mega(bytes)} MB are needed; TORCHBRIDGE_CACHE names another folder.`,
  );
}

async function unpack(wheel, target, artifact, { log, out }) {
  const partial = `${target}.partial-${process.pid}`;
  const progress = new Progress('Unpacking libtorch', { out });
  log(`Unpacking it into ${target}`);
  try {
    await unzip(wheel, partial, placeOf, (done, total) => progress.update(done, total));
    progress.end();
    const found = config.checkLibtorch(partial, 'What was unpacked');
    if (found.version !== artifact.version)
      throw new Error(`the wheel holds libtorch ${found.version}, not ${artifact.version}`);
    writeJson(path.join(partial, 'torchbridge.json'), { requirement: artifact.requirement, sha256: artifact.sha256 });
    fs.renameSync(partial, target);
  } finally {
    progress.end();
    fs.rmSync(partial, { recursive: true, force: true });
  }
}

function waysOut(artifact, cache) {
  return [
    'Ways out:',
    `  - set LIBTORCH to the folder of a libtorch ${artifact.version} (the folder that holds lib/ and include/);`,
    '  - or set TORCHBRIDGE_USE_PYTHON_TORCH=1 to take the PyTorch of the python3 on the PATH;',
    `  - or bring ${artifact.url}`,
    `    from a machine that has it into ${path.join(cache, 'downloads')}, or into a folder that PIP_FIND_LINKS names;`,
    '  - or, behind a proxy, set HTTPS_PROXY: pip goes through it.',
  ].join('\n');
}

/**
 * Fetches `artifact` into `target`, unless another process does so first.
 * @param {object} artifact as in native-config.cjs, with `version`; tests pass one of their own.
 * @param {string} target the folder that will exist, whole, afterwards.
 * @param {object} [options]
 * @param {boolean} [options.pip] whether pip is asked first.
 * @param {(line: string) => void} [options.log]
 * @param {{isTTY?: boolean, write(text: string): unknown}} [options.out] where progress is shown; undefined: nowhere.
 * @param {NodeJS.ProcessEnv} [options.env] what pip is run with.
 */
export async function fetchLibtorch(
  artifact,
  target,
  { pip = true, log = () => undefined, out, env = process.env } = {},
) {
  const cache = path.dirname(target);
  try {
    fs.mkdirSync(cache, { recursive: true });
  } catch (error) {
    throw new Error(`The cache folder ${cache} cannot be made (${error.code}); TORCHBRIDGE_CACHE names another one.`);
  }
  const onWait = ({ pid, host }) => {
    const where = host === os.hostname() ? '' : ` on ${host}`;
    log(`Process ${pid}${where} is fetching libtorch already: waiting for it`);
  };
  await withLock(`${target}.lock`, () => fetchLocked(artifact, target, cache, { pip, log, out, env }), { onWait });
}

async function fetchLocked(artifact, target, cache, options) {
  if (fs.existsSync(target)) return;
  // What a killed process left behind.
  const leftover = new RegExp(`^${path.basename(target).replaceAll('.', '\\.')}\\.(partial|pip)-\\d+$`);
  fs.readdirSync(cache)
    .filter((name) => leftover.test(name))
    .forEach((name) => fs.rmSync(path.join(cache, name), { recursive: true, force: true }));
  checkSpace(cache, (artifact.unpackedBytes ?? UNPACKED_BYTES) + artifact.bytes);

  const downloads = path.join(cache, 'downloads');
  const pipFolder = `${target}.pip-${process.pid}`;
  const direct = ['download', () => fetchDirectly(artifact, downloads, options)];
  const viaPip = [
    'pip',
    () => {
      fs.mkdirSync(pipFolder);
      return fetchWithPip(artifact, pipFolder, options);
    },
  ];
  // A file that someone brought, or that was cut off half-way, is nearer than what pip might find.
  const begun = [artifact.file, `${artifact.file}.part`].some((name) => fs.existsSync(path.join(downloads, name)));
  const sources = options.pip ? (begun ? [direct, viaPip] : [viaPip, direct]) : [direct];
  const failures = [];
  try {
    for (const [name, fetchWheel] of sources) {
      let wheel;
      try {
        wheel = await fetchWheel();
      } catch (error) {
        if (error instanceof HashMismatch) throw error;
        failures.push(`  ${name}: ${error.message || error.code}`);
        continue;
      }
      await unpack(wheel, target, artifact, options);
      fs.rmSync(wheel, { force: true });
      return;
    }
  } finally {
    fs.rmSync(pipFolder, { recursive: true, force: true });
  }
  throw new Error(
    [`libtorch ${artifact.version} could not be fetched.`, ...failures, waysOut(artifact, cache)].join('\n'),
  );
}

/**
 * Finds or fetches libtorch.
 * @returns {Promise<{folder: string, version: string, flavour: string, origin: 'LIBTORCH' | 'python3' | 'cache'}>}
 */
export async function resolveLibtorch({ log = () => undefined, out, env = process.env } = {}) {
  const found = config.findLibtorch(env);
  if (found) return found;
  if (config.chosenFlavour(env) === 'cuda') {
    const { fetchCudaLibtorch } = await import('./util/fetch-cuda.mjs');
    await fetchCudaLibtorch({ log, out, env });
    return config.findLibtorch(env);
  }
  const platform = `${process.platform}-${process.arch}`;
  const published = config.LIBTORCH_FLAVOURS.cpu[platform];
  if (published === undefined) {
    throw new Error(
      `No libtorch is published for ${platform} that torchbridge knows: set LIBTORCH to the folder of one.`,
    );
  }
  const target = config.cachedLibtorch(config.LIBTORCH_VERSION, 'cpu', env);
  await fetchLibtorch({ version: config.LIBTORCH_VERSION, ...published }, target, { log, out, env });
  return config.findLibtorch(env);
}

/** `fetch-libtorch [--cuda | --cpu]`: a flavour that is named is what every later set-up takes. @returns the exit code. */
async function program(args) {
  const log = (line) => process.stderr.write(`${line}\n`);
  try {
    const unknown = args.find((arg) => !['--cuda', '--cpu'].includes(arg));
    if (unknown !== undefined || args.length > 1) throw new Error('Usage: fetch-libtorch [--cuda | --cpu]');
    const env = { ...process.env };
    if (args[0] !== undefined) env.TORCHBRIDGE_FLAVOUR = args[0].slice(2);
    const { folder, origin } = await resolveLibtorch({ log, out: process.stderr, env });
    if (args[0] !== undefined && origin !== 'cache')
      throw new Error(`${args[0]} has no effect while ${origin} names a libtorch: ${folder}`);
    if (args[0] !== undefined) config.chooseFlavour(env.TORCHBRIDGE_FLAVOUR);
    process.stdout.write(`${folder}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`torchbridge: ${error.message}\n`);
    return 1;
  }
}

// Not awaited here: util/fetch-cuda.mjs, imported on the way, imports this module and would wait for it to end.
if (isProgram(import.meta.url)) {
  void program(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}
