import {
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  EpochScheduler,
  ExponentialLR,
  LinearLR,
  MultiStepLR,
  OneCycleLR,
  type Optimizer,
  PolynomialLR,
  ReduceLROnPlateau,
  type Scheduler,
  SequentialLR,
  StepLR,
} from '../optim/index.js';
import type { RunConfig } from './config-schema.js';
import { SCHEDULE_FIELDS, scheduleOptions, type ScheduleOptions } from './schedule-names.js';

/** A schedule and the moments at which it moves. */
export class RunSchedule {
  readonly scheduler: Scheduler;
  readonly #every: RunConfig['scheduleEvery'];

  /** @param stepsPerEpoch steps of the optimizer in an epoch. */
  constructor(optimizer: Optimizer, config: RunConfig, stepsPerEpoch: number) {
    this.#every = config.scheduleEvery;
    this.scheduler = buildScheduler(optimizer, config, stepsPerEpoch);
  }

  /** After each step of the optimizer. */
  afterStep(): void {
    if (this.#every === 'step' && this.scheduler instanceof EpochScheduler) this.scheduler.step();
  }

  /** After the training pass of an epoch. */
  afterTraining(): void {
    if (this.#every === 'epoch' && this.scheduler instanceof EpochScheduler) this.scheduler.step();
  }

  /** After the validation pass of an epoch. */
  afterValidation(loss: number): void {
    if (this.scheduler instanceof ReduceLROnPlateau) this.scheduler.step(loss);
  }
}

function buildScheduler(optimizer: Optimizer, config: RunConfig, stepsPerEpoch: number): Scheduler {
  const { schedule, nEpochs, warmupEpochs, warmupSteps, warmupFactor, scheduleEvery } = config;
  const given = Object.fromEntries(
    SCHEDULE_FIELDS.map((field) => [field, config[field]]).filter(([, value]) => value !== undefined),
  ) as ScheduleOptions;
  const options = { ...scheduleOptions(schedule, nEpochs), ...given };
  // Epochs, or the steps in one.
  const unit = scheduleEvery === 'step' ? stepsPerEpoch : 1;
  if (schedule === 'plateau') {
    const { gamma = 0.1, patience = 10, minLr = 0 } = options;
    return new ReduceLROnPlateau(optimizer, { factor: gamma, patience, minLr });
  }
  const warm = warmupSteps > 0 ? warmupSteps : warmupEpochs * unit;
  if (warm === 0) return main(optimizer, config, options, unit, warm);
  // As torchvision's reference program chains them.
  const warmup = new LinearLR(optimizer, { startFactor: warmupFactor, totalIters: warm });
  const then = main(optimizer, config, options, unit, warm);
  return new SequentialLR(optimizer, { schedulers: [warmup, then], milestones: [warm] });
}

/** The schedule after the warm-up, in epochs or in steps. @param warm how many of them the warm-up has. */
function main(
  optimizer: Optimizer,
  config: RunConfig,
  options: ScheduleOptions,
  unit: number,
  warm: number,
): EpochScheduler {
  const { nEpochs, lr } = config;
  const length = nEpochs * unit - warm;
  const { gamma = 1, minLr = 0, milestones = [], stepSize = nEpochs, restartEpochs = nEpochs } = options;
  switch (config.schedule) {
    case 'multistep': {
      const after = milestones.map((epoch) => epoch * unit - warm).filter((epoch) => epoch > 0);
      return new MultiStepLR(optimizer, { milestones: after, gamma });
    }
    case 'step':
      return new StepLR(optimizer, { stepSize: stepSize * unit, gamma });
    case 'exponential':
      return new ExponentialLR(optimizer, { gamma: unit === 1 ? gamma : gamma ** (1 / unit) });
    case 'cosine':
      return new CosineAnnealingLR(optimizer, { tMax: length, etaMin: minLr });
    case 'cosine-restarts':
      return new CosineAnnealingWarmRestarts(optimizer, {
        t0: restartEpochs * unit,
        tMult: options.restartFactor ?? 1,
        etaMin: minLr,
      });
    case 'one-cycle':
      return new OneCycleLR(optimizer, {
        maxLr: lr,
        totalSteps: length,
        pctStart: options.riseShare ?? 0.3,
        cycleMomentum: cycles(optimizer),
      });
    case 'linear':
      return new LinearLR(optimizer, { startFactor: 1, endFactor: options.endFactor ?? 0, totalIters: length });
    case 'polynomial':
      return new PolynomialLR(optimizer, { totalIters: length, power: options.power ?? 1 });
    default:
      return new MultiStepLR(optimizer, { milestones: [] });
  }
}

/** Whether there is a momentum, or betas, for a cycle to move. */
function cycles(optimizer: Optimizer): boolean {
  return 'momentum' in optimizer.defaults || 'betas' in optimizer.defaults;
}
