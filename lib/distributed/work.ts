import { native } from '../native/load.js';

const forgotten = new FinalizationRegistry<number>((number) => {
  native.releaseWork(number);
});

/**
 * A collective under way. `await` it, which lets the event loop go on, or {@link wait} for it. Tensors that it reads or writes
 * are not to be touched before it is done. A failure (a peer has died, the time is over) is a TorchError in c10d's words,
 * thrown to whoever waits.
 * @see torch.distributed.Work
 */
export class Work<T = void> implements PromiseLike<T> {
  readonly #number: number;
  readonly #result: (source: number) => T;
  #promise: Promise<T> | undefined;
  #done = false;

  /** @internal */
  constructor(number: number, result: (source: number) => T) {
    this.#number = number;
    this.#result = result;
    forgotten.register(this, number, this);
  }

  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#promise ??= this.#settled();
    return this.#promise.then(fulfilled, rejected);
  }

  async #settled(): Promise<T> {
    try {
      return this.#result(this.#done ? -1 : await native.awaitWork(this.#number));
    } finally {
      this.#release();
    }
  }

  /** Waits on JavaScript's thread, at most as long as the collective may take. */
  wait(): T {
    if (!this.#done) {
      try {
        native.waitWork(this.#number);
      } finally {
        this.#release();
      }
    }
    return this.#result(-1);
  }

  /** @internal Lets it run on its own: nobody waits, nobody hears of its end. */
  forget(): void {
    this.#release();
  }

  /** @internal its number in the addon */
  get number(): number {
    return this.#number;
  }

  /** Whether it has ended, well or not. A send or receive is only known to have ended once it was waited for. */
  get isCompleted(): boolean {
    return this.#done || native.workDone(this.#number);
  }

  #release(): void {
    if (this.#done) return;
    this.#done = true;
    forgotten.unregister(this);
    native.releaseWork(this.#number);
  }
}
