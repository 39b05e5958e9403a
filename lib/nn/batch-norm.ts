import { ones, tensor, TorchError, zeros, type DType, type Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { batchNorm } from './functional.js';
import { ones_, zeros_ } from './init/index.js';
import { Module } from './module.js';
import { newParameter, type Parameter } from './parameter.js';
import { pyValue } from './python-text.js';

/** Options of {@link BatchNorm1d} and {@link BatchNorm2d}. */
export interface BatchNormOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Weight of a batch in the running statistics, null for the mean of all batches; default 0.1. */
  readonly momentum?: number | null;
  /** Whether there are weight and bias to learn; default true. */
  readonly affine?: boolean;
  /** Whether to learn a bias besides the weight; default true. */
  readonly bias?: boolean;
  /** Whether running statistics are kept and used in evaluation; default true. */
  readonly trackRunningStats?: boolean;
  readonly dtype?: DType;
  readonly device?: string;
}

const OPTIONS: OptionNames<BatchNormOptions> = {
  eps: false,
  momentum: false,
  affine: false,
  bias: false,
  trackRunningStats: false,
  dtype: false,
  device: false,
};

/** Batch normalisation; subclasses say which shapes they take. */
export abstract class BatchNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
  declare readonly weight: Parameter | null;
  declare readonly bias: Parameter | null;
  // The buffers carry PyTorch's own names, which are their keys in a state dict.
  declare readonly running_mean: Tensor | null;
  declare readonly running_var: Tensor | null;
  declare readonly num_batches_tracked: Tensor | null;

  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    checkOptionBag(new.target.name, options, OPTIONS);
    super();
    const { affine = true, trackRunningStats = true, momentum = 0.1, dtype, device } = options;
    this.numFeatures = numFeatures;
    this.eps = options.eps ?? 1e-5;
    this.momentum = momentum;
    this.affine = affine;
    this.trackRunningStats = trackRunningStats;
    const at = device === undefined ? {} : { device };
    const place = dtype === undefined ? at : { ...at, dtype };
    this.registerParameter('weight', affine ? newParameter([numFeatures], place) : null);
    this.registerParameter('bias', affine && (options.bias ?? true) ? newParameter([numFeatures], place) : null);
    this.registerBuffer('running_mean', trackRunningStats ? zeros([numFeatures], place) : null);
    this.registerBuffer('running_var', trackRunningStats ? ones([numFeatures], place) : null);
    this.registerBuffer('num_batches_tracked', trackRunningStats ? tensor(0n, at) : null);
    this.resetParameters();
  }

  /** Forgets all batches. */
  resetRunningStats(): void {
    if (this.running_mean !== null) zeros_(this.running_mean);
    if (this.running_var !== null) ones_(this.running_var);
    if (this.num_batches_tracked !== null) zeros_(this.num_batches_tracked);
  }

  /** Sets weight to 1, bias to 0, and forgets all batches. */
  resetParameters(): void {
    this.resetRunningStats();
    if (this.weight !== null) ones_(this.weight);
    if (this.bias !== null) zeros_(this.bias);
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

  override stateVersion(): number {
    return 2;
  }

  /** Version 1 did not count batches. */
  override upgradeState(entries: Map<string, unknown>, prefix: string, version: number | null): void {
    if ((version !== null && version >= 2) || !this.trackRunningStats) return;
    const key = `${prefix}num_batches_tracked`;
    if (!entries.has(key)) entries.set(key, this.num_batches_tracked ?? tensor(0n));
  }

  override extraRepr(): string {
    return (
      `${this.numFeatures}, eps=${pyValue(this.eps)}, momentum=${pyValue(this.momentum)}, ` +
      `affine=${pyValue(this.affine)}, bias=${pyValue(this.bias !== null)}, ` +
      `track_running_stats=${pyValue(this.trackRunningStats)}`
    );
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
