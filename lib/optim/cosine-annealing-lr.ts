import { TorchError } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { pyCos } from '../tensor/python-float.js';
import { LRScheduler } from './lr-scheduler.js';
import type { Optimizer } from './optimizer.js';
import { minus, numberOf, over, plus, sum, times, type Rate } from './rates.js';

/** Options of {@link CosineAnnealingLR}. */
export interface CosineAnnealingLROptions {
  /** Epochs from the base rate down to `etaMin`. */
  readonly tMax: number;
  /** The least learning rate; default 0. */
  readonly etaMin?: number;
  readonly lastEpoch?: number;
}

const OPTIONS: OptionNames<CosineAnnealingLROptions> = { tMax: true, etaMin: false, lastEpoch: false };

/**
 * Lets the learning rate fall along half a cosine in `tMax` epochs, and rise again in the next.
 * @see torch.optim.lr_scheduler.CosineAnnealingLR
 */
export class CosineAnnealingLR extends LRScheduler {
  tMax: number;
  etaMin: number;

  constructor(optimizer: Optimizer, options: CosineAnnealingLROptions) {
    checkOptionBag('CosineAnnealingLR', options, OPTIONS);
    if (!(options.tMax > 0)) throw new TorchError('value', `expected tMax to be positive, but got ${options.tMax}`);
    super(optimizer, options.lastEpoch);
    this.tMax = options.tMax;
    this.etaMin = options.etaMin ?? 0;
    this.begin();
  }

  // The order of the operations is PyTorch's: another one would give other last bits.
  protected getLr(): Rate[] {
    const { tMax, etaMin, lastEpoch } = this;
    const rates = this.currentLr();
    if (this.isInitial) return rates;
    if (this.stepCount === 1 && lastEpoch > 0) return this.getClosedFormLr();
    const period = 2 * tMax;
    const phase = (lastEpoch - 1 - tMax) % period;
    if (phase === 0) {
      const rise = 1 - pyCos(Math.PI / tMax);
      return rates.map((rate, index) => sum(rate, over(times(minus(this.baseLrs[index]!, etaMin), rise), 2)));
    }
    const now = 1 + pyCos((Math.PI * lastEpoch) / tMax);
    const before = 1 + pyCos((Math.PI * (lastEpoch - 1)) / tMax);
    return rates.map((rate) => plus(times(minus(rate, etaMin), now / before), etaMin));
  }

  protected override getClosedFormLr(): Rate[] {
    const height = 1 + pyCos((Math.PI * this.lastEpoch) / this.tMax);
    return this.baseLrs.map((base) => plus(over(times(minus(base, this.etaMin), height), 2), this.etaMin));
  }

  protected saveOptions(): Record<string, unknown> {
    return { T_max: this.tMax, eta_min: this.etaMin };
  }

  protected loadOptions(state: ReadonlyMap<string, unknown>): void {
    this.tMax = numberOf(state, 'T_max', this.tMax);
    this.etaMin = numberOf(state, 'eta_min', this.etaMin);
  }
}
