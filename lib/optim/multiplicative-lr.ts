import { TorchError } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import type { LrLambda } from './lambda-lr.js';
import { LRScheduler } from './lr-scheduler.js';
import type { Optimizer } from './optimizer.js';
import { times, type Rate } from './rates.js';

/** Options of {@link MultiplicativeLR}. */
export interface MultiplicativeLROptions {
  /** The factor of the present learning rate: one function for all parameter groups, or one for each. */
  readonly lrLambda: LrLambda | readonly LrLambda[];
  readonly lastEpoch?: number;
}

const OPTIONS: OptionNames<MultiplicativeLROptions> = { lrLambda: true, lastEpoch: false };

/**
 * Multiplies the learning rate after every epoch by a function of the epoch. A state dict does not hold the functions.
 * @see torch.optim.lr_scheduler.MultiplicativeLR
 */
export class MultiplicativeLR extends LRScheduler {
  readonly lrLambdas: readonly LrLambda[];

  constructor(optimizer: Optimizer, options: MultiplicativeLROptions) {
    checkOptionBag('MultiplicativeLR', options, OPTIONS);
    super(optimizer, options.lastEpoch);
    const { lrLambda } = options;
    const groups = optimizer.paramGroups;
    const lambdas = isList(lrLambda) ? [...lrLambda] : groups.map(() => lrLambda);
    if (lambdas.length !== groups.length) {
      throw new TorchError('value', `Expected ${groups.length} lr_lambdas, but got ${lambdas.length}`);
    }
    for (const lambda of lambdas as readonly unknown[]) {
      if (typeof lambda === 'function') continue;
      throw new TorchError('type', `lr_lambda should be a function, but got ${typeof lambda}`);
    }
    this.lrLambdas = lambdas;
    this.begin();
  }

  protected getLr(): Rate[] {
    const rates = this.currentLr();
    if (this.isInitial) return rates;
    return rates.map((rate, index) => times(rate, this.lrLambdas[index]!(this.lastEpoch)));
  }

  override stateDict(): Record<string, unknown> {
    return { ...super.stateDict(), lr_lambdas: this.lrLambdas.map(() => null) };
  }

  protected saveOptions(): Record<string, unknown> {
    return {};
  }

  protected loadOptions(): void {
    // Functions are not saved: those that the constructor was given go on.
  }
}

function isList(given: LrLambda | readonly LrLambda[]): given is readonly LrLambda[] {
  return Array.isArray(given);
}
