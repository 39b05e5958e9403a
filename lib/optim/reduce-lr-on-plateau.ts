import { Tensor, TorchError } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { Scheduler, warnOfEpoch } from './lr-scheduler.js';
import type { Optimizer } from './optimizer.js';
import { aliasRate, checkNumber, numberOf, ratesOf, stateEntries, type SchedulerStateLike } from './rates.js';

/** Options of {@link ReduceLROnPlateau}. */
export interface ReduceLROnPlateauOptions {
  /** Whether less (`min`, the default) or more is better. */
  readonly mode?: 'min' | 'max';
  /** What the learning rate is multiplied by, below 1; default 0.1. */
  readonly factor?: number;
  /** Epochs without improvement that are put up with; default 10. */
  readonly patience?: number;
  /** How much better is better; default 1e-4. */
  readonly threshold?: number;
  /** Whether the threshold is a share of the best value (`rel`, the default) or a difference. */
  readonly thresholdMode?: 'rel' | 'abs';
  /** Epochs after a fall that are not counted; default 0. */
  readonly cooldown?: number;
  /** The least learning rate of all groups, or of each; default 0. */
  readonly minLr?: number | readonly number[];
  /** A smaller change is not made; default 1e-8. */
  readonly eps?: number;
}

const OPTIONS: OptionNames<ReduceLROnPlateauOptions> = {
  mode: false,
  factor: false,
  patience: false,
  threshold: false,
  thresholdMode: false,
  cooldown: false,
  minLr: false,
  eps: false,
};

/**
 * Lowers the learning rate when a measured value has stopped getting better.
 * @see torch.optim.lr_scheduler.ReduceLROnPlateau
 */
export class ReduceLROnPlateau extends Scheduler {
  factor: number;
  minLrs: number[];
  patience: number;
  cooldown: number;
  eps: number;
  mode: string;
  threshold: number;
  thresholdMode: string;
  /** The best value so far. */
  best: number;
  cooldownCounter = 0;
  numBadEpochs = 0;
  #defaultMinLr: number | null;

  /** @throws TorchError `value` in PyTorch's words for options that cannot be. */
  constructor(optimizer: Optimizer, options: ReduceLROnPlateauOptions = {}) {
    checkOptionBag('ReduceLROnPlateau', options, OPTIONS);
    const { mode = 'min', factor = 0.1, thresholdMode = 'rel', minLr = 0 } = options;
    if (factor >= 1) throw new TorchError('value', 'Factor should be < 1.0.');
    super(optimizer, 0);
    const groups = optimizer.paramGroups;
    if (typeof minLr !== 'number' && minLr.length !== groups.length) {
      throw new TorchError('value', `expected ${groups.length} min_lrs, got ${minLr.length}`);
    }
    checkModes(mode, thresholdMode);
    this.factor = factor;
    this.#defaultMinLr = typeof minLr === 'number' ? minLr : null;
    this.minLrs = typeof minLr === 'number' ? groups.map(() => minLr) : [...minLr];
    this.patience = options.patience ?? 10;
    this.cooldown = options.cooldown ?? 0;
    this.eps = options.eps ?? 1e-8;
    this.mode = mode;
    this.threshold = options.threshold ?? 1e-4;
    this.thresholdMode = thresholdMode;
    this.best = worst(mode);
    this.recordRates();
  }

  /** Whether epochs after a fall are being left out. */
  get inCooldown(): boolean {
    return this.cooldownCounter > 0;
  }

  /**
   * To be called after each epoch.
   * @param metrics the measured value, a number or a tensor of one element.
   * @param epoch sets the epoch; deprecated, as in PyTorch.
   */
  step(metrics: number | Tensor, epoch?: number): void {
    const current = metrics instanceof Tensor ? metrics.item() : metrics;
    if (typeof current !== 'number') {
      throw new TorchError('type', `Expected a number for metrics but received a ${typeof current}`);
    }
    if (epoch !== undefined) warnOfEpoch();
    this.lastEpoch = epoch ?? this.lastEpoch + 1;
    if (this.#isBetter(current)) {
      this.best = current;
      this.numBadEpochs = 0;
    } else {
      this.numBadEpochs += 1;
    }
    if (this.inCooldown) {
      this.cooldownCounter -= 1;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > this.patience) {
      this.#reduce();
      this.cooldownCounter = this.cooldown;
      this.numBadEpochs = 0;
    }
    this.recordRates();
  }

  #isBetter(value: number): boolean {
    const { best, threshold } = this;
    const relative = this.thresholdMode === 'rel';
    if (this.mode === 'min') return value < (relative ? best * (1 - threshold) : best - threshold);
    return value > (relative ? best * (threshold + 1) : best + threshold);
  }

  #reduce(): void {
    const groups = this.optimizer.paramGroups;
    const least = this.#defaultMinLr;
    if (groups.length !== this.minLrs.length) {
      if (least === null) {
        throw new TorchError(
          'runtime',
          `The number of param groups in the \`optimizer\` (${groups.length}) differs from when ` +
            `\`ReduceLROnPlateau\` was initialized (${this.minLrs.length}), usually due to a new param group being added ` +
            'to the optimizer. Please modify the `min_lrs` field to match the length of the `optimizer` param groups.',
        );
      }
      this.minLrs = groups.map(() => least);
    }
    groups.forEach((group, index) => {
      const { lr } = group;
      const old = lr instanceof Tensor ? lr.item() : lr;
      const rate = Math.max(old * this.factor, this.minLrs[index]!);
      if (!(old - rate > this.eps)) return;
      if (lr instanceof Tensor) lr.fill_(rate);
      else group.lr = rate;
    });
  }

  override stateDict(): Record<string, unknown> {
    return {
      factor: this.factor,
      default_min_lr: this.#defaultMinLr,
      min_lrs: [...this.minLrs],
      patience: this.patience,
      cooldown: this.cooldown,
      eps: this.eps,
      last_epoch: this.lastEpoch,
      _last_lr: this.getLastLr().map(aliasRate),
      mode_worse: worst(this.mode),
      mode: this.mode,
      threshold: this.threshold,
      threshold_mode: this.thresholdMode,
      best: this.best,
      cooldown_counter: this.cooldownCounter,
      num_bad_epochs: this.numBadEpochs,
    };
  }

  override loadStateDict(given: SchedulerStateLike): void {
    const state = stateEntries(given);
    const mode = textOf(state, 'mode', this.mode);
    const thresholdMode = textOf(state, 'threshold_mode', this.thresholdMode);
    checkModes(mode, thresholdMode);
    const least = state.get('default_min_lr');
    const minLrs = state.get('min_lrs');
    if (minLrs !== undefined && !Array.isArray(minLrs)) {
      throw new TorchError('type', "expected min_lrs of a scheduler's state dict to be an array");
    }
    const number = (name: string, otherwise: number): number => numberOf(state, name, otherwise);
    const loaded = {
      factor: number('factor', this.factor),
      patience: number('patience', this.patience),
      cooldown: number('cooldown', this.cooldown),
      eps: number('eps', this.eps),
      lastEpoch: number('last_epoch', this.lastEpoch),
      threshold: number('threshold', this.threshold),
      best: number('best', this.best),
      cooldownCounter: number('cooldown_counter', this.cooldownCounter),
      numBadEpochs: number('num_bad_epochs', this.numBadEpochs),
      minLrs: minLrs === undefined ? this.minLrs : minLrs.map((rate: unknown) => checkNumber(rate, 'min_lrs')),
      mode,
      thresholdMode,
    };
    if (least !== undefined) this.#defaultMinLr = least === null ? null : checkNumber(least, 'default_min_lr');
    const last = ratesOf(state, '_last_lr');
    Object.assign(this, loaded);
    if (last !== undefined) this.setLastLr(last);
  }
}

/** @throws TorchError `value` in PyTorch's words. */
function checkModes(mode: string, thresholdMode: string): void {
  if (mode !== 'min' && mode !== 'max') throw new TorchError('value', `mode ${mode} is unknown!`);
  if (thresholdMode !== 'rel' && thresholdMode !== 'abs') {
    throw new TorchError('value', `threshold mode ${thresholdMode} is unknown!`);
  }
}

function worst(mode: string): number {
  return mode === 'min' ? Infinity : -Infinity;
}

function textOf(state: ReadonlyMap<string, unknown>, name: string, otherwise: string): string {
  const value = state.get(name) ?? otherwise;
  if (typeof value === 'string') return value;
  throw new TorchError('type', `expected ${name} of a scheduler's state dict to be text`);
}
