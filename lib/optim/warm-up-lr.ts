import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { LRScheduler } from './lr-scheduler.js';
import type { Optimizer } from './optimizer.js';
import { numberOf, times, type Rate } from './rates.js';
import { refuse } from './step-options.js';

/** Options of {@link ConstantLR}. */
export interface ConstantLROptions {
  /** What the learning rate is multiplied by at first, from 0 to 1; default a third. */
  readonly factor?: number;
  /** Epochs until it has its full size; default 5. */
  readonly totalIters?: number;
  readonly lastEpoch?: number;
}

const CONSTANT_OPTIONS: OptionNames<ConstantLROptions> = { factor: false, totalIters: false, lastEpoch: false };

/**
 * Holds the learning rate down by a constant factor until a number of epochs has passed.
 * @see torch.optim.lr_scheduler.ConstantLR
 */
export class ConstantLR extends LRScheduler {
  factor: number;
  totalIters: number;

  /** @throws TorchError `value` in PyTorch's words for a factor that cannot be. */
  constructor(optimizer: Optimizer, options: ConstantLROptions = {}) {
    checkOptionBag('ConstantLR', options, CONSTANT_OPTIONS);
    const { factor = 1 / 3 } = options;
    if (factor > 1 || factor < 0) refuse('Constant multiplicative factor expected to be between 0 and 1.');
    super(optimizer, options.lastEpoch);
    this.factor = factor;
    this.totalIters = options.totalIters ?? 5;
    this.begin();
  }

  protected getLr(): Rate[] {
    const rates = this.currentLr();
    if (this.lastEpoch === 0) return rates.map((rate) => times(rate, this.factor));
    if (this.lastEpoch !== this.totalIters) return rates;
    return rates.map((rate) => times(rate, 1 / this.factor));
  }

  protected override getClosedFormLr(): Rate[] {
    const passed = this.lastEpoch >= this.totalIters ? 1 : 0;
    const factor = this.factor + passed * (1 - this.factor);
    return this.baseLrs.map((rate) => times(rate, factor));
  }

  protected saveOptions(): Record<string, unknown> {
    return { factor: this.factor, total_iters: this.totalIters };
  }

  protected loadOptions(state: ReadonlyMap<string, unknown>): void {
    this.factor = numberOf(state, 'factor', this.factor);
    this.totalIters = numberOf(state, 'total_iters', this.totalIters);
  }
}

/** Options of {@link LinearLR}. */
export interface LinearLROptions {
  /** What the learning rate is multiplied by in the first epoch, above 0 and up to 1; default a third. */
  readonly startFactor?: number;
  /** What it is multiplied by in the end, from 0 to 1; default 1. */
  readonly endFactor?: number;
  /** Epochs from the one to the other; default 5. */
  readonly totalIters?: number;
  readonly lastEpoch?: number;
}

const LINEAR_OPTIONS: OptionNames<LinearLROptions> = {
  startFactor: false,
  endFactor: false,
  totalIters: false,
  lastEpoch: false,
};

/**
 * Changes the factor of the learning rate linearly over a number of epochs: the usual warm-up.
 * @see torch.optim.lr_scheduler.LinearLR
 */
export class LinearLR extends LRScheduler {
  startFactor: number;
  endFactor: number;
  totalIters: number;

  /** @throws TorchError `value` in PyTorch's words for factors that cannot be. */
  constructor(optimizer: Optimizer, options: LinearLROptions = {}) {
    checkOptionBag('LinearLR', options, LINEAR_OPTIONS);
    const { startFactor = 1 / 3, endFactor = 1 } = options;
    if (startFactor > 1 || startFactor <= 0) {
      refuse('Starting multiplicative factor expected to be greater than 0 and less or equal to 1.');
    }
    if (endFactor > 1 || endFactor < 0) refuse('Ending multiplicative factor expected to be between 0 and 1.');
    super(optimizer, options.lastEpoch);
    this.startFactor = startFactor;
    this.endFactor = endFactor;
    this.totalIters = options.totalIters ?? 5;
    this.begin();
  }

  protected getLr(): Rate[] {
    const { startFactor, endFactor, totalIters, lastEpoch } = this;
    const rates = this.currentLr();
    if (lastEpoch === 0) return rates.map((rate) => times(rate, startFactor));
    if (this.isInitial || lastEpoch > totalIters) return rates;
    const rise = endFactor - startFactor;
    const factor = 1 + rise / (totalIters * startFactor + (lastEpoch - 1) * rise);
    return rates.map((rate) => times(rate, factor));
  }

  protected override getClosedFormLr(): Rate[] {
    const { startFactor, endFactor, totalIters, lastEpoch } = this;
    const factor = startFactor + ((endFactor - startFactor) * Math.min(totalIters, lastEpoch)) / totalIters;
    return this.baseLrs.map((rate) => times(rate, factor));
  }

  protected saveOptions(): Record<string, unknown> {
    return { start_factor: this.startFactor, end_factor: this.endFactor, total_iters: this.totalIters };
  }

  protected loadOptions(state: ReadonlyMap<string, unknown>): void {
    this.startFactor = numberOf(state, 'start_factor', this.startFactor);
    this.endFactor = numberOf(state, 'end_factor', this.endFactor);
    this.totalIters = numberOf(state, 'total_iters', this.totalIters);
  }
}
