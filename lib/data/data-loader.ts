import { cuda, type Generator, scope, type Tensor } from '../tensor/index.js';
import { warnOnce } from '../tensor/warn-once.js';
import { BatchOrder, type LoaderState } from './batch-order.js';
import type { Dataset } from './dataset.js';
import { drawSeed } from './random.js';
import { RandomSampler, type Sampler, SequentialSampler } from './sampler.js';

export interface DataLoaderOptions {
  /** Samples a batch, default 1. */
  batchSize?: number;
  /** A new random order each time, default false. */
  shuffle?: boolean;
  /** An order of one's own; not together with `shuffle`. */
  sampler?: Sampler;
  /** Leaves out a last batch that is smaller, default false. */
  dropLast?: boolean;
  /** Where the order is drawn from instead of the default generator. Transforms draw from the default one all the same. */
  generator?: Generator | null;
  /** Puts batches into page-locked memory, from where they are copied to a device beside its work; default false. */
  pinMemory?: boolean;
}

const NO_ACCELERATOR =
  "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.";

/**
 * Batches of a data set, drawing random numbers exactly when PyTorch's loader (without workers) does.
 * @see torch.utils.data.DataLoader
 */
export class DataLoader<D extends Dataset = Dataset> implements Iterable<[Tensor, Tensor]> {
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly generator: Generator | null;
  readonly sampler: Sampler;
  readonly pinMemory: boolean;

  constructor(
    readonly dataset: D,
    options: DataLoaderOptions = {},
  ) {
    this.batchSize = options.batchSize ?? 1;
    this.dropLast = options.dropLast ?? false;
    this.generator = options.generator ?? null;
    this.pinMemory = options.pinMemory ?? false;
    if (!Number.isSafeInteger(this.batchSize) || this.batchSize <= 0) {
      throw new RangeError(`batch_size should be a positive integer value, but got batch_size=${this.batchSize}`);
    }
    if (options.sampler !== undefined && options.shuffle === true) {
      throw new RangeError('sampler option is mutually exclusive with shuffle');
    }
    this.sampler =
      options.sampler ??
      (options.shuffle === true ? new RandomSampler(dataset, this.generator) : new SequentialSampler(dataset));
  }

  /** Batches in one pass. */
  get length(): number {
    const { length } = this.sampler;
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
    return new LoaderIterator(this, state);
  }
}

/** One pass over a {@link DataLoader}. Batches are owned by the scope in which `next` is called. */
export class LoaderIterator implements IterableIterator<[Tensor, Tensor], undefined> {
  readonly #loader: DataLoader;
  readonly #order: BatchOrder;
  readonly #pins: boolean;

  /** Made by {@link DataLoader}, not by hand. */
  constructor(loader: DataLoader, state: LoaderState | null) {
    this.#loader = loader;
    this.#order = new BatchOrder(loader, state);
    this.#pins = loader.pinMemory && cuda.isAvailable();
    if (loader.pinMemory && !this.#pins) warnOnce(NO_ACCELERATOR);
  }

  [Symbol.iterator](): this {
    return this;
  }

  /** The next batch: inputs float32 `[N, ...]` and targets int64 `[N]`. */
  next(): IteratorResult<[Tensor, Tensor], undefined> {
    const indices = this.#order.next();
    if (indices === undefined) return { done: true, value: undefined };
    const { dataset } = this.#loader;
    if (!this.#pins) return { done: false, value: dataset.batch(indices) };
    const value = scope((): [Tensor, Tensor] => {
      const [input, target] = dataset.batch(indices);
      return [input.pinMemory(), target.pinMemory()];
    });
    return { done: false, value };
  }

  /** Where this pass has got to, for {@link DataLoader.resume}. */
  state(): LoaderState {
    return this.#order.state();
  }
}
