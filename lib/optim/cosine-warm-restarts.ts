import { pyNumber } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { pyCos, pyPow } from '../tensor/python-float.js';
import { LRScheduler } from './lr-scheduler.js';
import type { Optimizer } from './optimizer.js';
import { minus, numberOf, over, plus, times, type Rate } from './rates.js';
import { refuse } from './step-options.js';

/** Options of {@link CosineAnnealingWarmRestarts}. */
export interface CosineAnnealingWarmRestartsOptions {
  /** Epochs until the first restart. */
  readonly t0: number;
  /** How many times as long the next fall takes after each restart, a whole number; default 1. */
  readonly tMult?: number;
  /** The least learning rate; default 0. */
  readonly etaMin?: number;
  readonly lastEpoch?: number;
}

const OPTIONS: OptionNames<CosineAnnealingWarmRestartsOptions> = {
  t0: true,
  tMult: false,
  etaMin: false,
  lastEpoch: false,
};

/**
 * Lets the learning rate fall along half a cosine, over and over: each time it starts from the base rate again.
 * @see torch.optim.lr_scheduler.CosineAnnealingWarmRestarts
 */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  t0: number;
  tMult: number;
  etaMin: number;
  /** Epochs of the present fall. */
  tI: number;
  /** Epochs since the last restart. */
  tCur: number;

  /** @throws TorchError `value` in PyTorch's words for lengths that are no whole numbers above 0. */
  constructor(optimizer: Optimizer, options: CosineAnnealingWarmRestartsOptions) {
    checkOptionBag('CosineAnnealingWarmRestarts', options, OPTIONS);
    const { t0, tMult = 1, lastEpoch = -1 } = options;
    if (!(t0 > 0 && Number.isInteger(t0))) refuse(`Expected positive integer T_0, but got ${pyNumber(t0)}`);
    if (!(tMult >= 1 && Number.isInteger(tMult))) refuse(`Expected integer T_mult >= 1, but got ${pyNumber(tMult)}`);
    super(optimizer, lastEpoch);
    this.t0 = t0;
    this.tMult = tMult;
    this.etaMin = options.etaMin ?? 0;
    this.tI = t0;
    this.tCur = lastEpoch;
    this.begin();
  }

  protected getLr(): Rate[] {
    const height = 1 + pyCos((Math.PI * this.tCur) / this.tI);
    return this.baseLrs.map((base) => plus(over(times(minus(base, this.etaMin), height), 2), this.etaMin));
  }

  /**
   * To be called after each epoch, or after each batch with the part of the epoch that is done.
   * @param epoch may be a fraction: `epoch + batch / batches`.
   */
  override step(epoch?: number): void {
    const given = epoch ?? (this.lastEpoch < 0 ? 0 : undefined);
    if (given === undefined) {
      this.tCur += 1;
      if (this.tCur >= this.tI) {
        this.tCur %= this.tI;
        this.tI *= this.tMult;
      }
    } else {
      if (!(given >= 0)) refuse(`Expected non-negative epoch, but got ${pyNumber(given)}`);
      this.#place(given);
    }
    this.lastEpoch = Math.floor(given ?? this.lastEpoch + 1);
    this.setRates(() => this.getLr());
  }

  /** The fall that an epoch is in. */
  #place(epoch: number): void {
    const { t0, tMult } = this;
    if (epoch < t0) {
      this.tI = t0;
      this.tCur = epoch;
    } else if (tMult === 1) {
      this.tCur = epoch % t0;
    } else {
      const falls = Math.trunc(Math.log((epoch / t0) * (tMult - 1) + 1) / Math.log(tMult));
      this.tCur = epoch - (t0 * (pyPow(tMult, falls) - 1)) / (tMult - 1);
      this.tI = t0 * pyPow(tMult, falls);
    }
  }

  protected saveOptions(): Record<string, unknown> {
    return { T_0: this.t0, T_i: this.tI, T_mult: this.tMult, eta_min: this.etaMin, T_cur: this.tCur };
  }

  protected loadOptions(state: ReadonlyMap<string, unknown>): void {
    this.t0 = numberOf(state, 'T_0', this.t0);
    this.tI = numberOf(state, 'T_i', this.tI);
    this.tMult = numberOf(state, 'T_mult', this.tMult);
    this.etaMin = numberOf(state, 'eta_min', this.etaMin);
    this.tCur = numberOf(state, 'T_cur', this.tCur);
  }
}
