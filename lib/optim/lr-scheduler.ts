import { keep, noGrad, scope, Tensor, TorchError } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { Optimizer } from './optimizer.js';
import { integerPower } from './integer-power.js';

/** A learning rate: a number, or a tensor of one element that optimizers read anew in every step. */
export type Rate = number | Tensor;

/**
 * Base of the schedulers: counts epochs and multiplies the learning rates of an optimizer's groups.
 * @see torch.optim.lr_scheduler.LRScheduler
 */
export abstract class LRScheduler {
  /** Epochs done. */
  lastEpoch: number;
  /** The learning rates that the groups began with. */
  protected baseLrs: Rate[];
  #stepCount = 0;
  #lastLr: Rate[] = [];

  /** @param lastEpoch −1 to begin, otherwise the epoch at which an optimizer with its state loaded goes on. */
  protected constructor(
    readonly optimizer: Optimizer,
    lastEpoch = -1,
  ) {
    if (!(optimizer instanceof Optimizer)) {
      throw new TorchError('type', `${typeof optimizer} is not an Optimizer`);
    }
    optimizer.paramGroups.forEach((group, index) => {
      if (lastEpoch === -1) group.initialLr ??= copyRate(group.lr);
      else if (group.initialLr === undefined) {
        throw new TorchError(
          'value',
          `param 'initial_lr' is not specified in param_groups[${index}] when resuming scheduler with last_epoch >= 0.`,
        );
      }
    });
    this.baseLrs = optimizer.paramGroups.map((group) => copyRate(group.initialLr ?? group.lr));
    this.lastEpoch = lastEpoch;
  }

  /** The first step, which sets epoch 0; for the constructors of subclasses, once their options are set. */
  protected begin(): void {
    this.#stepCount = 0;
    this.#advance();
  }

  /** Factor for the present learning rate as {@link lastEpoch} begins; null leaves it as it is. */
  protected abstract factor(): number | null;

  /** To be called after each epoch, after the optimizer's steps. */
  step(): void {
    if (this.#stepCount === 1 && !this.optimizer.stepped) {
      process.emitWarning(
        'Detected call of `lr_scheduler.step()` before `optimizer.step()`. The first value of the learning rate ' +
          'schedule is skipped; call them in the opposite order.',
      );
    }
    this.#advance();
  }

  #advance(): void {
    this.#stepCount += 1;
    this.lastEpoch += 1;
    const factor = this.factor();
    for (const group of this.optimizer.paramGroups) {
      const { lr } = group;
      if (lr instanceof Tensor) {
        // Filled in place, so that whoever else holds the tensor sees the change.
        if (factor !== null) noGrad(() => scope(() => lr.copy_(lr.mul(factor))));
      } else if (factor !== null) {
        group.lr = lr * factor;
      }
    }
    this.#setLastLr(this.optimizer.paramGroups.map((group) => copyRate(group.lr)));
  }

  /** The copies of the step before are the scheduler's own; nothing else would free them before a garbage collection. */
  #setLastLr(rates: Rate[]): void {
    dispose(this.#lastLr);
    this.#lastLr = rates;
  }

  /** The learning rate of each group; tensors are copies that live until the next step. */
  getLastLr(): Rate[] {
    return this.#lastLr;
  }

  /** The options of a subclass under PyTorch's names. */
  protected abstract saveOptions(): Record<string, unknown>;

  /** Takes over what {@link saveOptions} returned. */
  protected abstract loadOptions(state: ReadonlyMap<string, unknown>): void;

  /** The scheduler's state in PyTorch's names; tensors are aliases that share storage. */
  stateDict(): Record<string, unknown> {
    return {
      ...this.saveOptions(),
      base_lrs: this.baseLrs.map(alias),
      last_epoch: this.lastEpoch,
      _step_count: this.#stepCount,
      _is_initial: false,
      _get_lr_called_within_step: false,
      _last_lr: this.#lastLr.map(alias),
    };
  }

  /** Takes over a state; the optimizer's learning rates come with the optimizer's own. */
  loadStateDict(given: ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>): void {
    const state = given instanceof Map ? (given as Map<string, unknown>) : new Map(Object.entries(given));
    this.loadOptions(state);
    this.lastEpoch = numberOf(state, 'last_epoch', this.lastEpoch);
    this.#stepCount = numberOf(state, '_step_count', this.#stepCount);
    const [base, last] = [ratesOf(state, 'base_lrs'), ratesOf(state, '_last_lr')];
    if (base !== undefined) {
      dispose(this.baseLrs);
      this.baseLrs = base;
    }
    if (last !== undefined) this.#setLastLr(last);
  }
}

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

  protected factor(): number | null {
    const count = this.milestones.get(this.lastEpoch);
    return count === undefined ? null : integerPower(this.gamma, count);
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

  protected factor(): number | null {
    return this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0 ? null : this.gamma;
  }

  protected saveOptions(): Record<string, unknown> {
    return { step_size: this.stepSize, gamma: this.gamma };
  }

  protected loadOptions(state: ReadonlyMap<string, unknown>): void {
    this.stepSize = numberOf(state, 'step_size', this.stepSize);
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

function copyRate(rate: Rate): Rate {
  return rate instanceof Tensor ? keep(noGrad(() => rate.clone())) : rate;
}

/** A handle that outlives the scheduler's own. */
function alias(rate: Rate): Rate {
  return rate instanceof Tensor ? rate.detach() : rate;
}

function dispose(rates: readonly Rate[]): void {
  for (const rate of rates) if (rate instanceof Tensor) rate.dispose();
}

function numberOf(state: ReadonlyMap<string, unknown>, name: string, otherwise: number): number {
  const value = state.get(name);
  return value === undefined ? otherwise : checkNumber(value, name);
}

/** Nothing of a file is converted: the text of nested lists may have no end. */
function checkNumber(value: unknown, name: string): number {
  if (typeof value === 'number') return value;
  throw new TorchError('type', `expected ${name} of a scheduler's state dict to be a number`);
}

function ratesOf(state: ReadonlyMap<string, unknown>, name: string): Rate[] | undefined {
  const value = state.get(name);
  if (value === undefined) return undefined;
  if (!Array.isArray(value))
    throw new TorchError('type', `expected ${name} of a scheduler's state dict to be an array`);
  return value.map((rate: unknown) => (rate instanceof Tensor ? copyRate(rate) : checkNumber(rate, name)));
}
