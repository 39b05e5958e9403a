import { DataLoader } from '../data/index.js';
import {
  cifarBlockConfig,
  cifarDenseNet,
  cifarDenseNetConfig,
  WeightsError,
  type DenseNet,
  type EfficientMode,
} from '../models/index.js';
import { putWeights } from '../models/load-weights.js';
import type { FoundWeights } from '../models/weight-files.js';
import type { Module } from '../nn/index.js';
import { MultiStepLR, SGD } from '../optim/index.js';
import { getRngState, manualSeed, scope, setNumThreads, setRngState } from '../tensor/index.js';
import type { RunConfig, RunOptions } from './config.js';
import { splitDatasets, type Pictures } from './datasets.js';
import { DeviceError, UsageError } from './errors.js';
import type { NetworkForm } from './infer-network.js';

/** A run that is ready to begin: everything its configuration says, built. */
export interface Run {
  readonly config: RunConfig;
  readonly model: DenseNet;
  readonly optimizer: SGD;
  readonly scheduler: MultiStepLR;
  readonly loaders: { readonly train: DataLoader; readonly valid: DataLoader | null; readonly test: DataLoader };
}

/**
 * Builds a run. The order of random draws is that of the efficient_densenet_pytorch script: the split of the training
 * set, then the model's initialisation; the loaders draw as they are used. The seed is set before all of them.
 */
export function buildRun(config: RunConfig, pictures: Pictures): Run {
  setNumThreads(config.threads);
  manualSeed(config.seed);
  const { train, valid, test } = splitDatasets(pictures, config.validSize);
  const model = buildModel(config);
  const { batchSize } = config;
  const loaders = {
    train: new DataLoader(train, { batchSize, shuffle: true }),
    valid: valid === null ? null : new DataLoader(valid, { batchSize }),
    test: new DataLoader(test, { batchSize }),
  };
  moveTo(model, config.device);
  const optimizer = new SGD(model.parameters(), {
    lr: config.lr,
    momentum: config.momentum,
    dampening: config.dampening,
    weightDecay: config.weightDecay,
    nesterov: config.nesterov,
  });
  const scheduler = new MultiStepLR(optimizer, { milestones: config.milestones, gamma: 0.1 });
  return { config, model, optimizer, scheduler, loaders };
}

/** Before any data are read. @throws UsageError naming the option that gives no network, and what would. */
export function checkNetwork(options: RunOptions): void {
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

/** The network of a configuration, initialised on the CPU. */
export function buildModel(form: NetworkForm & { efficient?: EfficientMode }): DenseNet {
  const {
    depth,
    growthRate,
    bottleneck,
    compression,
    numInitFeatures,
    dropRate,
    numClasses,
    inChannels,
    efficient = 'none',
  } = form;
  return cifarDenseNet({
    depth,
    growthRate,
    bottleneck,
    compression,
    numInitFeatures,
    dropRate,
    numClasses,
    inChannels,
    efficient,
  });
}

/**
 * A network with weights, on a device; no random number is drawn from the default generator.
 * @param onNotice told what was done to the names of the weights.
 * @throws Error in one line when they do not fit: whose they are, and what differs first.
 */
export function modelWithWeights(
  form: NetworkForm & { device: string },
  found: FoundWeights,
  onNotice?: (line: string) => void,
): DenseNet {
  const rng = getRngState();
  const model = buildModel(form);
  setRngState(rng);
  rng.dispose();
  try {
    scope(() => putWeights(model, found, { onNotice }));
    moveTo(model, form.device);
  } catch (error) {
    for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
    if (!(error instanceof WeightsError)) throw error;
    const difference = error.message.split('\n')[1]?.trim() ?? '';
    const shown = difference.length > 200 ? `${difference.slice(0, 200)}…` : difference;
    throw new Error(`${error.hint} (${shown})`, { cause: error });
  }
  return model;
}

/** @throws DeviceError in one line when libtorch has no such device. */
export function moveTo(model: Module, device: string): void {
  try {
    model.to({ device });
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]?.replace(/^to\.\w+: /, '') ?? '';
    throw new DeviceError(`the device ${device} cannot be used: ${reason}`, { cause: error });
  }
}
