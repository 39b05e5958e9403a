import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { atomicWriteFile } from '../io/index.js';
import { checkOptions, readConfig, type RunConfig, type RunOptions } from './config.js';
import { formatFixed } from './format.js';
import { makeRunFolder, refuseBoth, refuseOtherFiles, runPaths } from './run-files.js';
import { train, type TrainSettings } from './train.js';
import type { TrainResult } from './trainer.js';

/** Mean and deviation (of a sample, divided by one less than there are) of what the folds came to. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number;
}

/** What {@link trainFolds} came to. */
export interface FoldsResult {
  readonly folds: readonly TrainResult[];
  /** The best validation error of each fold. */
  readonly validError: Spread;
  /** The kept model's error on the test set. */
  readonly testError: Spread;
}

/** The folder of a fold, from 1. */
function folderOf(save: string, fold: number): string {
  return join(save, `fold-${fold}`);
}

/** The configuration of the first fold of a run that began in this folder; undefined where none did. */
function firstFold(save: string): RunConfig | undefined {
  const { config } = runPaths(folderOf(save, 1));
  return existsSync(config) ? readConfig(readFileSync(config, 'utf8'), config) : undefined;
}

/** Whether a folder holds a run of several folds. */
export function holdsFolds(save: string): boolean {
  return existsSync(runPaths(folderOf(save, 1)).config);
}

/**
 * K-fold validation: the training pictures are divided by the seed into `kFold` parts, and a run is trained for each, with that
 * part for validation and the others to learn from. The runs are in `fold-1`, `fold-2`, … of the folder, their errors in
 * `folds.csv`. With `resume` what is done is not done again.
 * @param options as of {@link train}, with `kFold`; from the folder where a run goes on.
 * @throws as {@link train}.
 */
export async function trainFolds(options: RunOptions, settings: TrainSettings): Promise<FoldsResult> {
  const { save, reporter, ranks } = settings;
  const decide = (): Promise<Folds> => Promise.resolve().then(() => foldsOf(options, settings));
  const { count, fresh } = await (ranks === undefined ? decide() : ranks.inTurn(decide));
  const folds: TrainResult[] = [];
  for (let fold = 1; fold <= count; fold++) {
    const folder = folderOf(save, fold);
    const begun = settings.resume === true && existsSync(runPaths(folder).config);
    reporter?.notice?.(`Fold ${fold} of ${count}`);
    // Of several processes the first one decides for all.
    folds.push(await train(begun ? options : fresh, { ...settings, save: folder, fold, resume: begun }));
  }
  const result = {
    folds,
    validError: spreadOf(folds.map(({ validError }) => validError)),
    testError: spreadOf(folds.map(({ testError }) => testError)),
  };
  if (ranks?.isFirst === false) return result;
  makeRunFolder(save);
  atomicWriteFile(join(save, 'folds.csv'), Buffer.from(tableOf(result)));
  return result;
}

/** How many folds there are, and the options of one that begins. */
interface Folds {
  readonly count: number;
  readonly fresh: RunOptions;
}

/** @throws UsageError for options that cannot be; Error in one line for folders that hold something else. */
function foldsOf(options: RunOptions, { save, resume, overwrite = false }: TrainSettings): Folds {
  if (resume === true) refuseBoth(overwrite);
  const stored = resume === true ? firstFold(save) : undefined;
  if (stored === undefined) checkOptions(options);
  const count = stored?.kFold ?? options.kFold ?? 1;
  // Of one seed: the parts must fit together.
  const seed = stored?.seed ?? options.seed ?? randomInt(2 ** 31);
  const fresh = stored === undefined ? { ...options, seed } : optionsOf(stored);
  // All of them now: the last one's turn may be hours away.
  if (resume !== true)
    for (let fold = 1; fold <= count; fold++) refuseOtherFiles(runPaths(folderOf(save, fold)), save, overwrite);
  return { count, fresh };
}

/** The options that give a configuration again. */
function optionsOf(config: RunConfig): RunOptions {
  const derived: ReadonlySet<string> = new Set([
    'versions',
    'numClasses',
    'classes',
    'pictures',
    'fold',
    'validSize',
    'recipe',
  ]);
  return Object.fromEntries(Object.entries(config).filter(([field]) => !derived.has(field)));
}

/** @param values one or more. */
export function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 };
}

function tableOf({ folds, validError, testError }: FoldsResult): string {
  const row = (name: string | number, valid: number, test: number): string =>
    `${name},${formatFixed(valid, 5)},${formatFixed(test, 5)}`;
  return [
    'fold,valid_error,test_error',
    ...folds.map((fold, index) => row(index + 1, fold.validError, fold.testError)),
    row('mean', validError.mean, testError.mean),
    row('deviation', validError.deviation, testError.deviation),
    '',
  ].join('\n');
}
