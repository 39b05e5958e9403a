/**
 * `npm start`: sets the clone up, then runs the command. Without arguments it trains a DenseNet-BC on the embedded data set;
 * `npm start -- --n-epochs 8` changes options of that run, `npm start -- eval --save runs/shapes` runs another command.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import config from './native-config.cjs';
import { main, setup } from './setup.mjs';
import { isProgram } from './util/run.mjs';

/** The run that a newcomer sees: about two minutes on 2 cores, from 90 % error to under 10 %. */
const DEFAULT_RUN = {
  dataset: 'shapes',
  save: 'runs/shapes',
  depth: 40,
  'growth-rate': 12,
  'n-epochs': 4,
  'valid-size': 500,
  seed: 0,
};

/**
 * The arguments of the command for the arguments of `npm start`.
 * @param {string[]} args
 * @returns {string[]}
 */
export function commandLine(args) {
  // A first word that is no option is a command of its own.
  if (args.length > 0 && !args[0].startsWith('-')) return args;
  if (args.includes('--help') || args.includes('-h') || args.includes('--version')) return args;
  const defaults = Object.entries(DEFAULT_RUN).filter(
    ([name]) => !args.some((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`)),
  );
  return ['train', ...defaults.flatMap(([name, value]) => [`--${name}`, String(value)]), ...args];
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
