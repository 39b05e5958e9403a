/**
 * Lays out the CUDA build of libtorch with NVIDIA's libraries, side by side as pip lays them: libtorch's own search path then finds
 * them, and no LD_LIBRARY_PATH is needed. pip brings the wheels, whose hashes are checked; the folder appears whole or not at all.
 */
import fs from 'node:fs';
import path from 'node:path';
import config from '../native-config.cjs';
import { checkSpace, fetchWithPip, HashMismatch, placeOf } from '../libtorch.mjs';
import { CUDA_WHEELS } from './cuda-wheels.mjs';
import { writeJson } from './fingerprint.mjs';
import { withLock } from './lock.mjs';
import { Progress } from './progress.mjs';
import { unzip } from './unzip.mjs';

const TAG = { version: '3.11', implementation: 'cp', abi: 'cp311' };
const UNPACKED_BYTES = 4.6e9;

/** Where an entry of a wheel goes; NVIDIA's licences come along. */
function placeIn(name) {
  if (/^nvidia\/.+\/(lib|include)\/|^nvidia[^/]*\.dist-info\/.*(LICENSE|License)/.test(name)) return name;
  const own = placeOf(name);
  return own === undefined ? undefined : path.join('torch', own);
}

/**
 * Fetches what is missing of it.
 * @param {object} [options] as those of fetchLibtorch; `wheels` is for tests.
 * @throws Error with the ways out when a wheel cannot be had.
 */
export async function fetchCudaLibtorch({
  log = () => undefined,
  out,
  env = process.env,
  wheels = CUDA_WHEELS,
  target = path.dirname(config.cachedCudaLibtorch(env)),
} = {}) {
  const cache = path.dirname(target);
  fs.mkdirSync(cache, { recursive: true });
  const onWait = ({ pid }) => log(`Process ${pid} is fetching libtorch already: waiting for it`);
  await withLock(`${target}.lock`, () => fetchLocked({ log, out, env, wheels, target, cache }), { onWait });
}

async function fetchLocked({ log, out, env, wheels, target, cache }) {
  if (fs.existsSync(target)) return;
  const leftover = new RegExp(`^${path.basename(target).replaceAll('.', '\\.')}\\.(partial|pip)-\\d+$`);
  for (const name of fs.readdirSync(cache).filter((each) => leftover.test(each)))
    fs.rmSync(path.join(cache, name), { recursive: true, force: true });
  const largest = Math.max(...wheels.map(({ bytes }) => bytes));
  checkSpace(cache, wheels === CUDA_WHEELS ? UNPACKED_BYTES + largest : 0);
  const partial = `${target}.partial-${process.pid}`;
  const total = wheels.reduce((sum, { bytes }) => sum + bytes, 0);
  log(
    `Fetching libtorch ${config.CUDA_LIBTORCH_VERSION} for CUDA: ${wheels.length} wheels, ${Math.round(total / 1e6)} MB, into ${target}`,
  );
  try {
    for (const wheel of wheels) {
      const folder = `${target}.pip-${process.pid}`;
      fs.rmSync(folder, { recursive: true, force: true });
      fs.mkdirSync(folder);
      // The last part of a wheel's name says for which systems it is, the first of them is enough for pip.
      const platform = wheel.file
        .replace(/\.whl$/, '')
        .split('-')
        .at(-1)
        .split('.')[0];
      const file = await fetchWheel({ ...wheel, pythonTag: { ...TAG, platform } }, folder, { log, env });
      const progress = new Progress(`Unpacking ${wheel.requirement}`, { out });
      try {
        await unzip(file, partial, placeIn, (done, all) => progress.update(done, all));
      } finally {
        progress.end();
      }
      fs.rmSync(folder, { recursive: true, force: true });
    }
    const found = config.checkLibtorch(path.join(partial, 'torch'), 'What was unpacked');
    writeJson(path.join(partial, 'torchbridge.json'), { wheels: wheels.map(({ requirement }) => requirement) });
    fs.renameSync(partial, target);
    log(`libtorch ${found.version} for CUDA is in ${path.join(target, 'torch')}`);
  } finally {
    for (const suffix of ['partial', 'pip'])
      fs.rmSync(`${target}.${suffix}-${process.pid}`, { recursive: true, force: true });
  }
}

async function fetchWheel(wheel, folder, options) {
  try {
    return await fetchWithPip(wheel, folder, options);
  } catch (error) {
    if (error instanceof HashMismatch) throw error;
    throw new Error(
      [
        `${wheel.requirement} could not be fetched: ${error.message}`,
        'Ways out:',
        `  - bring ${wheel.file} into a folder that PIP_FIND_LINKS names, or, behind a proxy, set HTTPS_PROXY;`,
        '  - or set LIBTORCH to the torch folder of a CUDA build with its NVIDIA packages, as pip installs them;',
        '  - or set TORCHBRIDGE_USE_PYTHON_TORCH=1 to take the PyTorch of the python3 on the PATH.',
      ].join('\n'),
    );
  }
}
