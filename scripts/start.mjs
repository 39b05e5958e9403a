/**
 * `npm start`: sets the clone up, then runs the command. Without arguments it trains a DenseNet-BC on the embedded data set;
 * `npm start -- --n-epochs 8` changes options of that run, `npm start -- eval --save runs/shapes` runs another command.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import config from './native-config.cjs';
import { main, setup } from './setup.mjs';
import { isProgram } from './util/run.mjs';

/** The network and the training of the run that a newcomer sees. */
const DEFAULT_RUN = { depth: 40, 'growth-rate': 12, 'n-epochs': 4, seed: 0 };
/** On the embedded pictures: about two minutes on 2 cores, from 90 % error to under 10 %. */
const SHAPES_RUN = { dataset: 'shapes', save: 'runs/shapes', ...DEFAULT_RUN, 'valid-size': 500 };
/** On pictures that are named: how many are kept for validation is the command's to say. */
const CIFAR_RUN = { save: 'runs/cifar10', ...DEFAULT_RUN };

/**
 * The arguments of the command for the arguments of `npm start`.
 * @param {string[]} args
 * @returns {string[]}
 */
export function commandLine(args) {
  // A first word that is no option is a command of its own.
  if (args.length > 0 && !args[0].startsWith('-')) return args;
  if (args.includes('--help') || args.includes('-h') || args.includes('--version')) return args;
  const valueOf = (name) => {
    const at = args.findLastIndex((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
    return at < 0 ? undefined : args[at].includes('=') ? args[at].slice(name.length + 3) : (args[at + 1] ?? '');
  };
  const cifar = valueOf('data') !== undefined || valueOf('dataset') === 'cifar10';
  const { save, ...rest } = cifar ? CIFAR_RUN : SHAPES_RUN;
  // A run that goes on has its options already, and they may be others than these.
  const resumes = args.includes('--resume');
  const run = resumes ? { save } : { save, ...rest };
  const defaults = Object.entries(run).filter(([name]) => valueOf(name) === undefined);
  // The folder of the default run is its own: run again, it begins anew. A folder that is named is the command's to judge.
  const anew = resumes || args.includes('--overwrite') || valueOf('save') !== undefined ? [] : ['--overwrite'];
  return ['train', ...defaults.flatMap(([name, value]) => [`--${name}`, String(value)]), ...anew, ...args];
}

/** Runs the command as the terminal's own: Ctrl-C reaches it, and its exit code is ours. */
function runCommand(args) {
  return new Promise((resolve, reject) => {
    const program = path.join(config.root, 'dist', 'bin', 'torchbridge.js');
    const child = spawn(process.execPath, [program, ...args], { stdio: 'inherit' });
    // The terminal sends SIGINT to both; the command saves a checkpoint first, and this process waits for it.
    process.on('SIGINT', () => undefined);
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
      resolve();
    });
  });
}

if (isProgram(import.meta.url)) {
  await main(async () => {
    await setup();
    await runCommand(commandLine(process.argv.slice(2)));
  });
}
