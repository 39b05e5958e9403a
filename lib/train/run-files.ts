import { accessSync, constants, existsSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { atomicWriteFile, explainSystemError, makeFolders } from '../io/index.js';
import { formatConfig, readConfig, type RunConfig } from './config.js';
import { UsageError } from './errors.js';

/** The names of what a run leaves in its folder. */
export const runFileNames = {
  config: 'config.json',
  checkpoint: 'checkpoint.pth',
  model: 'model.pth',
  results: 'results.csv',
  losses: 'losses.csv',
  svg: 'curves.svg',
  png: 'curves.png',
} as const;

/** The paths of a run's files. */
export type RunPaths = Record<keyof typeof runFileNames, string>;

/** The paths of a run's files in a folder. */
export function runPaths(save: string): RunPaths {
  const paths = Object.entries(runFileNames).map(([key, name]) => [key, join(save, name)]);
  return Object.fromEntries(paths) as RunPaths;
}

/** Makes the folder. @throws Error in one line when that cannot be. */
export function makeRunFolder(save: string): void {
  try {
    makeFolders(save);
    // Asked now: the first file that cannot be written may be hours of training away.
    accessSync(save, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw explainSystemError(error, 'write to', save);
  }
}

/**
 * Before a run begins: its files may replace those of an earlier run that has learnt nothing yet, or that is to be overwritten,
 * and nothing else.
 * @throws UsageError when the folder holds another run; Error in one line when it holds files of these names that are no run's.
 */
export function refuseOtherFiles(paths: RunPaths, save: string, overwrite: boolean): void {
  const way = 'choose another --save, or move them away';
  if (existsSync(paths.config)) {
    try {
      readConfig(readFileSync(paths.config, 'utf8'), paths.config);
    } catch (error) {
      throw new Error(`${(error as Error).message}: the files in ${save} are not overwritten; ${way}`, {
        cause: error,
      });
    }
    if (!overwrite && (existsSync(paths.checkpoint) || existsSync(paths.model)))
      throw new UsageError(
        `${save} holds a run already: --resume goes on with it, --overwrite begins anew in its place, another --save keeps it`,
      );
    return;
  }
  const names = Object.values(paths)
    .filter((file) => existsSync(file))
    .map((file) => basename(file));
  if (names.length === 0) return;
  throw new Error(`${save} holds ${names.join(', ')} but no config.json of a run: they are not overwritten; ${way}`);
}

/** @throws UsageError when a run that goes on is to be overwritten. */
export function refuseBoth(overwrite: boolean | undefined): void {
  if (overwrite === true) throw new UsageError('Expected one of --resume and --overwrite but received both');
}

/** Writes the configuration of a run that goes on where it is missing or says that the data are elsewhere. */
export function keepConfig(paths: RunPaths, config: RunConfig): void {
  const text = formatConfig(config);
  if (existsSync(paths.config) && readFileSync(paths.config, 'utf8') === text) return;
  atomicWriteFile(paths.config, Buffer.from(text));
}

/**
 * Puts the configuration of a run that begins in place and removes the other files of an earlier one.
 *
 * The configuration is replaced before anything is removed: whenever the process ends, the folder holds the options and
 * the seed of one run or the other. @returns whether there was an earlier run.
 */
export function replaceRunFiles(paths: RunPaths, config: RunConfig): boolean {
  const present = Object.values(paths).filter((path) => existsSync(path));
  atomicWriteFile(paths.config, Buffer.from(formatConfig(config)));
  // The checkpoint goes first: without it the others cannot be taken for a run that can be resumed.
  for (const path of [paths.checkpoint, ...present]) if (path !== paths.config) rmSync(path, { force: true });
  return present.length > 0;
}
