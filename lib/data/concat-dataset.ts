import { ops, type Tensor } from '../tensor/index.js';
import type { Dataset } from './dataset.js';

/**
 * Several data sets one after the other, of samples of one shape.
 * @see torch.utils.data.ConcatDataset
 */
export class ConcatDataset implements Dataset {
  readonly datasets: readonly Dataset[];
  /** Index behind the last sample of each. */
  readonly cumulativeSizes: readonly number[];

  /** @throws RangeError for an empty list. */
  constructor(datasets: Iterable<Dataset>) {
    this.datasets = [...datasets];
    if (this.datasets.length === 0) throw new RangeError('datasets should not be an empty iterable');
    let sum = 0;
    this.cumulativeSizes = this.datasets.map(({ length }) => (sum += length));
  }

  get length(): number {
    return this.cumulativeSizes.at(-1) ?? 0;
  }

  /** Neighbours that lie in one data set are asked for together: the random draws keep their order. */
  batch(indices: readonly number[]): [Tensor, Tensor] {
    const runs: { dataset: Dataset; places: number[] }[] = [];
    for (const index of indices) {
      const [dataset, place] = this.#find(index);
      const last = runs.at(-1);
      if (last?.dataset === dataset) last.places.push(place);
      else runs.push({ dataset, places: [place] });
    }
    if (runs.length === 0) throw new RangeError('Expected at least one index for a batch');
    const batches = runs.map(({ dataset, places }) => dataset.batch(places));
    const [first] = batches;
    if (batches.length === 1 && first !== undefined) return first;
    const whole: [Tensor, Tensor] = [ops.cat(batches.map(([x]) => x)), ops.cat(batches.map(([, y]) => y))];
    for (const part of batches.flat()) part.dispose();
    return whole;
  }

  #find(index: number): [Dataset, number] {
    const at = this.cumulativeSizes.findIndex((end) => index < end);
    const dataset = this.datasets[at];
    if (!Number.isInteger(index) || index < 0 || dataset === undefined) {
      throw new RangeError(`Expected an index from 0 to ${this.length - 1} but received ${index}`);
    }
    return [dataset, index - (this.cumulativeSizes[at - 1] ?? 0)];
  }
}
