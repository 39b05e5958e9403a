import { ones, tensor, zeros, type DType, type Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { ones_, zeros_ } from './init/index.js';
import { Module } from './module.js';
import { newParameter, type Parameter } from './parameter.js';
import { pyValue } from './python-text.js';

/** Options of the batch and instance normalisations. */
export interface ChannelNormOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Weight of a batch in the running statistics, null for the mean of all batches; default 0.1. */
  readonly momentum?: number | null;
  /** Whether there are weight and bias to learn. */
  readonly affine?: boolean;
  /** Whether to learn a bias besides the weight; default true. */
  readonly bias?: boolean;
  /** Whether running statistics are kept and used in evaluation. */
  readonly trackRunningStats?: boolean;
  readonly dtype?: DType;
  readonly device?: string;
}

const OPTIONS: OptionNames<ChannelNormOptions> = {
  eps: false,
  momentum: false,
  affine: false,
  bias: false,
  trackRunningStats: false,
  dtype: false,
  device: false,
};

/** What the normalisations that may keep running statistics have in common: parameters, buffers, print. */
export abstract class ChannelNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
  declare readonly weight: Parameter | null;
  declare readonly bias: Parameter | null;
  // The buffers carry PyTorch's own names, which are their keys in a state dict.
  declare readonly running_mean: Tensor | null;
  declare readonly running_var: Tensor | null;
  declare readonly num_batches_tracked: Tensor | null;

  /** @param byDefault whether a layer of this kind has parameters and running statistics where the options do not tell. */
  constructor(numFeatures: number, options: ChannelNormOptions, byDefault: boolean) {
    checkOptionBag(new.target.name, options, OPTIONS);
    super();
    const { affine = byDefault, trackRunningStats = byDefault, momentum = 0.1, dtype, device } = options;
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

  override stateVersion(): number {
    return 2;
  }

  /** Version 1 did not count batches. */
  override upgradeState(
    entries: Map<string, unknown>,
    prefix: string,
    version: number | null,
    _errors: string[],
  ): void {
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
