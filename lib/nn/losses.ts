import type { Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import {
  CROSS_ENTROPY_OPTIONS,
  crossEntropy,
  l1Loss,
  mseLoss,
  NLL_OPTIONS,
  nllLoss,
  type CrossEntropyOptions,
  type NLLLossOptions,
  type Reduction,
} from './losses-functional.js';
import { Module } from './module.js';

/**
 * Cross entropy of logits `[N, C]`, `[C]` or `[N, C, ...]` against classes or probabilities. A weight is a buffer.
 * @see torch.nn.CrossEntropyLoss
 */
export class CrossEntropyLoss extends Module {
  declare readonly weight: Tensor | null;
  readonly ignoreIndex: number;
  readonly reduction: Reduction;
  readonly labelSmoothing: number;

  constructor(options: CrossEntropyOptions = {}) {
    checkOptionBag('CrossEntropyLoss', options, CROSS_ENTROPY_OPTIONS);
    super();
    this.registerBuffer('weight', options.weight ?? null);
    this.ignoreIndex = options.ignoreIndex ?? -100;
    this.reduction = options.reduction ?? 'mean';
    this.labelSmoothing = options.labelSmoothing ?? 0;
  }

  /**
   * @param logits `[N, C]`, `[C]` or `[N, C, ...]`.
   * @param target `[N]`, `[]` or `[N, ...]` int64 classes, or probabilities of the shape of `logits`.
   */
  forward(logits: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction, labelSmoothing } = this;
    return crossEntropy(logits, target, { weight, ignoreIndex, reduction, labelSmoothing });
  }
}

/**
 * Negative log likelihood of the right class. A weight is a buffer.
 * @see torch.nn.NLLLoss
 */
export class NLLLoss extends Module {
  declare readonly weight: Tensor | null;
  readonly ignoreIndex: number;
  readonly reduction: Reduction;

  constructor(options: NLLLossOptions = {}) {
    checkOptionBag('NLLLoss', options, NLL_OPTIONS);
    super();
    this.registerBuffer('weight', options.weight ?? null);
    this.ignoreIndex = options.ignoreIndex ?? -100;
    this.reduction = options.reduction ?? 'mean';
  }

  /**
   * @param logProbabilities `[N, C]`, `[C]` or `[N, C, ...]`, as LogSoftmax gives them.
   * @param target `[N]`, `[]` or `[N, ...]` int64 classes.
   */
  forward(logProbabilities: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction } = this;
    return nllLoss(logProbabilities, target, { weight, ignoreIndex, reduction });
  }
}

/** Options of {@link MSELoss} and {@link L1Loss}. */
export interface ReductionOptions {
  /** Default `mean`. */
  readonly reduction?: Reduction;
}

const REDUCTION_OPTIONS: OptionNames<ReductionOptions> = { reduction: false };

/**
 * The mean of the squared differences.
 * @see torch.nn.MSELoss
 */
export class MSELoss extends Module {
  readonly reduction: Reduction;

  constructor(options: ReductionOptions = {}) {
    checkOptionBag('MSELoss', options, REDUCTION_OPTIONS);
    super();
    this.reduction = options.reduction ?? 'mean';
  }

  /** @param input any shape. @param target the same shape. */
  forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, { reduction: this.reduction });
  }
}

/**
 * The mean of the absolute differences.
 * @see torch.nn.L1Loss
 */
export class L1Loss extends Module {
  readonly reduction: Reduction;

  constructor(options: ReductionOptions = {}) {
    checkOptionBag('L1Loss', options, REDUCTION_OPTIONS);
    super();
    this.reduction = options.reduction ?? 'mean';
  }

  /** @param input any shape. @param target the same shape. */
  forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, { reduction: this.reduction });
  }
}
