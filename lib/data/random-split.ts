import type { Generator } from '../tensor/index.js';
import { Subset, type Dataset } from './dataset.js';
import { permutation } from './sampler.js';

/**
 * Cuts a data set into parts that share no sample, in the order of one random permutation.
 * @param lengths samples of each part; or fractions that sum up to 1, of which each is rounded down and the first get what is left.
 * @param options.generator what the permutation is drawn from; default torch's own.
 * @throws RangeError in PyTorch's words.
 * @see torch.utils.data.random_split
 */
export function randomSplit<D extends Dataset>(
  dataset: D,
  lengths: readonly number[],
  options: { readonly generator?: Generator | null } = {},
): Subset<D>[] {
  const sizes = sizesOf(lengths, dataset.length);
  if (sum(sizes) !== dataset.length || sizes.some((size) => !Number.isInteger(size) || size < 0)) {
    throw new RangeError('Sum of input lengths does not equal the length of the input dataset!');
  }
  const order = permutation(dataset.length, options.generator ?? null);
  let end = 0;
  return sizes.map((size) => new Subset(dataset, order.slice(end, (end += size))));
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

function sizesOf(lengths: readonly number[], count: number): number[] {
  const total = sum(lengths);
  if (!(Math.abs(total - 1) <= 1e-9 * Math.max(Math.abs(total), 1) && total <= 1)) return [...lengths];
  const sizes = lengths.map((fraction, i) => {
    if (fraction < 0 || fraction > 1) throw new RangeError(`Fraction at index ${i} is not between 0 and 1`);
    return Math.floor(count * fraction);
  });
  const rest = count - sum(sizes);
  for (let i = 0; i < rest; i++) sizes[i % sizes.length]!++;
  return sizes;
}
