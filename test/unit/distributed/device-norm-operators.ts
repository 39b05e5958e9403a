import type { SyncedNormOperators } from '../../../lib/distributed/device-batch-norm.js';
import { type DType, ops, ones, type Tensor } from '../../../lib/index.js';

/*
 * Stand-ins on the CPU for libtorch's five operators of a synchronised batch norm, which have kernels on accelerators only. The same
 * arithmetic in the same order as test/parity/distributed/sync_norm.py has, and as strict about what they are given as the kernels.
 */

const others = (x: Tensor): number[] => x.shape.map((_, dim) => dim).filter((dim) => dim !== 1);
const across = (x: Tensor, values: Tensor): Tensor => values.view(x.shape.map((_, dim) => (dim === 1 ? -1 : 1)));
const wide = (x: Tensor): Tensor => (x.dtype === 'float64' ? x : x.to('float32'));

function check(
  x: Tensor,
  stats: readonly Tensor[],
  dtype: DType = x.dtype === 'float64' ? 'float64' : 'float32',
): void {
  if (!['contiguous_format', 'channels_last', 'channels_last_3d'].some((each) => x.isContiguous(each as never))) {
    throw new Error(`the kernels do not know the strides ${x.stride().join(', ')}`);
  }
  for (const each of stats) if (each.dtype !== dtype) throw new Error(`statistics in ${each.dtype} for ${x.dtype}`);
}

/** How often each was called. */
export const calls = { stats: 0, gather: 0, elemt: 0, reduce: 0, backward: 0 };

export const standIns: SyncedNormOperators = {
  batchNormStats(x, eps) {
    calls.stats++;
    check(x, []);
    const [variance, mean] = ops.varMean(wide(x), others(x), { correction: 0 });
    return [mean, variance.add(eps).rsqrt()];
  },
  batchNormGatherStatsWithCounts(x, means, invstds, runningMean, runningVar, momentum, eps, counts) {
    calls.gather++;
    check(x, [means, invstds]);
    if (runningMean !== null && counts.dtype !== runningMean.dtype) throw new Error('counts are not as running_mean');
    let [mean, squares, n] = [means.get(0).mul(0), means.get(0).mul(0), counts.get(0).mul(0)];
    for (let row = 0; row < means.shape[0]!; row++) {
      const count = counts.get(row);
      const root = ones([1]).to(means.dtype).div(invstds.get(row));
      const own = root.mul(root).sub(eps).mul(count);
      const total = n.add(count);
      const delta = means.get(row).sub(mean);
      squares = squares.add(own).add(delta.mul(delta).mul(n).mul(count).div(total));
      mean = mean.add(delta.mul(count).div(total));
      n = total;
    }
    runningMean?.mul_(1 - momentum).add_(mean, { alpha: momentum });
    runningVar?.mul_(1 - momentum).add_(squares.div(n.sub(1)), { alpha: momentum });
    return [mean, squares.div(n).add(eps).rsqrt()];
  },
  batchNormElemt(x, weight, bias, mean, invstd) {
    calls.elemt++;
    check(x, [mean, invstd]);
    let y = wide(x).sub(across(x, mean)).mul(across(x, invstd));
    if (weight !== null) y = y.mul(across(x, weight));
    if (bias !== null) y = y.add(across(x, bias));
    return y.to(x.dtype);
  },
  batchNormBackwardReduce(dy, x, mean, invstd, weight, _byInput, byWeight, byBias) {
    calls.reduce++;
    check(x, [mean, invstd]);
    check(dy, []);
    const centred = wide(x).sub(across(x, mean));
    const sumDy = wide(dy).sum(others(x));
    const sumDyXmu = wide(dy).mul(centred).sum(others(x));
    const { dtype } = weight ?? mean;
    const none = sumDy.narrow(0, 0, 0);
    return [
      sumDy,
      sumDyXmu,
      byWeight ? sumDyXmu.mul(invstd).to(dtype) : none,
      byBias ? sumDy.to(dtype) : none.to(dtype),
    ];
  },
  batchNormBackwardElemt(dy, x, mean, invstd, weight, sumDy, sumDyXmu, counts) {
    calls.backward++;
    check(x, [mean, invstd, sumDy, sumDyXmu, ...(weight === null ? [] : [weight])]);
    check(dy, []);
    if (counts.dtype !== 'int32') throw new Error('counts are not int32');
    const norm = ones([1]).to(mean.dtype).div(counts.sum().to(mean.dtype));
    const slope = sumDyXmu.mul(invstd).mul(invstd).mul(norm);
    const scale = weight === null ? invstd : invstd.mul(weight);
    return wide(dy)
      .sub(across(x, sumDy.mul(norm)))
      .sub(wide(x).sub(across(x, mean)).mul(across(x, slope)))
      .mul(across(x, scale))
      .to(x.dtype);
  },
};
