import { TorchError, type Tensor } from '../tensor/index.js';
import { ChannelNorm, type ChannelNormOptions } from './channel-norm.js';
import { batchNorm } from './norm-functional.js';

/** Options of {@link BatchNorm1d}, {@link BatchNorm2d} and {@link BatchNorm3d}; `affine` and `trackRunningStats` are true by default. */
export type BatchNormOptions = ChannelNormOptions;

/** Batch normalisation; subclasses say which shapes they take. */
export abstract class BatchNorm extends ChannelNorm {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, options, true);
  }

  /** @throws TorchError `value` in PyTorch's words for a number of dimensions that the layer does not take. */
  protected abstract checkInput(x: Tensor): void;

  /**
   * @param x `[N, C, ...]`.
   * @throws TorchError `value` for another number of dimensions, or for one value per channel while training.
   */
  forward(x: Tensor): Tensor {
    this.checkInput(x);
    const { weight, bias, eps } = this;
    const { mean, variance, momentum, training } = batchSettings(this);
    return batchNorm(x, mean, variance, { weight, bias, eps, momentum, training });
  }
}

/**
 * @internal What a call of the layer uses: the running statistics, if any, the weight of the batch in them, and whether the
 * statistics are the batch's own. Counts the batch.
 */
export function batchSettings(norm: BatchNorm): {
  readonly mean: Tensor | null;
  readonly variance: Tensor | null;
  readonly momentum: number;
  readonly training: boolean;
} {
  const { training, running_mean: mean, running_var: variance } = norm;
  const tracked = !training || norm.trackRunningStats;
  return {
    mean: tracked ? mean : null,
    variance: tracked ? variance : null,
    momentum: countBatch(norm),
    training: training || (mean === null && variance === null),
  };
}

/** Counts a batch of training. @returns its weight in the running statistics. */
function countBatch({ training, trackRunningStats, momentum, num_batches_tracked: batches }: BatchNorm): number {
  if (!training || !trackRunningStats || batches === null) return momentum ?? 0;
  batches.add_(1);
  return momentum ?? 1 / batches.item();
}

/**
 * Batch normalisation of `[N, C]` or `[N, C, L]`.
 * @see torch.nn.BatchNorm1d
 */
export class BatchNorm1d extends BatchNorm {
  protected override checkInput({ ndim }: Tensor): void {
    if (ndim !== 2 && ndim !== 3) throw new TorchError('value', `expected 2D or 3D input (got ${ndim}D input)`);
  }
}

/**
 * Batch normalisation of `[N, C, H, W]`.
 * @see torch.nn.BatchNorm2d
 */
export class BatchNorm2d extends BatchNorm {
  protected override checkInput({ ndim }: Tensor): void {
    if (ndim !== 4) throw new TorchError('value', `expected 4D input (got ${ndim}D input)`);
  }
}

/**
 * Batch normalisation of `[N, C, D, H, W]`.
 * @see torch.nn.BatchNorm3d
 */
export class BatchNorm3d extends BatchNorm {
  protected override checkInput({ ndim }: Tensor): void {
    if (ndim !== 5) throw new TorchError('value', `expected 5D input (got ${ndim}D input)`);
  }
}
