import { DataLoader } from '../data/index.js';
import { load } from '../io/index.js';
import { cifarBlockConfig, cifarDenseNet, cifarDenseNetConfig, type DenseNet } from '../models/index.js';
import { MultiStepLR, SGD } from '../optim/index.js';
import {
  getRngState,
  manualSeed,
  OrderedDict,
  setNumThreads,
  setRngState,
  Tensor,
  type StateDict,
} from '../tensor/index.js';
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
export function buildModel(form: NetworkForm): DenseNet {
  const { depth, growthRate, bottleneck, compression, numInitFeatures, dropRate, numClasses } = form;
  return cifarDenseNet({ depth, growthRate, bottleneck, compression, numInitFeatures, dropRate, numClasses });
}

/** Reads a state dict, ours or Python's. @throws Error in one line when the file holds none. */
export function loadWeights(path: string): StateDict {
  const value = load(path);
  const tensors = value instanceof Map ? [...value.values()] : [];
  if (!(value instanceof Map) || !tensors.every((each) => each instanceof Tensor)) {
    throw new Error(`${path} holds no state dict (names and their tensors)`);
  }
  return value instanceof OrderedDict ? (value as StateDict) : new OrderedDict(value as Map<string, Tensor>);
}

/**
 * A network with the weights of a state dict, on a device; no random number is drawn from the default generator.
 * Frees the tensors of `weights`.
 * @param path for the message.
 * @throws Error in one line when names or shapes differ.
 */
export function modelWithWeights(form: NetworkForm & { device: string }, weights: StateDict, path: string): DenseNet {
  const rng = getRngState();
  const model = buildModel(form);
  setRngState(rng);
  rng.dispose();
  try {
    model.loadStateDict(weights);
  } catch (error) {
    const lines = (error as Error).message.split('\n').map((line) => line.trim());
    const shown = lines.length > 6 ? [...lines.slice(0, 6), `and ${lines.length - 6} more`] : lines;
    throw new Error(`${path} does not fit the network: ${shown.join(' ')}`, { cause: error });
  }
  for (const tensor of weights.values()) tensor.dispose();
  moveTo(model, form.device);
  return model;
}

/** @throws DeviceError in one line when libtorch has no such device. */
function moveTo(model: DenseNet, device: string): void {
  try {
    model.to({ device });
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]?.replace(/^to\.\w+: /, '') ?? '';
    throw new DeviceError(`the device ${device} cannot be used: ${reason}`, { cause: error });
  }
}
