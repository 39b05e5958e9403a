/**
 * The Python that the parity tests compare with: a virtual environment with the same release of PyTorch, in the cache folder, made
 * once and shared by all clones.
 */
import fs from 'node:fs';
import path from 'node:path';
import config from './native-config.cjs';
import { CPU_INDEX } from './libtorch.mjs';
import { readJson, writeJson } from './util/fingerprint.mjs';
import { withLock } from './util/lock.mjs';
import { run } from './util/run.mjs';

const TORCHVISION_VERSION = '0.28.0';

/** What is installed, in order. torchvision without its dependencies: it would bring another torch. */
const STEPS = [
  {
    // The CPU build where pip finds it, the publisher's index of CPU builds, then any build of the release.
    anyOf: [
      [`torch==${config.LIBTORCH_VERSION}+cpu`],
      ['--extra-index-url', CPU_INDEX, `torch==${config.LIBTORCH_VERSION}+cpu`],
      [`torch==${config.LIBTORCH_VERSION}`],
    ],
  },
  { anyOf: [['numpy', 'pillow', 'safetensors==0.8.0']] },
  {
    anyOf: [
      ['--no-deps', `torchvision==${TORCHVISION_VERSION}+cpu`],
      ['--no-deps', '--extra-index-url', CPU_INDEX, `torchvision==${TORCHVISION_VERSION}+cpu`],
      ['--no-deps', `torchvision==${TORCHVISION_VERSION}`],
    ],
  },
];

export const parityFolder = (env = process.env) =>
  path.join(config.cacheFolder(env), `parity-${config.LIBTORCH_VERSION}`);
const wanted = JSON.stringify(STEPS);

function complaint({ code, output }) {
  const lines = output.trim().split('\n');
  return (lines.findLast((line) => line.startsWith('ERROR:')) ?? lines.at(-1) ?? `exit code ${code}`)
    .replace(/^ERROR: /, '')
    .slice(0, 300);
}

async function makeVenv(folder) {
  fs.rmSync(folder, { recursive: true, force: true });
  const venv = await run('python3', ['-m', 'venv', folder]);
  if (venv.code === 127) throw new Error('there is no python3 on the PATH');
  if (venv.code !== 0) {
    throw new Error(
      `python3 -m venv failed (on Debian and Ubuntu: sudo apt-get install python3-venv): ${complaint(venv)}`,
    );
  }
  const python = path.join(folder, 'bin', 'python');
  const pip = [
    '-m',
    'pip',
    'install',
    '--retries',
    '0',
    '--timeout',
    '15',
    '--disable-pip-version-check',
    '--progress-bar',
    'off',
  ];
  for (const { anyOf } of STEPS) {
    let result;
    for (const args of anyOf) {
      result = await run(python, [...pip, ...args]);
      if (result.code === 0) break;
    }
    if (result.code !== 0) throw new Error(`pip install ${anyOf[0].join(' ')} failed: ${complaint(result)}`);
  }
}

/**
 * Makes the environment unless it is there.
 * @returns {Promise<{python: string} | {reason: string}>} the interpreter, or why there is none.
 */
export async function parityPython({ log = () => undefined, env = process.env } = {}) {
  if (env.TORCHBRIDGE_PYTHON) {
    return fs.existsSync(env.TORCHBRIDGE_PYTHON)
      ? { python: env.TORCHBRIDGE_PYTHON }
      : { reason: `TORCHBRIDGE_PYTHON is ${env.TORCHBRIDGE_PYTHON}, which does not exist` };
  }
  const folder = parityFolder(env);
  const python = path.join(folder, 'bin', 'python');
  const stamp = path.join(folder, '.torchbridge-stamp');
  // The interpreter is a link: the Python that it was made with may be gone.
  const ready = () => readJson(stamp)?.wanted === wanted && fs.existsSync(python);
  if (ready()) return { python };
  try {
    const onWait = ({ pid }) =>
      log(`Process ${pid} is installing PyTorch for the parity tests already: waiting for it`);
    await withLock(
      `${folder}.lock`,
      async () => {
        if (ready()) return;
        log(
          `Installing PyTorch ${config.LIBTORCH_VERSION} for Python into ${folder} (for the parity tests, once; a minute or two)`,
        );
        await makeVenv(folder);
        writeJson(stamp, { wanted });
      },
      { onWait },
    );
    return { python };
  } catch (error) {
    return { reason: error.message };
  }
}
