import { DistributedDataParallel, DistributedSampler } from '../distributed/index.js';
import type { Network } from '../models/index.js';
import { manualSeed, scope, type Tensor, zeros } from '../tensor/index.js';
import { BatchShare } from './batch-share.js';
import type { Ranks } from './ranks.js';
import type { PassLoader, RunData, SampledLoader } from './run-data.js';
import type { RunPlace } from './run-place.js';
import type { Run } from './run.js';
import { lossOf } from './objective.js';

/** A run of several processes: what it trains with instead of the network itself, and the pictures of this one. */
export interface Parallel {
  readonly ranks: Ranks;
  /** The network, with gradients that are averaged over the processes. */
  readonly model: DistributedDataParallel<Network>;
  readonly sampler: DistributedSampler;
  /** The batches to train on. */
  readonly train: PassLoader;
  /** The batches to validate on. */
  readonly valid: PassLoader;
}

/**
 * The same run as one of several processes: it trains on its own part of the pictures, `batchSize` of them an iteration, and begins
 * with the weights of rank 0; it validates on batches of its own. Random numbers of other ranks than 0 go on from another seed, so
 * that they augment differently.
 */
export function parallelRun(run: Run, ranks: Ranks): Run {
  const { config, loaders } = run;
  const { rank, size: numReplicas } = ranks;
  const source = { length: loaders.train.pictures };
  const sampler = new DistributedSampler(source, { rank, numReplicas, seed: config.seed });
  const train = loaders.train.sampled(sampler);
  const valid = shareOf(loaders.valid ?? loaders.test, ranks);
  const model = new DistributedDataParallel(run.model);
  if (rank > 0) manualSeed(config.seed + rank);
  return { ...run, parallel: { ranks, model, sampler, train, valid } };
}

/** The batches of a loader that fall to one of several processes. */
export function shareOf(loader: SampledLoader, { rank, size }: Ranks): PassLoader {
  return loader.sampled(new BatchShare({ length: loader.pictures }, loader.batchSize, { rank, size }));
}

/**
 * Before a run goes on: after its first iteration it had the order of its gradients from that iteration's backward, and the order
 * decides in which order processes are summed up. So an iteration is made for nothing; its traces go with what the checkpoint brings.
 */
export function warmUp({ config, model, parallel, precision }: Run, place: RunPlace, data: RunData): void {
  const begun = place.epoch > 0 || place.phase !== 'train' || (place.pass?.loader.batches ?? 0) > 0;
  if (parallel === undefined || !begun || (place.phase !== 'train' && place.phase !== 'valid')) return;
  scope(() => {
    const side = config.resize ?? data.side ?? 224;
    const input = zeros([2, config.inChannels, side, side]);
    const target = zeros([2], { dtype: 'int64' }).to(config.device);
    model.train();
    const run = (): Tensor => lossOf(parallel.model.call(precision.input(input)), target, config).loss;
    precision.forward(run).backward();
    model.zeroGrad();
  });
}
