import { TorchError, type Tensor } from '../tensor/index.js';
import { checkOptionBag } from '../tensor/option-bag.js';
import {
  BCE_LOGITS_OPTIONS,
  BCE_OPTIONS,
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  GAUSSIAN_OPTIONS,
  gaussianNllLoss,
  HUBER_OPTIONS,
  huberLoss,
  KL_DIV_OPTIONS,
  klDiv,
  SMOOTH_L1_OPTIONS,
  smoothL1Loss,
  type BCEOptions,
  type BCEWithLogitsOptions,
  type GaussianNLLOptions,
  type HuberOptions,
  type KLDivOptions,
  type SmoothL1Options,
} from './element-losses-functional.js';
import type { Reduction } from './losses-functional.js';
import { Module } from './module.js';
import { pyClass } from './python-text.js';

/**
 * Cross entropy of probabilities. A weight is a buffer.
 * @see torch.nn.BCELoss
 */
export class BCELoss extends Module {
  declare readonly weight: Tensor | null;
  readonly reduction: Reduction;

  constructor(options: BCEOptions = {}) {
    checkOptionBag('BCELoss', options, BCE_OPTIONS);
    super();
    this.registerBuffer('weight', options.weight ?? null);
    this.reduction = options.reduction ?? 'mean';
  }

  /** @param input any shape, from 0 to 1. @param target the same shape, from 0 to 1. */
  forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropy(input, target, { weight: this.weight, reduction: this.reduction });
  }
}

/**
 * Cross entropy of the sigmoid of logits, more exact than both one after the other. Weights are buffers.
 * @see torch.nn.BCEWithLogitsLoss
 */
export class BCEWithLogitsLoss extends Module {
  declare readonly weight: Tensor | null;
  // The buffer carries PyTorch's own name, which is its key in a state dict.
  declare readonly pos_weight: Tensor | null;
  readonly reduction: Reduction;

  constructor(options: BCEWithLogitsOptions = {}) {
    checkOptionBag('BCEWithLogitsLoss', options, BCE_LOGITS_OPTIONS);
    super();
    this.registerBuffer('weight', options.weight ?? null);
    this.registerBuffer('pos_weight', options.posWeight ?? null);
    this.reduction = options.reduction ?? 'mean';
  }

  /** @param input any shape. @param target the same shape, from 0 to 1. */
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, pos_weight: posWeight, reduction } = this;
    return binaryCrossEntropyWithLogits(input, target, { weight, posWeight, reduction });
  }
}

/**
 * Squares of small differences, absolute values of large ones, divided by `beta` where they are small.
 * @see torch.nn.SmoothL1Loss
 */
export class SmoothL1Loss extends Module {
  readonly reduction: Reduction;
  readonly beta: number;

  constructor(options: SmoothL1Options = {}) {
    checkOptionBag('SmoothL1Loss', options, SMOOTH_L1_OPTIONS);
    super();
    this.reduction = options.reduction ?? 'mean';
    this.beta = options.beta ?? 1;
  }

  /** @param input any shape. @param target the same shape. */
  forward(input: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(input, target, { reduction: this.reduction, beta: this.beta });
  }
}

/**
 * Squares of small differences, absolute values of large ones, multiplied by `delta` where they are large.
 * @throws TorchError `type` in PyTorch's words for a `delta` that is no number.
 * @see torch.nn.HuberLoss
 */
export class HuberLoss extends Module {
  readonly reduction: Reduction;
  readonly delta: number;

  constructor(options: HuberOptions = {}) {
    checkOptionBag('HuberLoss', options, HUBER_OPTIONS);
    super();
    // As JavaScript callers may give it.
    const delta: unknown = options.delta ?? 1;
    if (typeof delta !== 'number') {
      throw new TorchError('type', `delta must be a float or int, got: ${pyClass(delta)}`);
    }
    this.reduction = options.reduction ?? 'mean';
    this.delta = delta;
  }

  /** @param input any shape. @param target the same shape. */
  forward(input: Tensor, target: Tensor): Tensor {
    return huberLoss(input, target, { reduction: this.reduction, delta: this.delta });
  }
}

/**
 * Kullback-Leibler divergence of the target from the input.
 * @see torch.nn.KLDivLoss
 */
export class KLDivLoss extends Module {
  readonly reduction: Reduction | 'batchmean';
  readonly logTarget: boolean;

  constructor(options: KLDivOptions = {}) {
    checkOptionBag('KLDivLoss', options, KL_DIV_OPTIONS);
    super();
    this.reduction = options.reduction ?? 'mean';
    this.logTarget = options.logTarget ?? false;
  }

  /** @param input `[N, ...]`, logarithms of probabilities. @param target the same shape, probabilities or, with `logTarget`, logarithms. */
  forward(input: Tensor, target: Tensor): Tensor {
    return klDiv(input, target, { reduction: this.reduction, logTarget: this.logTarget });
  }
}

/**
 * Negative log likelihood of normal distributions.
 * @see torch.nn.GaussianNLLLoss
 */
export class GaussianNLLLoss extends Module {
  readonly full: boolean;
  readonly eps: number;
  readonly reduction: Reduction;

  constructor(options: GaussianNLLOptions = {}) {
    checkOptionBag('GaussianNLLLoss', options, GAUSSIAN_OPTIONS);
    super();
    this.full = options.full ?? false;
    this.eps = options.eps ?? 1e-6;
    this.reduction = options.reduction ?? 'mean';
  }

  /** @param input the means. @param target the same shape. @param variance the same shape, or a number. */
  forward(input: Tensor, target: Tensor, variance: Tensor | number): Tensor {
    const { full, eps, reduction } = this;
    return gaussianNllLoss(input, target, variance, { full, eps, reduction });
  }
}
