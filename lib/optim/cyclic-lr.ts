import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { pyPow } from '../tensor/python-float.js';
import { LRScheduler } from './lr-scheduler.js';
import { cyclesBetas, forEachGroup, setMomentum } from './momentum-cycle.js';
import type { Optimizer } from './optimizer.js';
import { checkNumber, from, numberOf, setRate, sum, times, type Rate } from './rates.js';
import { refuse } from './step-options.js';

/** Options of {@link CyclicLR}. */
export interface CyclicLROptions {
  /** The least learning rate of all groups, or of each. */
  readonly baseLr: number | readonly number[];
  /** The greatest learning rate of all groups, or of each. */
  readonly maxLr: number | readonly number[];
  /** Steps from the least to the greatest; default 2000. */
  readonly stepSizeUp?: number;
  /** Steps back; default as many. */
  readonly stepSizeDown?: number;
  /** Whether cycles stay as high as they are, halve each time, or shrink by `gamma` with each step. */
  readonly mode?: 'triangular' | 'triangular2' | 'exp_range';
  /** Default 1. */
  readonly gamma?: number;
  /** The height of a cycle in place of `mode`; a state dict does not hold it. */
  readonly scaleFn?: (x: number) => number;
  /** Whether `scaleFn` is given the number of the cycle (the default) or of the step. */
  readonly scaleMode?: 'cycle' | 'iterations';
  /** Whether momentum goes the other way; default true. */
  readonly cycleMomentum?: boolean;
  /** The least momentum; default 0.8. */
  readonly baseMomentum?: number | readonly number[];
  /** The greatest momentum; default 0.9. */
  readonly maxMomentum?: number | readonly number[];
  readonly lastEpoch?: number;
}

const OPTIONS: OptionNames<CyclicLROptions> = {
  baseLr: true,
  maxLr: true,
  stepSizeUp: false,
  stepSizeDown: false,
  mode: false,
  gamma: false,
  scaleFn: false,
  scaleMode: false,
  cycleMomentum: false,
  baseMomentum: false,
  maxMomentum: false,
  lastEpoch: false,
};

/**
 * Lets the learning rate go up and down between two bounds, with momentum the other way; stepped after every batch.
 * @see torch.optim.lr_scheduler.CyclicLR
 */
export class CyclicLR extends LRScheduler {
  maxLrs: number[];
  totalSize: number;
  stepRatio: number;
  mode: string;
  gamma: number;
  scaleMode: string;
  cycleMomentum: boolean;
  baseMomentums: number[];
  maxMomentums: number[];
  readonly #scaleFn: ((x: number) => number) | undefined;
  #useBeta1: boolean;

  /** @throws TorchError `value` in PyTorch's words for options that cannot be. */
  constructor(optimizer: Optimizer, options: CyclicLROptions) {
    checkOptionBag('CyclicLR', options, OPTIONS);
    const { lastEpoch = -1, mode = 'triangular', stepSizeUp = 2000, scaleFn } = options;
    const baseLrs = forEachGroup('base_lr', optimizer, options.baseLr);
    const maxLrs = forEachGroup('max_lr', optimizer, options.maxLr);
    if (!['triangular', 'triangular2', 'exp_range'].includes(mode) && scaleFn === undefined) {
      refuse('mode is invalid and scale_fn is None');
    }
    const cycleMomentum = options.cycleMomentum ?? true;
    const useBeta1 = cycleMomentum && cyclesBetas(optimizer);
    const least = forEachGroup('base_momentum', optimizer, options.baseMomentum ?? 0.8);
    const most = forEachGroup('max_momentum', optimizer, options.maxMomentum ?? 0.9);
    if (lastEpoch === -1) {
      optimizer.paramGroups.forEach((group, index) => {
        setRate(group, baseLrs[index]!);
        if (!cycleMomentum) return;
        setMomentum(group, useBeta1, most[index]!);
        Object.assign(group, { maxMomentum: most[index]!, baseMomentum: least[index]! });
      });
    }
    super(optimizer, lastEpoch);
    this.maxLrs = maxLrs;
    this.totalSize = stepSizeUp + (options.stepSizeDown ?? stepSizeUp);
    this.stepRatio = stepSizeUp / this.totalSize;
    this.mode = mode;
    this.gamma = options.gamma ?? 1;
    this.scaleMode = options.scaleMode ?? 'cycle';
    this.#scaleFn = scaleFn;
    this.#modeDecides();
    this.cycleMomentum = cycleMomentum;
    this.#useBeta1 = useBeta1;
    this.baseMomentums = least;
    this.maxMomentums = most;
    this.begin();
    this.setBaseLrs(baseLrs);
  }

  #modeDecides(): void {
    if (this.#scaleFn === undefined) this.scaleMode = this.mode === 'exp_range' ? 'iterations' : 'cycle';
  }

  #scale(x: number): number {
    if (this.#scaleFn !== undefined) return this.#scaleFn(x);
    if (this.mode === 'triangular2') return 1 / pyPow(2, x - 1);
    return this.mode === 'exp_range' ? pyPow(this.gamma, x) : 1;
  }

  protected getLr(): Rate[] {
    const { lastEpoch, totalSize, stepRatio } = this;
    const cycle = Math.floor(1 + lastEpoch / totalSize);
    const x = 1 + lastEpoch / totalSize - cycle;
    const height = x <= stepRatio ? x / stepRatio : (x - 1) / (stepRatio - 1);
    const scale = (): number => this.#scale(this.scaleMode === 'cycle' ? cycle : lastEpoch);
    const rates = this.baseLrs.map((base, index) =>
      sum(base, times(times(from(this.maxLrs[index]!, base), height), scale())),
    );
    if (this.cycleMomentum) {
      this.optimizer.paramGroups.forEach((group, index) => {
        const most = this.maxMomentums[index]!;
        const part = (most - this.baseMomentums[index]!) * height;
        setMomentum(group, this.#useBeta1, most - part * scale());
      });
    }
    return rates;
  }

  override stateDict(): Record<string, unknown> {
    return { ...super.stateDict(), _scale_fn_custom: null };
  }

  protected saveOptions(): Record<string, unknown> {
    const momentum = {
      use_beta1: this.#useBeta1,
      base_momentums: [...this.baseMomentums],
      max_momentums: [...this.maxMomentums],
    };
    return {
      max_lrs: [...this.maxLrs],
      total_size: this.totalSize,
      step_ratio: this.stepRatio,
      mode: this.mode,
      gamma: this.gamma,
      scale_mode: this.scaleMode,
      cycle_momentum: this.cycleMomentum,
      ...(this.cycleMomentum ? momentum : {}),
    };
  }

  protected loadOptions(state: ReadonlyMap<string, unknown>): void {
    const list = (name: string, otherwise: number[]): number[] => {
      const value = state.get(name);
      return Array.isArray(value) ? value.map((item: unknown) => checkNumber(item, name)) : otherwise;
    };
    const text = (name: string, otherwise: string): string => {
      const value = state.get(name);
      return typeof value === 'string' ? value : otherwise;
    };
    this.maxLrs = list('max_lrs', this.maxLrs);
    this.totalSize = numberOf(state, 'total_size', this.totalSize);
    this.stepRatio = numberOf(state, 'step_ratio', this.stepRatio);
    this.mode = text('mode', this.mode);
    this.gamma = numberOf(state, 'gamma', this.gamma);
    this.scaleMode = text('scale_mode', this.scaleMode);
    const [cycles, beta1] = [state.get('cycle_momentum'), state.get('use_beta1')];
    if (typeof cycles === 'boolean') this.cycleMomentum = cycles;
    if (typeof beta1 === 'boolean') this.#useBeta1 = beta1;
    this.baseMomentums = list('base_momentums', this.baseMomentums);
    this.maxMomentums = list('max_momentums', this.maxMomentums);
    this.#modeDecides();
  }
}
