/** How a class or function that a pickle names is treated: what stands for it, and what calling it gives. */
export interface PickleGlobal {
  /** What stands for it where it is not called (`torch.float32`); without a value, only calling is allowed. */
  readonly value?: unknown;
  /** Stands for `global(*args)`; a returned object may be completed by `build`. Throws an Error with one clear line. */
  readonly call?: (args: readonly unknown[]) => unknown;
}

/** How Python 2's `str` is read, as `pickle.load`'s `encoding`. */
export type Py2Encoding = 'ascii' | 'latin1' | 'utf8' | 'bytes';

export interface PickleReadOptions {
  /** The allow list: `'module.name'` to its meaning. Anything else is refused by name. */
  readonly globals: ReadonlyMap<string, PickleGlobal>;
  /** Completes an object with its pickled state (BUILD). @returns false where that kind of object takes none. */
  readonly build?: (target: object, state: unknown) => boolean;
  /** What a persistent id stands for; without it persistent ids are refused. */
  readonly persistentLoad?: (id: unknown) => unknown;
  /**
   * For those who only look into a file: what is not on the list stands in the result as an {@link UnknownObject} instead
   * of being refused. Called with every such name.
   */
  readonly onUnknown?: (name: string) => void;
  /** What the error for a name that is not on the list ends with: the way out. */
  readonly wayOut?: string;
  /** Default `'ascii'`. */
  readonly encoding?: Py2Encoding;
  /** Names the contents in errors; default `'pickle'`. */
  readonly what?: string;
}
