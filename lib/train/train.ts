import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { atomicWriteFile } from '../io/index.js';
import { buildInfo, getNumThreads } from '../tensor/index.js';
import { readCheckpoint, type Checkpoint, type RunPlace } from './checkpoint.js';
import {
  checkOptions,
  datasetOf,
  formatConfig,
  readConfig,
  resolveConfig,
  resumedConfig,
  type RunConfig,
  type RunOptions,
} from './config.js';
import { openPictures } from './datasets.js';
import { packageVersion } from './package-version.js';
import type { Reporter } from './reporter.js';
import { buildRun, checkNetwork } from './run.js';
import { makeRunFolder, removeRunFiles, runPaths, type RunPaths } from './run-files.js';
import { RunLogs } from './run-logs.js';
import { Trainer, type TrainResult } from './trainer.js';

/** Where a run leaves its files and how it is followed. */
export interface TrainSettings {
  /** Folder of the run's files; made when it is missing. Files of an earlier run in it are overwritten. */
  readonly save: string;
  /** Goes on where the checkpoint in `save` stops; without one the run starts anew. */
  readonly resume?: boolean;
  readonly reporter?: Reporter | undefined;
  /** Stops the run after the iteration at hand, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  /** Called when everything is read and built: from here on an abort leaves a checkpoint. */
  readonly onBegin?: () => void;
}

/**
 * Trains a DenseNet, from options to a folder with `results.csv`, `losses.csv`, `model.pth`, `config.json`,
 * `checkpoint.pth` and the training curves.
 * @throws UsageError when options cannot be; RunInterrupted after the signal; Error with one line for what is missing
 * or broken outside.
 */
export async function train(options: RunOptions, settings: TrainSettings): Promise<TrainResult> {
  const { save, reporter, signal } = settings;
  const paths = runPaths(save);
  const earlier = settings.resume === true ? earlierRun(paths, options, save, reporter) : null;
  if (earlier === null) checkOptions(options);
  const source = earlier?.config ?? {
    dataset: datasetOf(options),
    data: options.data ?? null,
    verify: options.verify ?? true,
  };
  checkNetwork(earlier?.config ?? options);
  const pictures = openPictures(source);
  const config = earlier?.config ?? freshConfig(options, pictures.train.length, pictures.numClasses);
  const run = buildRun(config, pictures);
  const parameters = run.model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
  reporter?.model?.(String(run.model), parameters);
  const checkpoint = earlier?.checkpoint ?? null;
  const logs = checkpoint === null ? beginFolder(paths, save, config, reporter) : new RunLogs(paths, checkpoint.logs);
  try {
    checkpoint?.restore(run);
    const place = checkpoint?.place ?? beginning();
    if (checkpoint !== null) reporter?.notice?.(resumeNotice(place, config, save));
    settings.onBegin?.();
    const result = await new Trainer(run, { paths, logs, place, reporter, signal }).train();
    reporter?.done?.();
    return result;
  } finally {
    logs.close();
  }
}

interface EarlierRun {
  readonly config: RunConfig;
  readonly checkpoint: Checkpoint | null;
}

/** What `save` holds of a run; null when there is nothing to go on with. */
function earlierRun(paths: RunPaths, options: RunOptions, save: string, reporter?: Reporter): EarlierRun | null {
  if (existsSync(paths.checkpoint)) {
    const checkpoint = readCheckpoint(paths.checkpoint);
    const config = resumedConfig(checkpoint.config, options, save);
    const { torch } = config.versions;
    if (torch !== buildInfo().torchVersion) {
      reporter?.notice?.(
        `This run began with libtorch ${torch}; with ${buildInfo().torchVersion} its numbers may differ`,
      );
    }
    return { config, checkpoint };
  }
  reporter?.notice?.(`${paths.checkpoint} does not exist: the run starts anew`);
  if (!existsSync(paths.config)) return null;
  const stored = readConfig(readFileSync(paths.config, 'utf8'), paths.config);
  return { config: resumedConfig(stored, options, save), checkpoint: null };
}

function resumeNotice(place: RunPlace, config: RunConfig, save: string): string {
  if (place.phase === 'done') return `The run in ${save} is finished`;
  const batches = place.pass?.loader.batches ?? 0;
  const where = place.phase === 'test' ? 'the final test' : `epoch ${place.epoch + 1} of ${config.nEpochs}`;
  return `Resuming the run in ${save} at ${where}${batches > 0 ? `, after ${batches} iterations` : ''}`;
}

function freshConfig(options: RunOptions, trainPictures: number, numClasses: number): RunConfig {
  const { torchVersion } = buildInfo();
  return resolveConfig(options, {
    trainPictures,
    numClasses,
    seed: randomInt(2 ** 31),
    threads: getNumThreads(),
    device: 'cpu',
    versions: { torchbridge: packageVersion(), torch: torchVersion },
  });
}

/** Makes the folder ready for a run that begins. */
function beginFolder(paths: RunPaths, save: string, config: RunConfig, reporter?: Reporter): RunLogs {
  makeRunFolder(save);
  if (removeRunFiles(paths)) reporter?.notice?.(`Overwriting the run in ${save}`);
  atomicWriteFile(paths.config, Buffer.from(formatConfig(config)));
  return new RunLogs(paths);
}

function beginning(): RunPlace {
  return { epoch: 0, phase: 'train', pass: null, trained: null, bestError: 1, modelSaved: false, testError: null };
}
