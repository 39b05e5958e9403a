import { accessSync, constants, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { explainSystemError, makeFolders } from '../io/index.js';

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

/** Removes the files of an earlier run and nothing else. @returns whether there were any. */
export function removeRunFiles(paths: RunPaths): boolean {
  // The checkpoint goes first: without it the others cannot be taken for a run that can be resumed.
  const present = [paths.checkpoint, ...Object.values(paths)].filter((path) => existsSync(path));
  for (const path of present) rmSync(path, { force: true });
  return present.length > 0;
}
