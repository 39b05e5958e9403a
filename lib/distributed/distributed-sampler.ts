import { type Indices, permutation, type Sampler } from '../data/sampler.js';
import { Generator } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { getRank, getWorldSize } from './groups.js';

/** Options of {@link DistributedSampler}. */
export interface DistributedSamplerOptions {
  /** Default the size of the whole job. */
  readonly numReplicas?: number;
  /** Default that of this process. */
  readonly rank?: number;
  /** A new order each epoch. Default true. */
  readonly shuffle?: boolean;
  /** The same on every process. Default 0. */
  readonly seed?: number;
  /** Whether samples are left out so that every process has as many; otherwise some come twice. Default false. */
  readonly dropLast?: boolean;
}

const OPTIONS: OptionNames<DistributedSamplerOptions> = {
  numReplicas: false,
  rank: false,
  shuffle: false,
  seed: false,
  dropLast: false,
};

/**
 * Each process gets every so-many-th sample of an order that is the same for all.
 * @see torch.utils.data.DistributedSampler
 */
export class DistributedSampler implements Sampler {
  readonly numReplicas: number;
  readonly rank: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly dropLast: boolean;
  /** Samples of this process. */
  readonly numSamples: number;
  /** Samples of all. */
  readonly totalSize: number;
  #epoch = 0;

  constructor(
    readonly source: { readonly length: number },
    options: DistributedSamplerOptions = {},
  ) {
    checkOptionBag('DistributedSampler', options, OPTIONS);
    this.numReplicas = options.numReplicas ?? getWorldSize();
    this.rank = options.rank ?? getRank();
    this.shuffle = options.shuffle ?? true;
    this.seed = options.seed ?? 0;
    this.dropLast = options.dropLast ?? false;
    const { numReplicas, rank } = this;
    if (rank >= numReplicas || rank < 0) {
      throw new RangeError(`Invalid rank ${rank}, rank should be in the interval [0, ${numReplicas - 1}]`);
    }
    const { length } = source;
    const uneven = this.dropLast && length % numReplicas !== 0;
    // Not −0 for fewer samples than processes.
    this.numSamples = Math.ceil(uneven ? (length - numReplicas) / numReplicas : length / numReplicas) + 0;
    this.totalSize = this.numSamples * numReplicas;
  }

  get length(): number {
    return this.numSamples;
  }

  /** Call it before each epoch: otherwise all have the same order. */
  setEpoch(epoch: number): void {
    this.#epoch = epoch;
  }

  *indices(): Indices {
    const order = this.#order();
    const { length } = order;
    for (let i = this.rank; i < this.totalSize; i += this.numReplicas) yield order[i % length]!;
  }

  #order(): number[] {
    const { length } = this.source;
    if (!this.shuffle) return Array.from({ length }, (_, i) => i);
    const generator = new Generator();
    generator.manualSeed(this.seed + this.#epoch);
    return permutation(length, generator);
  }
}
