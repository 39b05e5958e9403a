import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { pyPow } from '../tensor/python-float.js';
import { LRScheduler } from './lr-scheduler.js';
import type { Optimizer } from './optimizer.js';
import { numberOf, times, type Rate } from './rates.js';

/** Options of {@link ExponentialLR}. */
export interface ExponentialLROptions {
  /** The factor of each epoch. */
  readonly gamma: number;
  readonly lastEpoch?: number;
}

const OPTIONS: OptionNames<ExponentialLROptions> = { gamma: true, lastEpoch: false };

/**
 * Multiplies the learning rate by `gamma` after every epoch.
 * @see torch.optim.lr_scheduler.ExponentialLR
 */
export class ExponentialLR extends LRScheduler {
  gamma: number;

  constructor(optimizer: Optimizer, options: ExponentialLROptions) {
    checkOptionBag('ExponentialLR', options, OPTIONS);
    super(optimizer, options.lastEpoch);
    this.gamma = options.gamma;
    this.begin();
  }

  protected getLr(): Rate[] {
    const rates = this.currentLr();
    // A resumed optimizer has its learning rate already.
    return this.isInitial ? rates : rates.map((rate) => times(rate, this.gamma));
  }

  protected override getClosedFormLr(): Rate[] {
    return this.baseLrs.map((rate) => times(rate, pyPow(this.gamma, this.lastEpoch)));
  }

  protected saveOptions(): Record<string, unknown> {
    return { gamma: this.gamma };
  }

  protected loadOptions(state: ReadonlyMap<string, unknown>): void {
    this.gamma = numberOf(state, 'gamma', this.gamma);
  }
}
