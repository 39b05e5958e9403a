import { TorchError } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { EpochScheduler, Scheduler } from './lr-scheduler.js';
import type { Optimizer } from './optimizer.js';
import { aliasRate, checkNumber, numberOf, ratesOf, type SchedulerStateLike, setRate, stateEntries } from './rates.js';
import { refuse } from './step-options.js';

/** What {@link SequentialLR} and {@link ChainedScheduler} share: schedulers of one optimizer. */
abstract class SeveralSchedulers extends EpochScheduler {
  /** Whether another one has begun it: Python's has two more attributes then, which its state holds. */
  #begun = false;

  protected constructor(
    optimizer: Optimizer,
    lastEpoch: number,
    readonly schedulers: readonly EpochScheduler[],
  ) {
    super(optimizer, lastEpoch);
  }

  override begin(): void {
    this.#begun = true;
    this.step();
  }

  override updateLr(): void {
    const text = `${this.constructor.name} has no learning rate of its own: only the first of a SequentialLR's schedulers may be one`;
    throw new TorchError('notImplemented', text);
  }

  override undo(): void {
    for (const scheduler of this.schedulers) scheduler.undo();
  }

  protected states(): Record<string, unknown> {
    return {
      _last_lr: this.getLastLr().map(aliasRate),
      ...(this.#begun ? { _step_count: 0, _is_initial: false } : {}),
      _schedulers: this.schedulers.map((scheduler) => scheduler.stateDict()),
    };
  }

  protected loadStates(state: ReadonlyMap<string, unknown>): void {
    const saved = state.get('_schedulers');
    if (Array.isArray(saved)) {
      if (saved.length !== this.schedulers.length) {
        refuse(`Expected ${this.schedulers.length} states for _schedulers but received ${saved.length}`);
      }
      this.schedulers.forEach((scheduler, index) => {
        const one: unknown = saved[index];
        if (typeof one !== 'object' || one === null) refuse('Expected a dict for each of _schedulers');
        scheduler.loadStateDict(one as SchedulerStateLike);
      });
    }
    if (state.has('_step_count')) this.#begun = true;
    const last = ratesOf(state, '_last_lr');
    if (last !== undefined) this.setLastLr(last);
  }
}

/** @throws TorchError in PyTorch's words. */
function checkSchedulers(what: string, optimizer: Optimizer, schedulers: readonly unknown[]): void {
  schedulers.forEach((scheduler, index) => {
    if (!(scheduler instanceof Scheduler)) {
      throw new TorchError('type', `${what} at index ${index} should have \`optimizer\` as its attribute.`);
    }
    if (!(scheduler instanceof EpochScheduler)) {
      refuse(
        `${what} does not support \`ReduceLROnPlateau\` scheduler as it requires additional kwargs to be specified when ` +
          `calling \`step\`, but got one at index ${index} in the given schedulers sequence.`,
      );
    }
    if (scheduler.optimizer !== optimizer) {
      refuse(
        `${what} expects all schedulers to belong to the same optimizer, but got scheduler ` +
          `${scheduler.constructor.name} at index ${index} that has another one.`,
      );
    }
  });
}

/** Options of {@link SequentialLR}. */
export interface SequentialLROptions {
  /** Schedulers of the same optimizer, in their order. */
  readonly schedulers: readonly EpochScheduler[];
  /** The epoch at which each but the first begins. */
  readonly milestones: readonly number[];
  readonly lastEpoch?: number;
}

const OPTIONS: OptionNames<SequentialLROptions> = { schedulers: true, milestones: true, lastEpoch: false };

/**
 * One scheduler after the other, such as a warm-up before a cosine.
 * @see torch.optim.lr_scheduler.SequentialLR
 */
export class SequentialLR extends SeveralSchedulers {
  milestones: readonly number[];

  /** @throws TorchError `value` or `type` in PyTorch's words. */
  constructor(optimizer: Optimizer, options: SequentialLROptions) {
    checkOptionBag('SequentialLR', options, OPTIONS);
    const { schedulers, milestones } = options;
    if (schedulers.length < 1) refuse('SequentialLR expects at least one scheduler, but got no scheduler.');
    checkSchedulers('SequentialLR', optimizer, schedulers);
    if (milestones.length !== schedulers.length - 1) {
      refuse(
        'Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone points, but ' +
          `got number of schedulers ${schedulers.length} and the number of milestones to be equal to ${milestones.length}`,
      );
    }
    super(optimizer, (options.lastEpoch ?? -1) + 1, [...schedulers]);
    this.milestones = [...milestones];
    for (const group of optimizer.paramGroups) if (group.initialLr !== undefined) setRate(group, group.initialLr);
    this.undo();
    this.#at(0).begin();
    this.recordRates();
  }

  /** The scheduler of an epoch. */
  #at(epoch: number): EpochScheduler {
    return this.schedulers[this.milestones.filter((milestone) => milestone <= epoch).length]!;
  }

  override step(): void {
    this.lastEpoch += 1;
    const scheduler = this.#at(this.lastEpoch);
    const index = this.schedulers.indexOf(scheduler);
    if (index > 0 && this.milestones[index - 1] === this.lastEpoch) scheduler.updateLr(0);
    else scheduler.step();
    this.recordRates();
  }

  override stateDict(): Record<string, unknown> {
    return { _milestones: [...this.milestones], last_epoch: this.lastEpoch, ...this.states() };
  }

  override loadStateDict(given: SchedulerStateLike): void {
    const state = stateEntries(given);
    const milestones = state.get('_milestones');
    if (Array.isArray(milestones)) {
      if (milestones.length !== this.milestones.length) {
        refuse(`Expected ${this.milestones.length} _milestones but received ${milestones.length}`);
      }
      this.milestones = milestones.map((epoch: unknown) => checkNumber(epoch, '_milestones'));
    }
    this.lastEpoch = numberOf(state, 'last_epoch', this.lastEpoch);
    this.loadStates(state);
  }
}

/**
 * Several schedulers at once, in one object: each changes what the one before has left.
 * @see torch.optim.lr_scheduler.ChainedScheduler
 */
export class ChainedScheduler extends SeveralSchedulers {
  /** @throws TorchError `value` or `type` in PyTorch's words. */
  constructor(schedulers: readonly EpochScheduler[], options: { readonly optimizer?: Optimizer } = {}) {
    if (schedulers.length < 1) {
      refuse('ChainedScheduler expects at least one scheduler to be chained, but got no scheduler.');
    }
    const optimizer = options.optimizer ?? schedulers[0]!.optimizer;
    checkSchedulers('ChainedScheduler', optimizer, schedulers);
    super(optimizer, 0, [...schedulers]);
    this.recordRates();
  }

  override step(): void {
    for (const scheduler of this.schedulers) scheduler.step();
    this.recordRates();
  }

  override stateDict(): Record<string, unknown> {
    return this.states();
  }

  override loadStateDict(given: SchedulerStateLike): void {
    this.loadStates(stateEntries(given));
  }
}
