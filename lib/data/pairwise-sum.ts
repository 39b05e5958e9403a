/**
 * The sum of numbers with the bits of numpy: halves of halves, and eight sums side by side in what is short.
 * @see numpy.sum
 */
export function pairwiseSum(values: Float64Array): number {
  const { length } = values;
  if (length < 8) return values.reduce((sum, value) => sum + value, 0);
  if (length > 128) {
    const half = Math.floor(length / 2);
    const first = half - (half % 8);
    return pairwiseSum(values.subarray(0, first)) + pairwiseSum(values.subarray(first));
  }
  const sums = values.slice(0, 8);
  const end = length - (length % 8);
  for (let i = 8; i < end; i++) sums[i % 8]! += values[i]!;
  const [a, b, c, d, e, f, g, h] = sums as unknown as [number, number, number, number, number, number, number, number];
  let sum = a + b + (c + d) + (e + f + (g + h));
  for (let i = end; i < length; i++) sum += values[i]!;
  return sum;
}
