/**
 * The alpha and beta, neither below 0, whose `steps · alpha + volume · beta` is nearest to the times, by the squares of the relative errors.
 * @param points `{ steps, volume, seconds }`
 */
export function fit(points) {
  let [aa, ab, bb, at, bt] = [0, 0, 0, 0, 0];
  for (const { steps, volume, seconds } of points) {
    const [a, b] = [steps / seconds, volume / seconds];
    aa += a * a;
    ab += a * b;
    bb += b * b;
    at += a;
    bt += b;
  }
  const determinant = aa * bb - ab * ab;
  const [alpha, beta] = [(at * bb - bt * ab) / determinant, (bt * aa - at * ab) / determinant];
  // Noise may hide one of them where sizes differ little; time does not run backwards.
  if (alpha < 0) return { alpha: 0, beta: bt / bb };
  return beta < 0 ? { alpha: at / aa, beta: 0 } : { alpha, beta };
}

/** Steps and volume of the collectives, for {@link fit} and for what follows from it. */
export const FORMS = {
  /** A ring, as Gloo's and NCCL's for large tensors. */
  allReduce: (bytes, ranks) => ({ steps: 2 * (ranks - 1), volume: ((2 * (ranks - 1)) / ranks) * bytes }),
  /** A tree, as Gloo's. */
  broadcast: (bytes, ranks) => {
    const levels = Math.ceil(Math.log2(ranks));
    return { steps: levels, volume: levels * bytes };
  },
};

/** Seconds of a collective by constants that were fitted. */
export function secondsOf(kind, bytes, ranks, { alpha, beta }) {
  const { steps, volume } = FORMS[kind](bytes, ranks);
  return steps * alpha + volume * beta;
}
