import { TorchError } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { pyPow } from '../tensor/python-float.js';
import { LRScheduler } from './lr-scheduler.js';
import type { Optimizer } from './optimizer.js';
import { checkNumber, numberOf, times, type Rate } from './rates.js';

/** Options of {@link MultiStepLR}. */
export interface MultiStepLROptions {
  /** Epochs before which the rate falls; one given twice counts twice. */
  readonly milestones: Iterable<number>;
  /** Default 0.1. */
  readonly gamma?: number;
  readonly lastEpoch?: number;
}

const MULTI_STEP_OPTIONS: OptionNames<MultiStepLROptions> = {
  milestones: true,
  gamma: false,
  lastEpoch: false,
};

/**
 * Multiplies the learning rate by `gamma` at each milestone.
 * @see torch.optim.lr_scheduler.MultiStepLR
 */
export class MultiStepLR extends LRScheduler {
  /** How often each epoch was given. */
  milestones = new Map<number, number>();
  gamma: number;

  constructor(optimizer: Optimizer, options: MultiStepLROptions) {
    checkOptionBag('MultiStepLR', options, MULTI_STEP_OPTIONS);
    super(optimizer, options.lastEpoch);
    for (const epoch of epochsOf(options.milestones)) this.milestones.set(epoch, (this.milestones.get(epoch) ?? 0) + 1);
    this.gamma = options.gamma ?? 0.1;
    this.begin();
  }

  protected getLr(): Rate[] {
    const count = this.milestones.get(this.lastEpoch);
    if (count === undefined) return this.currentLr();
    const factor = pyPow(this.gamma, count);
    return this.currentLr().map((rate) => times(rate, factor));
  }

  protected override getClosedFormLr(): Rate[] {
    let passed = 0;
    for (const [epoch, count] of this.milestones) if (epoch <= this.lastEpoch) passed += count;
    return this.baseLrs.map((rate) => times(rate, pyPow(this.gamma, passed)));
  }

  protected saveOptions(): Record<string, unknown> {
    return { milestones: new Map(this.milestones), gamma: this.gamma };
  }

  protected loadOptions(state: ReadonlyMap<string, unknown>): void {
    const milestones = state.get('milestones');
    if (milestones instanceof Map) {
      this.milestones = new Map(
        [...(milestones as Map<unknown, unknown>)].map(([epoch, count]) => [
          checkNumber(epoch, 'milestones'),
          checkNumber(count, 'milestones'),
        ]),
      );
    }
    this.gamma = numberOf(state, 'gamma', this.gamma);
  }
}

/** As JavaScript callers may give them. */
function epochsOf(given: unknown): number[] {
  const epochs: unknown[] | undefined =
    typeof given === 'object' && given !== null && Symbol.iterator in given
      ? [...(given as Iterable<unknown>)]
      : undefined;
  if (epochs?.every((epoch) => typeof epoch === 'number') === true) return epochs;
  const got = epochs === undefined ? typeof given : 'other items';
  throw new TorchError('type', `MultiStepLR: expected milestones to be a list of epochs, but got ${got}`);
}

/** Options of {@link StepLR}. */
export interface StepLROptions {
  /** Epochs between two falls. */
  readonly stepSize: number;
  /** Default 0.1. */
  readonly gamma?: number;
  readonly lastEpoch?: number;
}

const STEP_OPTIONS: OptionNames<StepLROptions> = {
  stepSize: true,
  gamma: false,
  lastEpoch: false,
};

/**
 * Multiplies the learning rate by `gamma` every `stepSize` epochs.
 * @see torch.optim.lr_scheduler.StepLR
 */
export class StepLR extends LRScheduler {
  stepSize: number;
  gamma: number;

  constructor(optimizer: Optimizer, options: StepLROptions) {
    checkOptionBag('StepLR', options, STEP_OPTIONS);
    super(optimizer, options.lastEpoch);
    if (!(options.stepSize > 0))
      throw new TorchError('value', `expected stepSize to be positive, but got ${options.stepSize}`);
    this.stepSize = options.stepSize;
    this.gamma = options.gamma ?? 0.1;
    this.begin();
  }

  protected getLr(): Rate[] {
    if (this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0) return this.currentLr();
    return this.currentLr().map((rate) => times(rate, this.gamma));
  }

  protected override getClosedFormLr(): Rate[] {
    const factor = pyPow(this.gamma, Math.floor(this.lastEpoch / this.stepSize));
    return this.baseLrs.map((rate) => times(rate, factor));
  }

  protected saveOptions(): Record<string, unknown> {
    return { step_size: this.stepSize, gamma: this.gamma };
  }

  protected loadOptions(state: ReadonlyMap<string, unknown>): void {
    this.stepSize = numberOf(state, 'step_size', this.stepSize);
    this.gamma = numberOf(state, 'gamma', this.gamma);
  }
}
