import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { IoError } from '../io/index.js';
import type { Network } from '../models/index.js';
import { findWeights, type FoundWeights } from '../models/weight-files.js';
import { getNumThreads, scope, setNumThreads } from '../tensor/index.js';
import { modelWithWeights } from './build-network.js';
import { readConfig, type RunConfig } from './config.js';
import { fetchPictures, openData } from './datasets.js';
import { isEmbedded, isInFiles } from './dataset-names.js';
import { DeviceError, EvaluationInterrupted, RankZeroFailed, UsageError } from './errors.js';
import { inferNetwork, type NetworkForm } from './infer-network.js';
import { shareOf } from './parallel-run.js';
import type { PassOutcome } from './pass.js';
import { Precision } from './precision.js';
import type { Ranks } from './ranks.js';
import type { Reporter } from './reporter.js';
import { networkFields, withNetwork } from './network-config.js';
import { DEFAULT_NETWORK } from './network-names.js';
import type { LoaderConfig, RunData, SampledLoader } from './run-data.js';
import { runFileNames, runPaths } from './run-files.js';
import { testEpoch } from './test-epoch.js';

/** What to evaluate and on what; what is left out comes from the run's `config.json`. */
export interface EvaluateOptions {
  /** Folder of a run. */
  readonly save?: string | undefined;
  /** File of a state dict; a `config.json` beside it is used. */
  readonly weights?: string | undefined;
  /** The entry of a checkpoint that holds the weights; default the one whose name says so, or the only state dict. */
  readonly entry?: string | undefined;
  readonly data?: string | undefined;
  readonly dataset?: RunConfig['dataset'] | undefined;
  /** The form of the network, for weights that come without a `config.json`; default what the file tells. */
  readonly model?: string | undefined;
  readonly verify?: boolean | undefined;
  /** Fetches the data set into the folder it is to be in, where it is not there. */
  readonly download?: boolean | undefined;
  readonly batchSize?: number | undefined;
  /** Threads that read pictures in files; default as the run. */
  readonly workers?: number | undefined;
  /** Leaves out pictures in files that cannot be read; default as the run. */
  readonly skipBroken?: boolean | undefined;
  readonly device?: string | undefined;
  readonly threads?: number | undefined;
  /** Default that of the run, else none. */
  readonly amp?: RunConfig['amp'] | undefined;
  /** Default that of the run, else false. */
  readonly channelsLast?: boolean | undefined;
  readonly reporter?: Reporter | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The processes that share the batches; each gets what one process would. */
  readonly ranks?: Ranks | undefined;
}

/** What an evaluation measured. */
export interface Evaluation {
  readonly weights: string;
  readonly dataset: RunConfig['dataset'];
  /** Pictures of the test set. */
  readonly pictures: number;
  readonly parameters: number;
  readonly loss: number;
  /** Share of wrong first choices, 0 to 1. */
  readonly error: number;
  /** Seconds the pass took. */
  readonly seconds: number;
}

/**
 * Loss and top-1 error of a trained network on the test set.
 * @throws UsageError when it is not said which data to use; EvaluationInterrupted after the signal; Error in one line for what is missing or broken.
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { ranks } = options;
  const ready = await (ranks === undefined ? prepare(options) : ranks.inTurn(() => prepare(options)));
  await ranks?.compareGpus();
  const { path, model, loader, precision, parameters } = ready;
  options.reporter?.model?.(String(model), parameters);
  const began = performance.now();
  const outcome = await testEpoch({
    model,
    loader: ranks === undefined ? loader : shareOf(loader, ranks),
    dealt: ranks === undefined ? undefined : loader.length,
    ranks,
    phase: 'test',
    final: true,
    epoch: 0,
    nEpochs: 1,
    precision,
    signal: options.signal,
    reporter: options.reporter,
  });
  if (!outcome.finished) throw failureOf(outcome, ranks);
  const { loss, error } = outcome.meters;
  options.reporter?.finalTest?.(error.avg);
  const seconds = (performance.now() - began) / 1000;
  return {
    weights: path,
    dataset: ready.dataset,
    pictures: loader.pictures,
    parameters,
    loss: loss.avg,
    error: error.avg,
    seconds,
  };
}

function failureOf({ error }: PassOutcome & { finished: false }, ranks: Ranks | undefined): Error {
  if (error === undefined) return new EvaluationInterrupted();
  return ranks?.isFirst === false ? new RankZeroFailed() : error;
}

/** What is evaluated, and on what. */
interface Ready {
  readonly path: string;
  readonly dataset: RunConfig['dataset'];
  readonly model: Network;
  readonly loader: SampledLoader;
  readonly precision: Precision;
  readonly parameters: number;
}

async function prepare(options: EvaluateOptions): Promise<Ready> {
  const path = options.weights ?? runPaths(options.save ?? '.').model;
  const configPath = join(dirname(path), runFileNames.config);
  const beside = configBeside(configPath, options.save !== undefined);
  const stored = beside instanceof Error ? null : beside;
  if (stored === null && options.save !== undefined) {
    throw new IoError('missing', `${options.save} holds no run: there is no ${configPath}`, configPath);
  }
  const source = dataSource(options, stored);
  const flag = options.workers != null ? '--workers' : options.skipBroken === true ? '--skip-broken' : undefined;
  if (flag !== undefined && !isInFiles(source.dataset))
    throw new UsageError(`Expected no ${flag} with --dataset ${source.dataset}: it is for folders of pictures`);
  setNumThreads(options.threads ?? stored?.threads ?? getNumThreads());
  const device = options.device ?? stored?.device ?? 'cpu';
  options.ranks?.takeGpu(device);
  const precision = new Precision({
    device,
    amp: options.amp ?? stored?.amp,
    channelsLast: options.channelsLast ?? stored?.channelsLast,
  });
  const notice = (line: string): void => options.reporter?.notice?.(line);
  const open = async (): Promise<RunData> => {
    if (options.download === true) {
      await fetchPictures(source, (progress) => options.reporter?.download?.(progress));
    }
    return openData(source, notice);
  };
  // The form of a network that is named follows from its data.
  const early = options.model === undefined ? undefined : await open();
  const named = early === undefined ? undefined : formFor(options.model, early);
  const { model, fit } = scope(() => {
    const found = readWeights(path, options.entry);
    if (beside instanceof Error && named === undefined)
      notice(`${beside.message}; the form of the network is read from its shapes`);
    const form: NetworkForm = named ?? stored ?? inferNetwork(found.state, path);
    const made = onDevice(options, device, () => modelWithWeights({ ...form, device }, found, notice));
    precision.prepare(made);
    return { model: made, fit: { resize: form.resize, inChannels: form.inChannels, numClasses: form.numClasses } };
  });
  const data = early ?? (await open());
  checkFit(data, fit, source.dataset);
  const batchSize = options.batchSize ?? stored?.batchSize ?? 64;
  const notify = (line: string): void => {
    if (options.ranks?.isFirst === false) options.ranks.note(line);
    else notice(line);
  };
  const loader = data.tested(loaderConfig(stored, { ...fit, batchSize }, options), notify);
  const parameters = model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
  return { path, dataset: source.dataset, model, loader, precision, parameters };
}

/** @throws UsageError for pictures that the network cannot judge: it has other classes, or takes no colours. */
function checkFit(
  { channels, numClasses }: RunData,
  fit: Pick<NetworkForm, 'inChannels' | 'numClasses'>,
  dataset: RunConfig['dataset'],
): void {
  if (numClasses !== fit.numClasses)
    throw new UsageError(
      `Expected pictures of ${fit.numClasses} classes, as the network has, but --dataset ${dataset} has ${numClasses}`,
    );
  if (fit.inChannels === 1 && channels === 3)
    throw new UsageError(`Expected pictures without colours, as the network takes, but --dataset ${dataset} has them`);
}

/** What a run told of its pictures; where there was none, all that data sets in memory need. */
function loaderConfig(
  stored: RunConfig | null,
  fit: Pick<LoaderConfig, 'resize' | 'inChannels' | 'batchSize'>,
  { workers, skipBroken }: EvaluateOptions,
): LoaderConfig {
  const { validSize = 0, kFold = null, fold = null, seed = 0 } = stored ?? {};
  const reading = {
    workers: workers ?? stored?.workers ?? null,
    skipBroken: skipBroken ?? stored?.skipBroken ?? false,
  };
  return { ...fit, ...reading, augment: false, validSize, kFold, fold, seed };
}

/** The form of a network by its name, as a run on these pictures would make it. */
function formFor(model: string | undefined, { channels, side, numClasses }: RunData): NetworkForm {
  const fields = networkFields(withNetwork({ model }), { channels, side });
  const { resize = null, inChannels = channels, model: name = DEFAULT_NETWORK } = fields;
  return { ...fields, model: name, resize, inChannels, numClasses };
}

/**
 * The configuration beside the weights; null when there is none, and the error where it is another program's.
 * @throws Error in one line for the folder of a run, which must have one.
 */
function configBeside(path: string, needed: boolean): RunConfig | Error | null {
  if (!existsSync(path)) return null;
  try {
    return readConfig(readFileSync(path, 'utf8'), path);
  } catch (error) {
    if (needed) throw error;
    return error as Error;
  }
}

/** Says what is wanted where a file holds no weights, or where there is none. */
function readWeights(path: string, entry: string | undefined): FoundWeights {
  try {
    return findWeights(path, entry);
  } catch (error) {
    if (!(error instanceof IoError) || !['missing', 'kind', 'format'].includes(error.code)) throw error;
    const wanted = 'expected a file of weights, as torch.save and torchbridge train write them';
    throw new IoError(error.code, `${error.message}; ${wanted}`, path, { cause: error });
  }
}

/** Names the way out where a run's own device is not there. */
function onDevice<T>(options: EvaluateOptions, device: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof DeviceError) || options.device !== undefined || device === 'cpu') throw error;
    throw new DeviceError(`${error.message}; --device cpu evaluates here`, { cause: error });
  }
}

function dataSource(
  options: EvaluateOptions,
  stored: RunConfig | null,
): Pick<RunConfig, 'dataset' | 'data' | 'verify'> {
  // A folder given to a run of CIFAR-100 holds CIFAR-100.
  const kind = stored === null || isEmbedded(stored.dataset) ? 'cifar10' : stored.dataset;
  const named = options.dataset ?? (options.data === undefined ? undefined : kind);
  const dataset = named ?? stored?.dataset;
  if (dataset === undefined)
    throw new UsageError(
      'Expected --data DIR, --dataset shapes or --dataset digits: these weights come without a config.json',
    );
  if (isEmbedded(dataset)) return { dataset, data: null, verify: true };
  const data = options.data ?? (dataset === stored?.dataset ? stored.data : null);
  if (data === null) throw new UsageError(`Expected --data DIR with --dataset ${dataset}`);
  return { dataset, data, verify: options.verify ?? stored?.verify ?? true };
}
