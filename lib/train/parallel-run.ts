import { DataLoader, type Dataset } from '../data/index.js';
import { DistributedDataParallel, DistributedSampler } from '../distributed/index.js';
import type { Network } from '../models/index.js';
import { manualSeed, scope, type Tensor } from '../tensor/index.js';
import { UsageError } from './errors.js';
import type { PassLoader } from './run-data.js';
import type { RunPlace } from './run-place.js';
import type { Ranks } from './ranks.js';
import type { Run } from './run.js';
import { lossOf } from './train-epoch.js';

/** A run of several processes: what it trains with instead of the network itself, and the order of its pictures. */
export interface Parallel {
  readonly ranks: Ranks;
  /** The network, with gradients that are averaged over the processes. */
  readonly model: DistributedDataParallel<Network>;
  readonly sampler: DistributedSampler;
}

/**
 * The same run as one of several processes: it trains on its own part of the pictures, `batchSize` of them an iteration, and begins
 * with the weights of rank 0. Random numbers of other ranks than 0 go on from another seed, so that they augment differently.
 */
export function parallelRun(run: Run, ranks: Ranks): Run {
  const { config, loaders } = run;
  const dataset = sharedDataset(loaders.train);
  const { rank, size: numReplicas } = ranks;
  const sampler = new DistributedSampler(dataset, { rank, numReplicas, seed: config.seed });
  const train = new DataLoader(dataset, { batchSize: config.batchSize, sampler });
  const model = new DistributedDataParallel(run.model);
  if (rank > 0) manualSeed(config.seed + rank);
  return { ...run, loaders: { ...loaders, train }, parallel: { ranks, model, sampler } };
}

/** The pictures that processes share. @throws UsageError for pictures that are read as they are needed. */
export function sharedDataset(loader: PassLoader): Dataset {
  if (loader instanceof DataLoader) return loader.dataset as Dataset;
  throw new UsageError('Expected a data set in memory with several processes, not folders of pictures');
}

/**
 * Before a run goes on: after its first iteration it had the order of its gradients from that iteration's backward, and the order
 * decides in which order processes are summed up. So an iteration is made for nothing; its traces go with what the checkpoint brings.
 */
export function warmUp({ config, model, parallel, loaders, precision }: Run, place: RunPlace): void {
  const begun = place.epoch > 0 || place.phase !== 'train' || (place.pass?.loader.batches ?? 0) > 0;
  if (parallel === undefined || !begun || (place.phase !== 'train' && place.phase !== 'valid')) return;
  scope(() => {
    const [input, target] = sharedDataset(loaders.train).batch([0, 0]);
    model.train();
    const run = (): Tensor =>
      lossOf(parallel.model.call(precision.input(input)), target.to(config.device), config).loss;
    precision.forward(run).backward();
    model.zeroGrad();
  });
}
