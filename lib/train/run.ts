import { cifarBlockConfig, cifarDenseNetConfig, type Network } from '../models/index.js';
import type { WeightsSource } from '../models/index.js';
import { AveragedModel, emaMultiAverageFn } from '../nn/index.js';
import type { GradScaler, Optimizer } from '../optim/index.js';
import { manualSeed, setNumThreads } from '../tensor/index.js';
import { CudaRecorder } from '../tensor/cuda/recorder.js';
import { buildModel, freeze, moveTo, startFromWeights } from './build-network.js';
import { buildOptimizer } from './build-optimizer.js';
import type { Parallel } from './parallel-run.js';
import { RunSchedule } from './build-schedule.js';
import type { RunParts } from './checkpoint.js';
import type { RunConfig, RunOptions } from './config-schema.js';
import { type DeviceRng, deviceRngOf } from './device-rng.js';
import { UsageError } from './errors.js';
import { GraphedTraining } from './graphed-training.js';
import { Precision } from './precision.js';
import { withNetwork } from './network-config.js';
import { DEFAULT_NETWORK } from './network-names.js';
import type { RunData, RunLoaders, SampledLoader } from './run-data.js';

/** A run that is ready to begin: everything its configuration says, built. */
export interface Run {
  readonly config: RunConfig;
  readonly model: Network;
  /** A moving average of the weights, where one is wanted: what is validated, tested and kept. */
  readonly averaged: AveragedModel<Network> | null;
  readonly optimizer: Optimizer;
  readonly schedule: RunSchedule;
  readonly precision: Precision;
  /** Of a run in float16. */
  readonly scaler: GradScaler | null;
  /** Of a run whose steps are recorded. */
  readonly graphed: GraphedTraining | null;
  /** Of the device that it computes on; null on the CPU, whose generator is the default one. */
  readonly deviceRng: DeviceRng | null;
  /** Of a run of several processes. */
  readonly parallel?: Parallel;
  readonly loaders: RunLoaders;
}

/** The weights that a run begins with. */
export interface InitialWeights {
  readonly source: WeightsSource;
  readonly onNotice: (line: string) => void;
}

/**
 * Builds a run. The order of random draws is that of the efficient_densenet_pytorch script: the split of the training
 * set, then the model's initialisation; the loaders draw as they are used. The seed is set before all of them.
 * @param weights for a run that begins with some; null where a checkpoint follows.
 * @param onNotice told of pictures that are left out.
 * @param processes that share the pictures of an epoch.
 */
export function buildRun(
  config: RunConfig,
  data: RunData,
  weights: InitialWeights | null = null,
  onNotice?: (line: string) => void,
  processes = 1,
): Run {
  setNumThreads(config.threads);
  manualSeed(config.seed);
  const loaders = data.loaders(config, onNotice);
  const model = buildModel(config);
  if (weights !== null) startFromWeights(model, weights.source, weights.onNotice);
  const parameters = freeze(model, config.freeze);
  moveTo(model, config.device);
  const precision = new Precision(config);
  precision.prepare(model);
  const optimizer = buildOptimizer(parameters, config);
  const iterations = iterationsOf(loaders.train, processes);
  const schedule = new RunSchedule(optimizer, config, Math.ceil(iterations / config.accumulate));
  const { ema } = config;
  // As torchvision's reference program: buffers too are averaged.
  const averaged =
    ema === null ? null : new AveragedModel(model, { multiAverageFn: emaMultiAverageFn(ema), useBuffers: true });
  const scaler = precision.scaler();
  const { cudaGraph, batchSize } = config;
  const recorded = { model, optimizer, objective: config, scaler, precision, batchSize };
  const graphed = cudaGraph ? new GraphedTraining({ ...recorded, recorder: new CudaRecorder(config.device) }) : null;
  const deviceRng = deviceRngOf(config.device);
  return { config, model, averaged, optimizer, schedule, precision, scaler, graphed, deviceRng, loaders };
}

/** Iterations of an epoch, where so many processes share it. */
function iterationsOf({ pictures, batchSize }: SampledLoader, processes: number): number {
  return Math.ceil(Math.ceil(pictures / processes) / batchSize);
}

/** The parts of a run that a checkpoint holds. */
export function partsOf({ model, averaged, optimizer, schedule, scaler, deviceRng }: Run): RunParts {
  return { model, averaged, optimizer, scheduler: schedule.scheduler, scaler, deviceRng };
}

/** Before any data are read. @throws UsageError naming the option that gives no network, and what would. */
export function checkNetwork(given: RunOptions): void {
  const options = withNetwork(given);
  if (options.model !== DEFAULT_NETWORK) return;
  const { depth = 40, bottleneck = true } = options;
  refuseAs('--depth', () => cifarBlockConfig(depth, bottleneck));
  const { growthRate, compression, numInitFeatures } = options;
  refuseAs('--compression', () => cifarDenseNetConfig({ depth, bottleneck, growthRate, compression, numInitFeatures }));
}

function refuseAs(flag: string, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    throw new UsageError(`${flag}: ${(error as Error).message}`, { cause: error });
  }
}
