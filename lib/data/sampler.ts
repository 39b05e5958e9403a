import { Generator, randperm } from '../tensor/index.js';
import { drawSeed } from './random.js';

/** Sample indices, made as they are asked for. */
export type Indices = globalThis.Generator<number, void, void>;

/** An order of sample indices. */
export interface Sampler {
  readonly length: number;
  indices(): Indices;
}

/** @see torch.utils.data.SequentialSampler */
export class SequentialSampler implements Sampler {
  constructor(readonly source: { readonly length: number }) {}

  get length(): number {
    return this.source.length;
  }

  *indices(): Indices {
    for (let i = 0; i < this.source.length; i++) yield i;
  }
}

/**
 * Every sample once, in random order. Draws as PyTorch's does, when the first index is asked for: without a generator,
 * a seed from the default one, then a permutation from a generator of that seed; with one, a permutation from it when
 * the pass begins and, as PyTorch's leftover, another when the pass has ended.
 * @see torch.utils.data.RandomSampler
 */
export class RandomSampler implements Sampler {
  constructor(
    readonly source: { readonly length: number },
    readonly generator: Generator | null = null,
  ) {
    if (source.length <= 0) {
      throw new RangeError(`num_samples should be a positive integer value, but got num_samples=${source.length}`);
    }
  }

  get length(): number {
    return this.source.length;
  }

  /**
   * @param seed repeats the order of that seed instead of drawing one; only without a generator of one's own.
   * @param drawn is told the seed at the moment it is drawn.
   */
  *indices(seed?: bigint, drawn?: (seed: bigint) => void): Indices {
    if (this.generator !== null) {
      yield* permutation(this.length, this.generator);
      permutation(this.length, this.generator);
      return;
    }
    const used = seed ?? drawSeed(null);
    drawn?.(used);
    const generator = new Generator();
    generator.manualSeed(used);
    yield* permutation(this.length, generator);
  }
}

/** `torch.randperm(n, generator=generator).tolist()`. */
export function permutation(n: number, generator: Generator | null): number[] {
  const drawn = randperm(n, { generator });
  const indices = Array.from(drawn.toTypedArray() as BigInt64Array, Number);
  drawn.dispose();
  return indices;
}
