import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { pyPow } from '../tensor/python-float.js';
import { LRScheduler } from './lr-scheduler.js';
import type { Optimizer } from './optimizer.js';
import { numberOf, times, type Rate } from './rates.js';

/** Options of {@link PolynomialLR}. */
export interface PolynomialLROptions {
  /** Epochs until the learning rate is 0; default 5. */
  readonly totalIters?: number;
  /** Default 1, a straight line. */
  readonly power?: number;
  readonly lastEpoch?: number;
}

const OPTIONS: OptionNames<PolynomialLROptions> = { totalIters: false, power: false, lastEpoch: false };

/**
 * Lets the learning rate fall to 0 by a power of the epochs that are left.
 * @see torch.optim.lr_scheduler.PolynomialLR
 */
export class PolynomialLR extends LRScheduler {
  totalIters: number;
  power: number;

  constructor(optimizer: Optimizer, options: PolynomialLROptions = {}) {
    checkOptionBag('PolynomialLR', options, OPTIONS);
    super(optimizer, options.lastEpoch);
    this.totalIters = options.totalIters ?? 5;
    this.power = options.power ?? 1;
    this.begin();
  }

  protected getLr(): Rate[] {
    const { totalIters, lastEpoch } = this;
    const rates = this.currentLr();
    if (this.isInitial || lastEpoch > totalIters) return rates;
    const left = 1 - lastEpoch / totalIters;
    const factor = pyPow(left / (1 - (lastEpoch - 1) / totalIters), this.power);
    return rates.map((rate) => times(rate, factor));
  }

  protected override getClosedFormLr(): Rate[] {
    const left = 1 - Math.min(this.totalIters, this.lastEpoch) / this.totalIters;
    return this.baseLrs.map((rate) => times(rate, pyPow(left, this.power)));
  }

  protected saveOptions(): Record<string, unknown> {
    return { total_iters: this.totalIters, power: this.power };
  }

  protected loadOptions(state: ReadonlyMap<string, unknown>): void {
    this.totalIters = numberOf(state, 'total_iters', this.totalIters);
    this.power = numberOf(state, 'power', this.power);
  }
}
