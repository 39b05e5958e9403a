import { fromBytes, type Generator, type Tensor } from '../tensor/index.js';
import type { Dataset } from './dataset.js';
import { drawSeed } from './random.js';
import { RandomSampler, SequentialSampler } from './sampler.js';

export interface DataLoaderOptions {
  /** Samples a batch, default 1. */
  batchSize?: number;
  /** A new random order each time, default false. */
  shuffle?: boolean;
  /** Leaves out a last batch that is smaller, default false. */
  dropLast?: boolean;
  /** Where the order is drawn from instead of the default generator. Transforms draw from the default one all the same. */
  generator?: Generator | null;
}

/** Where a pass over a loader has got to, as plain data: numbers, bigint, bytes and null, which a pickle can hold. */
export interface LoaderState {
  /** Batches that were given out. */
  batches: number;
  /** Seed of this pass's order; null while it is not drawn, without shuffling, and with a generator of one's own. */
  samplerSeed: number | bigint | null;
  /** State of the generator of one's own when the pass began; null without one. */
  generatorState: Uint8Array | null;
}

/**
 * Batches of a data set, drawing random numbers exactly when PyTorch's loader (without workers) does.
 * @see torch.utils.data.DataLoader
 */
export class DataLoader<D extends Dataset = Dataset> implements Iterable<[Tensor, Tensor]> {
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly generator: Generator | null;
  readonly sampler: RandomSampler | SequentialSampler;

  constructor(
    readonly dataset: D,
    options: DataLoaderOptions = {},
  ) {
    this.batchSize = options.batchSize ?? 1;
    this.dropLast = options.dropLast ?? false;
    this.generator = options.generator ?? null;
    if (!Number.isSafeInteger(this.batchSize) || this.batchSize <= 0) {
      throw new RangeError(`batch_size should be a positive integer value, but got batch_size=${this.batchSize}`);
    }
    this.sampler =
      options.shuffle === true ? new RandomSampler(dataset, this.generator) : new SequentialSampler(dataset);
  }

  /** Batches in one pass. */
  get length(): number {
    const { length } = this.dataset;
    return this.dropLast ? Math.floor(length / this.batchSize) : Math.ceil(length / this.batchSize);
  }

  /** Begins a pass; draws one number (PyTorch's base seed for workers, unused here as there). */
  [Symbol.iterator](): LoaderIterator {
    drawSeed(this.generator);
    return new LoaderIterator(this, null);
  }

  /**
   * Goes on with a pass: what it drew so far is not drawn again from the default generator, whose state is the caller's
   * to restore. A generator of one's own is set to the state it had.
   */
  resume(state: LoaderState): LoaderIterator {
    return new LoaderIterator(this, checkedState(state, this));
  }
}

/** One pass over a {@link DataLoader}. Batches are owned by the scope in which `next` is called. */
export class LoaderIterator implements IterableIterator<[Tensor, Tensor], undefined> {
  readonly #loader: DataLoader;
  readonly #order: Iterator<number>;
  readonly #generatorState: Uint8Array | null;
  #samplerSeed: bigint | null = null;
  #batches = 0;
  #ended = false;

  /** Made by {@link DataLoader}, not by hand. */
  constructor(loader: DataLoader, state: LoaderState | null) {
    this.#loader = loader;
    const { sampler, generator } = loader;
    if (state !== null && generator !== null && state.generatorState !== null) restore(generator, state.generatorState);
    this.#generatorState = generator === null ? null : toState(generator);
    const known = state?.samplerSeed ?? null;
    const remember = (seed: bigint): void => {
      this.#samplerSeed = seed;
    };
    const indices =
      sampler instanceof RandomSampler
        ? sampler.indices(known === null ? undefined : BigInt(known), remember)
        : sampler.indices();
    this.#order = indices[Symbol.iterator]();
    if (known !== null) this.#samplerSeed = BigInt(known);
    for (let i = 0; i < (state?.batches ?? 0); i++) this.#nextIndices();
  }

  [Symbol.iterator](): this {
    return this;
  }

  /** The next batch: inputs float32 `[N, ...]` and targets int64 `[N]`. */
  next(): IteratorResult<[Tensor, Tensor], undefined> {
    const indices = this.#nextIndices();
    if (indices === undefined) return { done: true, value: undefined };
    return { done: false, value: this.#loader.dataset.batch(indices) };
  }

  #nextIndices(): number[] | undefined {
    if (this.#ended) return undefined;
    const indices: number[] = [];
    while (indices.length < this.#loader.batchSize) {
      const next = this.#order.next();
      if (next.done === true) break;
      indices.push(next.value);
    }
    if (indices.length === 0 || (this.#loader.dropLast && indices.length < this.#loader.batchSize)) {
      this.#ended = true;
      return undefined;
    }
    this.#batches++;
    return indices;
  }

  /** Where this pass has got to, for {@link DataLoader.resume}. */
  state(): LoaderState {
    return { batches: this.#batches, samplerSeed: this.#samplerSeed, generatorState: this.#generatorState };
  }
}

function toState(generator: Generator): Uint8Array {
  const state = generator.getState();
  const bytes = state.bytes();
  state.dispose();
  return bytes;
}

function restore(generator: Generator, bytes: Uint8Array): void {
  const state = fromBytes(bytes, [bytes.byteLength], 'uint8');
  generator.setState(state);
  state.dispose();
}

/** A state comes from a file: a wrong one must not end in a wrong order. */
function checkedState(state: LoaderState, loader: DataLoader): LoaderState {
  const { batches, samplerSeed, generatorState } = state;
  if (!Number.isSafeInteger(batches) || batches < 0 || batches > loader.length) {
    throw new RangeError(`Expected 0 to ${loader.length} batches in the state of a loader but received ${batches}`);
  }
  if (samplerSeed !== null && typeof samplerSeed !== 'bigint' && !Number.isSafeInteger(samplerSeed)) {
    throw new TypeError('Expected an integer or null for samplerSeed in the state of a loader');
  }
  const shuffles = loader.sampler instanceof RandomSampler && loader.generator === null;
  if (shuffles && batches > 0 && samplerSeed === null) {
    throw new TypeError('Expected a samplerSeed in the state of a loader that shuffles');
  }
  if ((generatorState === null) !== (loader.generator === null)) {
    throw new TypeError('The state is that of a loader with another generator');
  }
  return state;
}
