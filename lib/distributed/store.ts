import { native } from '../native/load.js';
import { TorchError } from '../tensor/index.js';

/** How long a store, a group or a collective waits for others, in milliseconds. */
export interface TimeoutOptions {
  readonly timeout?: number;
}

/** What a store keeps: text is taken as UTF-8. */
export type StoreValue = string | Uint8Array;

/** PyTorch's default for stores: five minutes. */
export const STORE_TIMEOUT = 300_000;

const forgotten = new FinalizationRegistry<number>((number) => {
  native.releaseStore(number);
});

const bytesOf = (value: StoreValue): Uint8Array =>
  typeof value === 'string' ? new TextEncoder().encode(value) : value;

/**
 * Small values by key that all processes see: where they meet before they are connected. Every method waits beside the event
 * loop and throws (as a rejection) a TorchError in c10d's words, `distributed` where the time is over.
 * @see torch.distributed.Store
 */
export abstract class Store {
  readonly #number: number;
  #last: Promise<unknown> = Promise.resolve();
  #disposed = false;

  protected constructor(
    number: number,
    /** How long {@link get} and {@link wait} wait, in milliseconds. */
    readonly timeout: number,
  ) {
    this.#number = number;
    forgotten.register(this, number, this);
  }

  /** @internal its number in the addon */
  get number(): number {
    if (this.#disposed) throw new TorchError('disposed', 'this store was disposed of: it can be used no longer');
    return this.#number;
  }

  /** One after the other, in the order of the calls. */
  #inTurn<T>(call: (number: number) => Promise<T>): Promise<T> {
    const { number } = this;
    const result = this.#last.then(() => call(number));
    this.#last = result.catch(() => undefined);
    return result;
  }

  set(key: string, value: StoreValue): Promise<void> {
    const bytes = bytesOf(value);
    return this.#inTurn((number) => native.storeSet(number, key, bytes));
  }

  /** The value of a key, as soon as somebody has set it. */
  async get(key: string, options: TimeoutOptions = {}): Promise<Uint8Array> {
    const { number } = this;
    await this.#last;
    return native.storeGet(number, key, options.timeout ?? this.timeout);
  }

  /** {@link get} of a key whose value is text. */
  async getText(key: string, options: TimeoutOptions = {}): Promise<string> {
    return new TextDecoder().decode(await this.get(key, options));
  }

  /** Until all keys are set. */
  async wait(keys: readonly string[], options: TimeoutOptions = {}): Promise<void> {
    const { number } = this;
    await this.#last;
    await native.storeWait(number, [...keys], options.timeout ?? this.timeout);
  }

  /** Adds to the integer of a key, which begins with 0. @returns the sum. */
  add(key: string, amount: number): Promise<number> {
    if (!Number.isSafeInteger(amount))
      throw new TorchError('value', `Expected an integer for add but received ${amount}`);
    return this.#inTurn((number) => native.storeAdd(number, key, amount));
  }

  /** Whether all keys are set. */
  check(keys: readonly string[]): Promise<boolean> {
    return this.#inTurn((number) => native.storeCheck(number, [...keys]));
  }

  /** Sets a key that holds `expected` ('' also where it is not set) to `desired`. @returns what it holds then. */
  compareSet(key: string, expected: StoreValue, desired: StoreValue): Promise<Uint8Array> {
    return this.#inTurn((number) => native.storeCompareSet(number, key, bytesOf(expected), bytesOf(desired)));
  }

  /** @returns whether there was such a key. */
  deleteKey(key: string): Promise<boolean> {
    return this.#inTurn((number) => native.storeDelete(number, key));
  }

  numKeys(): Promise<number> {
    return this.#inTurn((number) => native.storeCount(number));
  }

  /** Closes it, once what was asked of it is done. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    forgotten.unregister(this);
    native.releaseStore(this.#number);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Options of {@link TCPStore.connect}. */
export interface TCPStoreOptions extends TimeoutOptions {
  readonly host: string;
  /** 0 lets the system choose one, for a server alone; {@link TCPStore.port} tells which. */
  readonly port: number;
  /** Whether this process is the server. Default false. */
  readonly isServer?: boolean;
  /** Processes in all; the server waits until so many are connected. */
  readonly worldSize?: number;
  /** Whether it waits. Default true. */
  readonly waitForWorkers?: boolean;
  /** Whether a second server of this process at the same port is the first one. Default false. */
  readonly multiTenant?: boolean;
}

/** A store in the memory of one process that others reach by TCP. @see torch.distributed.TCPStore */
export class TCPStore extends Store {
  /** Listens, or connects. @throws TorchError (as a rejection) `distributed` for a port that is taken, or when the time is over. */
  static async connect(options: TCPStoreOptions): Promise<TCPStore> {
    const { host, port, isServer = false, worldSize = 0, timeout = STORE_TIMEOUT } = options;
    if (port === 0 && !isServer)
      throw new TorchError('value', 'Expected a port from 1 to 65535 for port but received 0');
    const { waitForWorkers = true, multiTenant = false } = options;
    return new TCPStore(
      await native.tcpStore(host, port, worldSize, isServer, timeout, waitForWorkers, multiTenant),
      timeout,
    );
  }

  /** Where the server listens. */
  get port(): number {
    return native.storePort(this.number);
  }
}

/** A store in a file that all processes reach. @see torch.distributed.FileStore */
export class FileStore extends Store {
  /** @param worldSize processes that use it: the last one that closes it removes the file; -1 if it is to stay. */
  constructor(path: string, worldSize = -1, options: TimeoutOptions = {}) {
    const { timeout = STORE_TIMEOUT } = options;
    super(native.fileStore(path, worldSize, timeout), timeout);
  }
}

/** A store in the memory of this process. @see torch.distributed.HashStore */
export class HashStore extends Store {
  constructor(options: TimeoutOptions = {}) {
    const { timeout = STORE_TIMEOUT } = options;
    super(native.hashStore(timeout), timeout);
  }
}

/** Another store, whose keys begin with a prefix here. @see torch.distributed.PrefixStore */
export class PrefixStore extends Store {
  constructor(prefix: string, store: Store) {
    super(native.prefixStore(prefix, store.number), store.timeout);
  }
}
