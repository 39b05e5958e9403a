import { noGrad, scope, TorchError } from '../tensor/index.js';
import { Optimizer } from './optimizer.js';
import {
  aliasRate,
  copyRate,
  disposeRates,
  numberOf,
  ratesOf,
  setRate,
  stateEntries,
  type Rate,
  type SchedulerStateLike,
} from './rates.js';

const EPOCH_DEPRECATION =
  'The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use ' +
  '`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed form ' +
  'is used instead of the new chainable form, where available. Please open an issue if you are unable to replicate ' +
  'your use case: https://github.com/pytorch/pytorch/issues/new/choose.';

const WRONG_ORDER =
  'Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should call them ' +
  'in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will result in PyTorch ' +
  'skipping the first value of the learning rate schedule. See more details at ' +
  'https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate';

/** Says that an epoch given to `step` is out of fashion, in PyTorch's words. */
export function warnOfEpoch(): void {
  process.emitWarning(EPOCH_DEPRECATION);
}

/** What all schedulers share: the optimizer, the epoch, and the learning rates that were set last. */
export abstract class Scheduler {
  /** Epochs done. */
  lastEpoch: number;
  #lastLr: Rate[] = [];

  protected constructor(
    readonly optimizer: Optimizer,
    lastEpoch: number,
  ) {
    if (!(optimizer instanceof Optimizer)) {
      throw new TorchError('type', `${typeof optimizer} is not an Optimizer`);
    }
    this.lastEpoch = lastEpoch;
  }

  /** The learning rate of each group; tensors are copies that live until the next step. */
  getLastLr(): Rate[] {
    return this.#lastLr;
  }

  /** The copies of the step before are the scheduler's own; nothing else would free them before a garbage collection. */
  protected setLastLr(rates: Rate[]): void {
    disposeRates(this.#lastLr);
    this.#lastLr = rates;
  }

  /** Takes over what the optimizer's groups have now. */
  protected recordRates(): void {
    this.setLastLr(this.optimizer.paramGroups.map((group) => copyRate(group.lr)));
  }

  /** The state under PyTorch's names; tensors are aliases that share storage. */
  abstract stateDict(): Record<string, unknown>;

  /** Takes over a state; the optimizer's learning rates come with the optimizer's own. */
  abstract loadStateDict(given: SchedulerStateLike): void;
}

/** A scheduler that is stepped without a measured value. */
export abstract class EpochScheduler extends Scheduler {
  /** To be called after each epoch, after the optimizer's steps. */
  abstract step(epoch?: number): void;

  /** @internal The first step, which sets epoch 0; {@link SequentialLR} calls it once more. */
  abstract begin(): void;

  /** @internal Sets the learning rates of an epoch without counting a step. */
  abstract updateLr(epoch?: number): void;

  /** @internal Takes the constructor's step back, for {@link SequentialLR}. */
  undo(): void {
    this.lastEpoch -= 1;
  }
}

/**
 * Base of the schedulers that count epochs and set the learning rates of an optimizer's groups. Several of them may
 * follow one optimizer: each changes what the others have left.
 * @see torch.optim.lr_scheduler.LRScheduler
 */
export abstract class LRScheduler extends EpochScheduler {
  /** The learning rates that the groups began with. */
  protected baseLrs: Rate[];
  /** Steps taken, the first of which the constructor takes. */
  protected stepCount = 0;
  /** Whether the constructor is taking the first step. */
  protected isInitial = false;

  /** @param lastEpoch −1 to begin, otherwise the epoch at which an optimizer with its state loaded goes on. */
  protected constructor(optimizer: Optimizer, lastEpoch = -1) {
    super(optimizer, lastEpoch);
    optimizer.paramGroups.forEach((group, index) => {
      if (lastEpoch === -1) group.initialLr ??= copyRate(group.lr);
      else if (group.initialLr === undefined) {
        throw new TorchError(
          'value',
          `param 'initial_lr' is not specified in param_groups[${index}] when resuming scheduler with last_epoch >= 0.\n` +
            'This typically happens when:\n' +
            "1. You're trying to resume training from a checkpoint but haven't properly loaded the optimizer state\n" +
            "2. You're using last_epoch >= 0 for a fresh training run (not recommended)",
        );
      }
    });
    this.baseLrs = optimizer.paramGroups.map((group) => copyRate(group.initialLr ?? group.lr));
    optimizer.followSteps();
  }

  /** @internal The first step, which sets epoch 0; for the constructors of subclasses, once their options are set. */
  override begin(): void {
    this.stepCount = 0;
    this.isInitial = true;
    try {
      this.step();
    } finally {
      this.isInitial = false;
    }
  }

  /** The learning rate of each group for {@link lastEpoch}, from the present ones. Runs in a scope. */
  protected abstract getLr(): Rate[];

  /** The same from the base rates and the epoch alone, for `step(epoch)`; {@link getLr} where there is no such form. */
  protected getClosedFormLr(): Rate[] {
    return this.getLr();
  }

  /** The present learning rate of each group. */
  protected currentLr(): Rate[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }

  /**
   * To be called after each epoch, after the optimizer's steps.
   * @param epoch sets this epoch by the closed form; deprecated, as in PyTorch.
   */
  override step(epoch?: number): void {
    if (this.stepCount === 1 && !this.optimizer.stepped) process.emitWarning(WRONG_ORDER);
    this.stepCount += 1;
    if (epoch !== undefined) warnOfEpoch();
    this.updateLr(epoch);
  }

  /** @internal */
  override updateLr(epoch?: number): void {
    this.lastEpoch = epoch ?? this.lastEpoch + 1;
    this.setRates(() => (epoch === undefined ? this.getLr() : this.getClosedFormLr()));
  }

  /** Gives each group its learning rate. */
  protected setRates(compute: () => Rate[]): void {
    const { paramGroups } = this.optimizer;
    scope(() =>
      noGrad(() => {
        const rates = compute();
        if (rates.length !== paramGroups.length) {
          throw new TorchError(
            'value',
            `Expected ${paramGroups.length} learning rates, one for each parameter group, but received ${rates.length}`,
          );
        }
        paramGroups.forEach((group, index) => {
          setRate(group, rates[index]!);
        });
      }),
    );
    this.recordRates();
  }

  /** Other base rates than the ones that the groups began with. */
  protected setBaseLrs(rates: Rate[]): void {
    disposeRates(this.baseLrs);
    this.baseLrs = rates;
  }

  /** The options of a subclass under PyTorch's names. */
  protected abstract saveOptions(): Record<string, unknown>;

  /** Takes over what {@link saveOptions} returned. */
  protected abstract loadOptions(state: ReadonlyMap<string, unknown>): void;

  override stateDict(): Record<string, unknown> {
    return {
      ...this.saveOptions(),
      base_lrs: this.baseLrs.map(aliasRate),
      last_epoch: this.lastEpoch,
      _step_count: this.stepCount,
      _is_initial: false,
      _get_lr_called_within_step: false,
      _last_lr: this.getLastLr().map(aliasRate),
    };
  }

  override loadStateDict(given: SchedulerStateLike): void {
    const state = stateEntries(given);
    this.loadOptions(state);
    this.lastEpoch = numberOf(state, 'last_epoch', this.lastEpoch);
    this.stepCount = numberOf(state, '_step_count', this.stepCount);
    const [base, last] = [ratesOf(state, 'base_lrs'), ratesOf(state, '_last_lr')];
    if (base !== undefined) this.setBaseLrs(base);
    if (last !== undefined) this.setLastLr(last);
  }
}
