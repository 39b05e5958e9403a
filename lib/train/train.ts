import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { IoError } from '../io/index.js';
import { fetchWeights } from '../models/index.js';
import { buildInfo, getNumThreads } from '../tensor/index.js';
import { readCheckpoint, whole, type Checkpoint } from './checkpoint.js';
import {
  checkOptions,
  datasetOf,
  readConfig,
  resolveConfig,
  withRecipe,
  type RunConfig,
  type RunOptions,
} from './config.js';
import { resumedConfig, sameNumbers } from './resumed-config.js';
import { checkPictures, fetchPictures, openData } from './datasets.js';
import { computeDeterministically } from './determinism.js';
import { packageVersion } from './package-version.js';
import { parallelRun, warmUp } from './parallel-run.js';
import type { Ranks, Told } from './ranks.js';
import { UsageError } from './errors.js';
import type { Reporter } from './reporter.js';
import { isPublished, keepsClasses } from './picture-network.js';
import { buildRun, checkNetwork, partsOf, type InitialWeights, type Run } from './run.js';
import {
  keepConfig,
  makeRunFolder,
  refuseBoth,
  refuseOtherFiles,
  replaceRunFiles,
  runPaths,
  type RunPaths,
} from './run-files.js';
import type { RunData } from './run-data.js';
import { noLogs, RunLogs } from './run-logs.js';
import { firstPlace, type RunPlace } from './run-place.js';
import { Trainer, type TrainResult } from './trainer.js';

/** Where a run leaves its files and how it is followed. */
export interface TrainSettings {
  /** Folder of the run's files; made when it is missing. */
  readonly save: string;
  /** Begins in the place of a run that `save` holds, whose files are removed; without it such a folder is refused (default). */
  readonly overwrite?: boolean | undefined;
  /** Goes on where the checkpoint in `save` stops; without one the run of `config.json` or of the options starts anew. */
  readonly resume?: boolean;
  /** Fetches the data set into the folder it is to be in, where it is not there. */
  readonly download?: boolean;
  /** Which part of the training pictures is for validation, from 1; with the option `kFold` alone. */
  readonly fold?: number;
  readonly reporter?: Reporter | undefined;
  /** Stops the run after the iteration at hand, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  /** Called when everything is read and built: from here on an abort leaves a checkpoint. */
  readonly onBegin?: () => void;
  /** The processes that train together; options and files are those of the first one. */
  readonly ranks?: Ranks | undefined;
}

/**
 * Trains a DenseNet, from options to a folder with `results.csv`, `losses.csv`, `model.pth`, `config.json`,
 * `checkpoint.pth` and the training curves.
 * @throws UsageError when options cannot be, or the folder holds a run; RunInterrupted after the signal; Error with one line for what is missing
 * or broken outside.
 */
export async function train(options: RunOptions, settings: TrainSettings): Promise<TrainResult> {
  const { ranks } = settings;
  if (ranks === undefined) return begin(await prepare(options, settings), settings);
  if (!ranks.isFirst) {
    const told = await ranks.hear();
    return begin(await ranks.together(() => follow(told, settings)), settings);
  }
  let prepared: Prepared;
  try {
    prepared = await prepare(options, settings);
  } catch (error) {
    await ranks.tell(null);
    throw error;
  }
  await ranks.tell({ config: prepared.config, resumed: prepared.checkpoint !== null });
  return begin(await ranks.together(() => prepared), settings);
}

/** A run that is known, but not built. */
interface Prepared {
  readonly config: RunConfig;
  readonly data: RunData;
  readonly checkpoint: Checkpoint | null;
}

async function prepare(options: RunOptions, settings: TrainSettings): Promise<Prepared> {
  const { save, reporter } = settings;
  if (settings.resume === true) refuseBoth(settings.overwrite);
  const paths = runPaths(save);
  const earlier = settings.resume === true ? earlierRun(paths, options, save, reporter) : null;
  if (earlier === null) {
    checkOptions(options);
    refuseOtherFiles(paths, save, settings.overwrite === true);
  }
  const source = earlier?.config ?? {
    dataset: datasetOf(options),
    data: options.data ?? null,
    verify: options.verify ?? true,
  };
  if (earlier === null) checkNetwork(withRecipe(options));
  if (settings.download === true) await fetchPictures(source, (progress) => reporter?.download?.(progress));
  const notice = (line: string): void => reporter?.notice?.(line);
  const data = openData(source, notice);
  const config = earlier?.config ?? freshConfig({ ...options, dataset: source.dataset }, data, settings.fold);
  if (earlier !== null) checkPictures(config, data, save);
  else data.notices.forEach(notice);
  if (config.cudaGraph && settings.ranks !== undefined)
    throw new UsageError('Expected no --cuda-graph with several processes: a graph holds the work of one');
  const checkpoint = earlier?.checkpoint ?? null;
  if (checkpoint !== null) checkProcesses(checkpoint, settings);
  return { config, data, checkpoint };
}

/** What rank 0 has prepared, as another rank takes it over. */
function follow({ config, resumed }: Told, { save }: TrainSettings): Prepared {
  const checkpoint = resumed ? readCheckpoint(runPaths(save).checkpoint) : null;
  return { config, data: openData(config, () => undefined), checkpoint };
}

/** @throws UsageError where a run goes on with another number of processes. */
function checkProcesses({ rngStates }: Checkpoint, { save, ranks }: TrainSettings): void {
  const before = Math.max(1, rngStates.length);
  const now = ranks?.size ?? 1;
  if (before === now) return;
  const many = (count: number): string => `${count} ${count === 1 ? 'process' : 'processes'}`;
  throw new UsageError(
    `Cannot resume the run in ${save} with ${many(now)}: it began with ${many(before)}, and the numbers would change`,
  );
}

async function begin(prepared: Prepared, settings: TrainSettings): Promise<TrainResult> {
  const putBack = prepared.config.deterministic ? computeDeterministically() : undefined;
  try {
    return await trainPrepared(prepared, settings);
  } finally {
    putBack?.();
  }
}

async function trainPrepared(prepared: Prepared, settings: TrainSettings): Promise<TrainResult> {
  const { config, data, checkpoint } = prepared;
  const { save, reporter, signal, ranks } = settings;
  const paths = runPaths(save);
  const writes = ranks?.isFirst !== false;
  // What fails on one of several processes ends all, before they wait for each other elsewhere.
  const all = async <T>(work: () => T | Promise<T>): Promise<T> =>
    ranks === undefined ? work() : ranks.together(work);
  const built = await all(() => build(prepared, settings));
  if (ranks !== undefined) await meetOnGpus(config, ranks, reporter);
  const run = ranks === undefined ? built : parallelRun(built, ranks);
  const parameters = run.model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
  reporter?.model?.(String(run.model), parameters);
  const logs = await all(() => (writes ? openLogs(paths, save, config, checkpoint, reporter) : noLogs));
  try {
    if (checkpoint !== null) {
      warmUp(run, checkpoint.place, data);
      await all(() => {
        restore(checkpoint, run, paths);
        if (writes) keepConfig(paths, config);
      });
    }
    const place = checkpoint === null ? firstPlace() : placeFor(checkpoint, ranks);
    if (checkpoint !== null) reporter?.notice?.(resumeNotice(place, config, save));
    settings.onBegin?.();
    const { rngStates = [], deviceRngStates = [] } = checkpoint ?? {};
    const trainer = new Trainer(run, { paths, logs, place, rngStates, deviceRngStates, reporter, signal });
    try {
      const result = await trainer.train();
      reporter?.done?.();
      return result;
    } finally {
      trainer.dispose();
    }
  } finally {
    logs.close();
    run.parallel?.model.dispose();
  }
}

/** The run of this process, on its device; others are not waited for. */
async function build({ config, data, checkpoint }: Prepared, { reporter, ranks }: TrainSettings): Promise<Run> {
  ranks?.takeGpu(config.device);
  const writes = ranks?.isFirst !== false;
  // Those of rank 0 go to all.
  const weights = checkpoint === null && writes ? await initialWeights(config, reporter) : null;
  const notice = (line: string): void => (writes ? reporter?.notice?.(line) : ranks.note(line));
  return buildRun(config, data, weights, notice, ranks?.size);
}

/** Before gradients go between GPUs. @throws UsageError on rank 0 where two processes have one. */
async function meetOnGpus({ device }: RunConfig, ranks: Ranks, reporter: Reporter | undefined): Promise<void> {
  if (!device.startsWith('cuda')) return;
  await ranks.compareGpus();
  if (ranks.isWithoutNccl)
    reporter?.notice?.('NCCL is not built in (torchbridge doctor): gradients go between GPUs by Gloo, over the CPU');
}

function openLogs(
  paths: RunPaths,
  save: string,
  config: RunConfig,
  checkpoint: Checkpoint | null,
  reporter?: Reporter,
): RunLogs {
  return checkpoint === null ? beginFolder(paths, save, config, reporter) : new RunLogs(paths, checkpoint.logs);
}

/** The weights to begin with, fetched where they are published. */
async function initialWeights({ weights }: RunConfig, reporter?: Reporter): Promise<InitialWeights | null> {
  if (weights === null) return null;
  const source = isPublished(weights)
    ? await fetchWeights(weights, { onProgress: (done) => reporter?.download?.(done) })
    : weights;
  return { source, onNotice: (line) => reporter?.notice?.(line) };
}

interface EarlierRun {
  readonly config: RunConfig;
  readonly checkpoint: Checkpoint | null;
}

/** What `save` holds of a run; null when there is nothing to go on with. */
function earlierRun(paths: RunPaths, options: RunOptions, save: string, reporter?: Reporter): EarlierRun | null {
  if (existsSync(paths.checkpoint)) {
    const checkpoint = readCheckpoint(paths.checkpoint);
    if (existsSync(paths.config)) refuseOtherRun(paths, checkpoint.config);
    const config = resumedConfig(checkpoint.config, options, save);
    const { torch } = config.versions;
    if (torch !== buildInfo().torchVersion) {
      reporter?.notice?.(
        `This run began with libtorch ${torch}; with ${buildInfo().torchVersion} its numbers may differ`,
      );
    }
    return { config, checkpoint };
  }
  const begun = existsSync(paths.config);
  if (!begun && Object.values(options).every((value) => value == null)) {
    throw new IoError(
      'missing',
      `${save} holds no run to resume: there is neither ${paths.checkpoint} nor ${paths.config}`,
      save,
    );
  }
  reporter?.notice?.(`${paths.checkpoint} does not exist: the run starts anew`);
  if (!begun) return null;
  const stored = readConfig(readFileSync(paths.config, 'utf8'), paths.config);
  return { config: resumedConfig(stored, options, save), checkpoint: null };
}

/**
 * A run that begins replaces `config.json` and then removes the checkpoint of the run before it; a process that is ended
 * between the two leaves one of each.
 */
function refuseOtherRun(paths: RunPaths, config: RunConfig): void {
  const stored = readConfig(readFileSync(paths.config, 'utf8'), paths.config);
  if (sameNumbers(stored, config)) return;
  throw new Error(
    `${paths.checkpoint} and ${paths.config} are of two runs: remove the one that shall not go on, then resume`,
  );
}

/** The place at which a process goes on: its own pictures are others than those of rank 0. */
function placeFor({ place, loaderStates }: Checkpoint, ranks: Ranks | undefined): RunPlace {
  const loader = loaderStates[ranks?.rank ?? 0];
  return place.pass === null || loader === undefined ? place : { ...place, pass: { ...place.pass, loader } };
}

/** @throws Error in one line that names the checkpoint when it does not fit the run. */
function restore(checkpoint: Checkpoint, run: Run, paths: RunPaths): void {
  const { phase, pass } = placeFor(checkpoint, run.parallel?.ranks);
  const { train, valid, test } = run.loaders;
  if (pass !== null) {
    const { parallel } = run;
    const validated = parallel?.valid ?? valid ?? test;
    const loader = phase === 'train' ? (parallel?.train ?? train) : phase === 'valid' ? validated : test;
    whole(paths.checkpoint, () => loader.resume(pass.loader));
  }
  // Comes second: it sets the state of the random numbers.
  checkpoint.restore(partsOf(run), run.parallel?.ranks.rank);
}

function resumeNotice(place: RunPlace, config: RunConfig, save: string): string {
  if (place.phase === 'done') return `The run in ${save} is finished`;
  const batches = place.pass?.loader.batches ?? 0;
  const where = place.phase === 'test' ? 'the final test' : `epoch ${place.epoch + 1} of ${config.nEpochs}`;
  const pass = place.phase === 'valid' ? ', in its validation' : '';
  const after = batches === 0 ? '' : `, after ${batches} ${batches === 1 ? 'iteration' : 'iterations'}`;
  return `Resuming the run in ${save} at ${where}${pass}${after}`;
}

function freshConfig(options: RunOptions, data: RunData, fold: number | undefined): RunConfig {
  const { torchVersion } = buildInfo();
  return resolveConfig(options, {
    pictures: data.facts(),
    side: data.side,
    hasValidation: data.hasValidation,
    hasTest: data.hasTest,
    numClasses: data.numClasses,
    classes: keepsClasses(options.dataset ?? '') ? data.classes : null,
    ...(fold === undefined ? {} : { fold }),
    seed: randomInt(2 ** 31),
    threads: getNumThreads(),
    device: 'cpu',
    versions: { torchbridge: packageVersion(), torch: torchVersion },
  });
}

/** Makes the folder ready for a run that begins. */
function beginFolder(paths: RunPaths, save: string, config: RunConfig, reporter?: Reporter): RunLogs {
  makeRunFolder(save);
  if (replaceRunFiles(paths, config)) reporter?.notice?.(`Overwriting the run in ${save}`);
  return new RunLogs(paths);
}
