import { TorchError } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { warnOnce } from '../tensor/warn-once.js';
import type { ProcessGroup } from './process-group.js';

/** Options of `DistributedDataParallel`. */
export interface DistributedDataParallelOptions {
  /** Default the whole job. */
  readonly group?: ProcessGroup;
  /** Whether buffers (batch norm's running statistics) are those of rank 0 at every forward while gradients are synchronised. Default true. */
  readonly broadcastBuffers?: boolean;
  /** Whether parameters and buffers begin as those of rank 0, and their shapes are compared. Default true. */
  readonly initSync?: boolean;
  /** Megabytes of gradients that are reduced at once. Default 25, of which the first ones to be ready are 1. */
  readonly bucketCapMb?: number;
  /** Whether a forward may leave parameters out; then each forward's graph is searched for them. Default false. */
  readonly findUnusedParameters?: boolean;
  /** Whether gradients are views of what is reduced: saves a copy of them. Default false. */
  readonly gradientAsBucketView?: boolean;
  /**
   * Promises that every iteration uses the same parameters the same number of times. Then some may be unused, be used several times or
   * stand in checkpointed layers of either kind without a search, and all gradients of the first iteration are reduced at its end.
   * Default false.
   */
  readonly staticGraph?: boolean;
}

/**
 * How the gradients of a bucket are averaged: `allreduce` as without a hook, `fp16Compress` in float16, which halves what is sent.
 * @see torch.distributed.BuiltinCommHookType
 */
export type CommHook = 'allreduce' | 'fp16Compress';

const OPTIONS: OptionNames<DistributedDataParallelOptions> = {
  group: false,
  broadcastBuffers: false,
  initSync: false,
  bucketCapMb: false,
  findUnusedParameters: false,
  gradientAsBucketView: false,
  staticGraph: false,
};

/** @throws TorchError `type` for an option that there is not, `value` for one that cannot be. */
export function checkOptions(options: DistributedDataParallelOptions): void {
  checkOptionBag('DistributedDataParallel', options, OPTIONS);
  const { bucketCapMb, findUnusedParameters, staticGraph } = options;
  if (bucketCapMb !== undefined && !(bucketCapMb > 0)) {
    throw new TorchError('value', `Expected a number above 0 for bucketCapMb but received ${bucketCapMb}`);
  }
  if (findUnusedParameters === true && staticGraph === true) {
    warnOnce(
      'DistributedDataParallel got findUnusedParameters and staticGraph: a static graph finds unused parameters by itself, as long as they stay the same',
    );
  }
}

/** @throws TorchError `value` for a hook that there is not. */
export function checkHook(hook: string): void {
  if (hook === 'allreduce' || hook === 'fp16Compress') return;
  throw new TorchError('value', `Expected allreduce or fp16Compress for hook but received ${hook}`);
}
