import { pyNumber, TorchError } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { pyCos } from '../tensor/python-float.js';
import { LRScheduler } from './lr-scheduler.js';
import { cyclesBetas, forEachGroup, numberOfGroup, setMomentum } from './momentum-cycle.js';
import type { Optimizer } from './optimizer.js';
import { numberOf, type SchedulerStateLike, stateEntries, type Rate } from './rates.js';
import { refuse } from './step-options.js';

/** Options of {@link OneCycleLR}: `totalSteps`, or `epochs` and `stepsPerEpoch`. */
export interface OneCycleLROptions {
  /** The greatest learning rate of all groups, or of each. */
  readonly maxLr: number | readonly number[];
  readonly totalSteps?: number;
  readonly epochs?: number;
  readonly stepsPerEpoch?: number;
  /** The share of the cycle in which the learning rate rises; default 0.3. */
  readonly pctStart?: number;
  readonly annealStrategy?: 'cos' | 'linear';
  /** Whether momentum goes the other way; default true. */
  readonly cycleMomentum?: boolean;
  /** The least momentum; default 0.85. */
  readonly baseMomentum?: number | readonly number[];
  /** The greatest momentum; default 0.95. */
  readonly maxMomentum?: number | readonly number[];
  /** The cycle begins at `maxLr / divFactor`; default 25. */
  readonly divFactor?: number;
  /** It ends at the first learning rate divided by this; default 1e4. */
  readonly finalDivFactor?: number;
  /** Falls to the first learning rate in a phase of its own; default false. */
  readonly threePhase?: boolean;
  readonly lastEpoch?: number;
}

const OPTIONS: OptionNames<OneCycleLROptions> = {
  maxLr: true,
  totalSteps: false,
  epochs: false,
  stepsPerEpoch: false,
  pctStart: false,
  annealStrategy: false,
  cycleMomentum: false,
  baseMomentum: false,
  maxMomentum: false,
  divFactor: false,
  finalDivFactor: false,
  threePhase: false,
  lastEpoch: false,
};

/** From which of a group's values to which, until a step. */
interface Phase {
  readonly endStep: number;
  readonly startLr: string;
  readonly endLr: string;
  readonly startMomentum: string;
  readonly endMomentum: string;
}

/** PyTorch's names of what the phases go between, and ours. */
const OF_GROUP = {
  initial_lr: 'initialLr',
  max_lr: 'maxLr',
  min_lr: 'minLr',
  max_momentum: 'maxMomentum',
  base_momentum: 'baseMomentum',
} as const;

/**
 * One rise of the learning rate and one fall, with momentum the other way; stepped after every batch.
 * @see torch.optim.lr_scheduler.OneCycleLR
 */
export class OneCycleLR extends LRScheduler {
  totalSteps: number;
  cycleMomentum: boolean;
  #phases: readonly Phase[];
  #strategy: string;
  #useBeta1 = false;

  /** @throws TorchError `value` in PyTorch's words for options that cannot be. */
  constructor(optimizer: Optimizer, options: OneCycleLROptions) {
    checkOptionBag('OneCycleLR', options, OPTIONS);
    const { pctStart = 0.3, annealStrategy = 'cos', divFactor = 25, finalDivFactor = 1e4, lastEpoch = -1 } = options;
    const totalSteps = stepsOf(options);
    if (!(pctStart >= 0 && pctStart <= 1)) {
      refuse(`Expected float between 0 and 1 pct_start, but got ${pyNumber(pctStart)}`);
    }
    if (!['cos', 'linear'].includes(annealStrategy)) {
      refuse(`anneal_strategy must be one of 'cos' or 'linear', instead got ${annealStrategy}`);
    }
    const cycleMomentum = options.cycleMomentum ?? true;
    const maxLrs = forEachGroup('max_lr', optimizer, options.maxLr);
    const useBeta1 = cycleMomentum && cyclesBetas(optimizer);
    const most = forEachGroup('max_momentum', optimizer, options.maxMomentum ?? 0.95);
    const least = forEachGroup('base_momentum', optimizer, options.baseMomentum ?? 0.85);
    if (lastEpoch === -1) {
      optimizer.paramGroups.forEach((group, index) => {
        const initialLr = maxLrs[index]! / divFactor;
        Object.assign(group, { initialLr, maxLr: maxLrs[index]!, minLr: initialLr / finalDivFactor });
        if (!cycleMomentum) return;
        setMomentum(group, useBeta1, most[index]!);
        Object.assign(group, { maxMomentum: most[index]!, baseMomentum: least[index]! });
      });
    }
    super(optimizer, lastEpoch);
    this.totalSteps = totalSteps;
    this.cycleMomentum = cycleMomentum;
    this.#phases = phasesOf(totalSteps, pctStart, options.threePhase ?? false);
    this.#strategy = annealStrategy;
    this.#useBeta1 = useBeta1;
    this.begin();
  }

  /** @throws TorchError `value` in PyTorch's words after the last step. */
  protected getLr(): Rate[] {
    const { lastEpoch: step, totalSteps } = this;
    if (step > totalSteps) {
      refuse(`Tried to step ${step} times. The specified number of total steps is ${totalSteps}`);
    }
    let start = 0;
    const last = this.#phases.length - 1;
    const index = this.#phases.findIndex(({ endStep }, number) => step <= endStep || number === last);
    if (index > 0) start = this.#phases[index - 1]!.endStep;
    const phase = this.#phases[index]!;
    const done = (step - start) / (phase.endStep - start);
    return this.optimizer.paramGroups.map((group) => {
      const between = (from: string, to: string): number =>
        this.#anneal(numberOfGroup(group, from), numberOfGroup(group, to), done);
      const rate = between(phase.startLr, phase.endLr);
      if (this.cycleMomentum) setMomentum(group, this.#useBeta1, between(phase.startMomentum, phase.endMomentum));
      return rate;
    });
  }

  #anneal(start: number, end: number, done: number): number {
    if (this.#strategy === 'linear') return (end - start) * done + start;
    return end + ((start - end) / 2) * (pyCos(Math.PI * done) + 1);
  }

  protected saveOptions(): Record<string, unknown> {
    const names = new Map<string, string>(Object.entries(OF_GROUP).map(([name, ours]) => [ours, name]));
    return {
      total_steps: this.totalSteps,
      _schedule_phases: this.#phases.map((phase) => ({
        end_step: phase.endStep,
        start_lr: names.get(phase.startLr),
        end_lr: names.get(phase.endLr),
        start_momentum: names.get(phase.startMomentum),
        end_momentum: names.get(phase.endMomentum),
      })),
      _anneal_func_type: this.#strategy,
      cycle_momentum: this.cycleMomentum,
      ...(this.cycleMomentum ? { use_beta1: this.#useBeta1 } : {}),
    };
  }

  protected loadOptions(state: ReadonlyMap<string, unknown>): void {
    this.totalSteps = numberOf(state, 'total_steps', this.totalSteps);
    const phases = state.get('_schedule_phases');
    if (Array.isArray(phases) && phases.length > 0) this.#phases = phases.map(phaseFrom);
    const strategy = state.get('_anneal_func_type');
    if (strategy === 'cos' || strategy === 'linear') this.#strategy = strategy;
    const [cycles, beta1] = [state.get('cycle_momentum'), state.get('use_beta1')];
    if (typeof cycles === 'boolean') this.cycleMomentum = cycles;
    if (typeof beta1 === 'boolean') this.#useBeta1 = beta1;
  }
}

function stepsOf({ totalSteps, epochs, stepsPerEpoch }: OneCycleLROptions): number {
  const whole = (name: string, value: number): number => {
    if (value > 0 && Number.isInteger(value)) return value;
    return refuse(`Expected positive integer ${name}, but got ${pyNumber(value)}`);
  };
  if (totalSteps !== undefined) return whole('total_steps', totalSteps);
  if (epochs === undefined || stepsPerEpoch === undefined) {
    return refuse('You must define either total_steps OR (epochs AND steps_per_epoch)');
  }
  return whole('epochs', epochs) * whole('steps_per_epoch', stepsPerEpoch);
}

function phasesOf(total: number, share: number, three: boolean): Phase[] {
  const rise: Phase = {
    endStep: share * total - 1,
    startLr: 'initialLr',
    endLr: 'maxLr',
    startMomentum: 'maxMomentum',
    endMomentum: 'baseMomentum',
  };
  const fall = { startMomentum: 'baseMomentum', endMomentum: 'maxMomentum', startLr: 'maxLr' };
  const end = { endStep: total - 1, endLr: 'minLr' };
  if (!three) return [rise, { ...fall, ...end }];
  const flat = { startMomentum: 'maxMomentum', endMomentum: 'maxMomentum', startLr: 'initialLr' };
  return [rise, { ...fall, endStep: 2 * share * total - 2, endLr: 'initialLr' }, { ...flat, ...end }];
}

function phaseFrom(value: unknown): Phase {
  if (typeof value !== 'object' || value === null) {
    throw new TorchError('type', "expected _schedule_phases of a scheduler's state dict to hold dicts");
  }
  const state = stateEntries(value as SchedulerStateLike);
  const name = (key: string): string => {
    const found = OF_GROUP[state.get(key) as keyof typeof OF_GROUP] as string | undefined;
    if (found !== undefined) return found;
    throw new TorchError('value', `expected ${key} of a scheduler's state dict to name a value of a group`);
  };
  return {
    endStep: numberOf(state, 'end_step', 0),
    startLr: name('start_lr'),
    endLr: name('end_lr'),
    startMomentum: name('start_momentum'),
    endMomentum: name('end_momentum'),
  };
}
