import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { pyNumber, TorchError } from '../tensor/index.js';
import { pyCos } from '../tensor/python-float.js';
import { LRScheduler } from './lr-scheduler.js';
import { forEachGroup, numberOfGroup } from './momentum-cycle.js';
import type { Optimizer } from './optimizer.js';
import { minus, numberOf, over, plus, times, type Rate } from './rates.js';
import { refuse } from './step-options.js';

/** Options of {@link SWALR}. */
export interface SWALROptions {
  /** The learning rate of all groups in the end, or of each. */
  readonly swaLr: number | readonly number[];
  /** Epochs on the way there; default 10. */
  readonly annealEpochs?: number;
  readonly annealStrategy?: 'cos' | 'linear';
  readonly lastEpoch?: number;
}

const OPTIONS: OptionNames<SWALROptions> = {
  swaLr: true,
  annealEpochs: false,
  annealStrategy: false,
  lastEpoch: false,
};

type Strategy = 'cos' | 'linear';

const ANNEAL: Readonly<Record<Strategy, (done: number) => number>> = {
  cos: (done) => (1 - pyCos(Math.PI * done)) / 2,
  linear: (done) => done,
};

function checkStrategy(given: unknown): Strategy {
  if (given === 'cos' || given === 'linear') return given;
  return refuse(`anneal_strategy must be one of 'cos' or 'linear', instead got ${String(given)}`);
}

/**
 * Takes the learning rate to a constant one, at which the weights of an `nn.AveragedModel` are averaged.
 * @see torch.optim.swa_utils.SWALR
 */
export class SWALR extends LRScheduler {
  annealEpochs: number;
  annealStrategy: 'cos' | 'linear';

  /** @throws TorchError `value` in PyTorch's words for another strategy, or epochs that are no whole number from 0 on. */
  constructor(optimizer: Optimizer, options: SWALROptions) {
    checkOptionBag('SWALR', options, OPTIONS);
    const { annealEpochs = 10, annealStrategy = 'cos', lastEpoch = -1 } = options;
    const rates = forEachGroup('swa_lr', optimizer, options.swaLr);
    const strategy = checkStrategy(annealStrategy);
    if (!(Number.isInteger(annealEpochs) && annealEpochs >= 0)) {
      refuse(`anneal_epochs must be equal or greater than 0, got ${pyNumber(annealEpochs)}`);
    }
    optimizer.paramGroups.forEach((group, index) => Object.assign(group, { swaLr: rates[index]! }));
    super(optimizer, lastEpoch);
    this.annealEpochs = annealEpochs;
    this.annealStrategy = strategy;
    this.begin();
  }

  protected getLr(): Rate[] {
    const { annealEpochs, stepCount } = this;
    const step = annealEpochs === 0 ? Math.max(1, stepCount - 1) : stepCount - 1;
    const share = (steps: number): number =>
      ANNEAL[this.annealStrategy](Math.max(0, Math.min(1, steps / Math.max(1, annealEpochs))));
    const [before, now] = [share(step - 1), share(step)];
    return this.optimizer.paramGroups.map((group) => {
      const last = numberOfGroup(group, 'swaLr');
      // what the rate was before the way began
      const first = before === 1 ? last : over(minus(group.lr, before * last), 1 - before);
      return plus(times(first, 1 - now), last * now);
    });
  }

  protected saveOptions(): Record<string, unknown> {
    return { _anneal_strategy: this.annealStrategy, anneal_epochs: this.annealEpochs };
  }

  protected loadOptions(state: ReadonlyMap<string, unknown>): void {
    const strategy = state.get('_anneal_strategy') ?? this.annealStrategy;
    if (typeof strategy !== 'string')
      throw new TorchError('type', "expected _anneal_strategy of a scheduler's state dict to be a string");
    this.annealStrategy = checkStrategy(strategy);
    this.annealEpochs = numberOf(state, 'anneal_epochs', this.annealEpochs);
  }
}
