import { Tensor } from '../tensor/index.js';

/** Something a {@link DataLoader} takes batches from. */
export interface Dataset {
  /** Number of samples. */
  readonly length: number;
  /**
   * The samples of these indices, in this order, and with this order of random draws.
   * @returns inputs `[N, ...]` and targets `[N]` (int64) or `[N, ...]`, owned by the current scope.
   */
  batch(indices: readonly number[]): [Tensor, Tensor];
}

/**
 * Some of the samples of a data set.
 * @see torch.utils.data.Subset
 */
export class Subset<D extends Dataset = Dataset> implements Dataset {
  readonly indices: readonly number[];

  /** @param indices samples of `dataset`, in the order they shall have; an int64 tensor is copied. */
  constructor(
    readonly dataset: D,
    indices: readonly number[] | Tensor,
  ) {
    this.indices =
      indices instanceof Tensor ? Array.from(indices.toTypedArray() as BigInt64Array, Number) : [...indices];
    const bad = this.indices.find((index) => !Number.isInteger(index) || index < 0 || index >= dataset.length);
    if (bad !== undefined) {
      throw new RangeError(`Expected indices from 0 to ${dataset.length - 1} for a Subset but received ${bad}`);
    }
  }

  get length(): number {
    return this.indices.length;
  }

  batch(indices: readonly number[]): [Tensor, Tensor] {
    return this.dataset.batch(indices.map((index) => this.#at(index)));
  }

  #at(index: number): number {
    const inner = this.indices[index];
    if (inner === undefined)
      throw new RangeError(`Expected an index from 0 to ${this.length - 1} but received ${index}`);
    return inner;
  }
}
