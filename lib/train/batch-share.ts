import type { Indices, Sampler } from '../data/sampler.js';

/** Which of several processes this one is. */
export interface Share {
  readonly rank: number;
  readonly size: number;
}

/**
 * The pictures of every so-many-th batch, in their order: the batches of all processes together are those of one process, each once.
 */
export class BatchShare implements Sampler {
  constructor(
    readonly source: { readonly length: number },
    readonly batchSize: number,
    readonly share: Share,
  ) {}

  get length(): number {
    let length = 0;
    for (const [begin, end] of this.#batches()) length += end - begin;
    return length;
  }

  *indices(): Indices {
    for (const [begin, end] of this.#batches()) for (let i = begin; i < end; i++) yield i;
  }

  *#batches(): Iterable<[begin: number, end: number]> {
    const { batchSize, source, share } = this;
    for (let begin = share.rank * batchSize; begin < source.length; begin += share.size * batchSize)
      yield [begin, Math.min(begin + batchSize, source.length)];
  }
}
