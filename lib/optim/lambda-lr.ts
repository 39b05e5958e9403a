import { TorchError } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { LRScheduler } from './lr-scheduler.js';
import type { Optimizer } from './optimizer.js';
import { times, type Rate } from './rates.js';

/** The factor of an epoch, counted from 0. */
export type LrLambda = (epoch: number) => number;

/** Options of {@link LambdaLR}. */
export interface LambdaLROptions {
  /** The factor of the base learning rate: one function for all parameter groups, or one for each. */
  readonly lrLambda: LrLambda | readonly LrLambda[];
  readonly lastEpoch?: number;
}

const OPTIONS: OptionNames<LambdaLROptions> = { lrLambda: true, lastEpoch: false };

/**
 * Sets the learning rate to the base rate times a function of the epoch. A state dict does not hold the functions.
 * @see torch.optim.lr_scheduler.LambdaLR
 */
export class LambdaLR extends LRScheduler {
  readonly lrLambdas: readonly LrLambda[];

  constructor(optimizer: Optimizer, options: LambdaLROptions) {
    checkOptionBag('LambdaLR', options, OPTIONS);
    super(optimizer, options.lastEpoch);
    const { lrLambda } = options;
    const groups = optimizer.paramGroups;
    const lambdas = typeof lrLambda === 'function' ? groups.map(() => lrLambda) : [...lrLambda];
    if (lambdas.length !== groups.length) {
      throw new TorchError('value', `Expected ${groups.length} lr_lambdas, but got ${lambdas.length}`);
    }
    this.lrLambdas = lambdas;
    this.begin();
  }

  protected getLr(): Rate[] {
    return this.baseLrs.map((base, index) => times(base, this.lrLambdas[index]!(this.lastEpoch)));
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
