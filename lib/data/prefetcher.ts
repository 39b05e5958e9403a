import { cuda, type Device, getRngState, keep, scope, setRngState, type Tensor } from '../tensor/index.js';
import { handOver } from '../tensor/scope.js';
import type { LoaderState } from './batch-order.js';

/** One pass over batches. */
export interface Batches {
  /** Waits until the pictures of the next batch are there, for those that are read meanwhile. */
  ready?(): Promise<void>;
  /** The next batch, owned by the scope in which it is called. */
  next(): IteratorResult<[Tensor, Tensor], undefined>;
  /** Where the pass has got to. */
  state(): LoaderState;
  /** Called however the pass ends. */
  close?(): Promise<void>;
}

/** Brings batches to a device beside the work that it has. */
export interface BatchCopies {
  /** Begins to copy a batch. @returns what it is copied into, owned by the current scope. */
  begin(batch: readonly [Tensor, Tensor]): [Tensor, Tensor];
  /** What the device is given from now on finds the batch copied. */
  end(batch: readonly [Tensor, Tensor]): void;
}

/** Copies from page-locked memory, in a stream of their own. */
class CudaCopies implements BatchCopies {
  readonly #device: Device;
  readonly #stream: cuda.Stream;
  readonly #event = new cuda.Event();

  /** @throws TorchError `device` without CUDA. */
  constructor(device: Device) {
    this.#stream = cuda.Stream.create(device);
    this.#device = this.#stream.device;
  }

  begin(batch: readonly [Tensor, Tensor]): [Tensor, Tensor] {
    return scope(() => {
      const pinned = batch.map((each) => (each.isPinned() ? each : each.pinMemory()));
      const [input, target] = cuda.withStream(this.#stream, () =>
        pinned.map((each) => each.to({ device: this.#device, nonBlocking: true })),
      );
      this.#stream.recordEvent(this.#event);
      return [input!, target!];
    });
  }

  end(batch: readonly [Tensor, Tensor]): void {
    const current = cuda.Stream.current(this.#device);
    current.waitEvent(this.#event);
    for (const each of batch) cuda.recordStream(each, current);
  }
}

/** One for each device: a stream has memory of its own. */
const copiesTo = new Map<Device, CudaCopies>();

function cudaCopies(named: Device): CudaCopies {
  // The current device may be another one later.
  const device = named === 'cuda' ? `cuda:${cuda.currentDevice()}` : named;
  let copies = copiesTo.get(device);
  if (copies === undefined) copiesTo.set(device, (copies = new CudaCopies(device)));
  return copies;
}

/** Options of {@link Prefetcher}. */
export interface PrefetcherOptions {
  /** Where batches are wanted. */
  readonly device: Device;
  /** How they get there; default from page-locked memory in a stream of their own. Null passes batches on, as for the CPU. */
  readonly copies?: BatchCopies | null;
}

/** A batch that was drawn before it is asked for. */
interface Staged {
  readonly next: IteratorResult<[Tensor, Tensor], undefined>;
  /** Where the pass was before. */
  readonly state: LoaderState;
  /** The default generator before it was drawn. */
  readonly rng: Tensor;
}

/**
 * Brings batches to a device while it works on the one before. Called when a step is on its way, {@link Prefetcher.prefetch} draws the
 * next batch and begins to copy it; {@link Prefetcher.next} then has nothing to wait for. Random numbers are drawn in the order of a loop
 * without it, as long as a step draws from no generator of the CPU after `prefetch`.
 * ```ts
 * const batches = new data.Prefetcher(loader[Symbol.iterator](), { device });
 * for (const [images, labels] of batches) scope(() => { step(images, labels); });
 * ```
 * @see torch.utils.data.DataLoader, pin_memory and prefetch_factor
 */
export class Prefetcher implements Batches, IterableIterator<[Tensor, Tensor], undefined> {
  readonly #batches: Batches;
  readonly #copies: BatchCopies | null;
  #staged: Staged | null = null;
  /** What was wrong when the next batch was waited for. */
  #failure: { readonly error: unknown } | null = null;

  /** @throws TorchError `device` for a CUDA device that is not there. */
  constructor(batches: Batches, options: PrefetcherOptions) {
    const { device, copies = device.startsWith('cuda') ? cudaCopies(device) : null } = options;
    this.#batches = batches;
    this.#copies = copies;
  }

  /** Whether batches are passed on as they are. */
  get passesOn(): boolean {
    return this.#copies === null;
  }

  /** Whether there is anything to wait for before a batch. */
  get waits(): boolean {
    return this.#batches.ready !== undefined;
  }

  [Symbol.iterator](): this {
    return this;
  }

  /** Waits for what has to be read for the next batch. */
  async ready(): Promise<void> {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure.error;
    if (this.#staged === null) await this.#batches.ready?.();
  }

  /**
   * Draws the next batch and begins to copy it; nothing where batches are passed on. What is wrong with a picture {@link ready} tells.
   */
  async prefetch(): Promise<void> {
    const copies = this.#copies;
    if (copies === null || this.#staged !== null || this.#failure !== null) return;
    const state = this.#batches.state();
    try {
      await this.#batches.ready?.();
    } catch (error) {
      this.#failure = { error };
      return;
    }
    const rng = keep(getRngState());
    const next = scope(() => this.#draw(copies));
    if (next.done !== true) for (const each of next.value) keep(each);
    this.#staged = { next, state, rng };
  }

  next(): IteratorResult<[Tensor, Tensor], undefined> {
    const copies = this.#copies;
    if (copies === null) return this.#batches.next();
    const staged = this.#staged;
    this.#staged = null;
    staged?.rng.dispose();
    const next = staged?.next ?? scope(() => this.#draw(copies));
    if (next.done === true) return next;
    if (staged !== null) for (const each of next.value) handOver(each);
    copies.end(next.value);
    return next;
  }

  /** Behind the batches that were given out, whatever is on its way. */
  state(): LoaderState {
    return this.#staged?.state ?? this.#batches.state();
  }

  /** Gives back what was drawn for nothing: random numbers go on as if it had not been. */
  async close(): Promise<void> {
    const staged = this.#staged;
    this.#staged = null;
    if (staged !== null) {
      setRngState(staged.rng);
      staged.rng.dispose();
      if (staged.next.done !== true) for (const each of staged.next.value) each.dispose();
    }
    await this.#batches.close?.();
  }

  #draw(copies: BatchCopies): IteratorResult<[Tensor, Tensor], undefined> {
    const next = this.#batches.next();
    return next.done === true ? next : { done: false, value: copies.begin(next.value) };
  }
}
