/** Options of a schedule of learning rates that a run may choose. */
export interface ScheduleOptions {
  /** Epochs after which the learning rate falls. */
  readonly milestones?: readonly number[];
  /** What it is multiplied by when it falls. */
  readonly gamma?: number;
  /** Epochs between two falls. */
  readonly stepSize?: number;
  /** What it ends at. */
  readonly minLr?: number;
  /** Epochs until the first restart. */
  readonly restartEpochs?: number;
  /** How many times as long each fall is as the one before. */
  readonly restartFactor?: number;
  readonly power?: number;
  /** Epochs without a better validation loss before it falls. */
  readonly patience?: number;
  /** The share of a cycle in which it rises. */
  readonly riseShare?: number;
  /** What it is multiplied by at the end of a straight line. */
  readonly endFactor?: number;
}

/**
 * The learning rate falls at one half and three quarters of the epochs, rounded up to whole ones.
 *
 * The efficient_densenet_pytorch script passes `[0.5 * n, 0.75 * n]` as floats, of which MultiStepLR ignores those that
 * are not whole; for 2 epochs and for every multiple of 4 both give the same learning rates.
 */
export function defaultMilestones(nEpochs: number): number[] {
  return [Math.ceil(0.5 * nEpochs), Math.ceil(0.75 * nEpochs)];
}

const third = (nEpochs: number): number => Math.max(1, Math.ceil(nEpochs / 3));

/** What each schedule takes, with its defaults for a number of epochs. Nothing here loads libtorch. */
const OPTIONS = {
  multistep: (nEpochs: number) => ({ milestones: defaultMilestones(nEpochs), gamma: 0.1 }),
  step: (nEpochs: number) => ({ stepSize: third(nEpochs), gamma: 0.1 }),
  exponential: () => ({ gamma: 0.95 }),
  cosine: () => ({ minLr: 0 }),
  'cosine-restarts': (nEpochs: number) => ({ restartEpochs: third(nEpochs), restartFactor: 1, minLr: 0 }),
  'one-cycle': () => ({ riseShare: 0.3 }),
  linear: () => ({ endFactor: 0 }),
  polynomial: () => ({ power: 2 }),
  plateau: () => ({ gamma: 0.1, patience: 10, minLr: 0 }),
  constant: () => ({}),
} as const satisfies Record<string, (nEpochs: number) => ScheduleOptions>;

/** Names of the schedules. */
export type ScheduleName = keyof typeof OPTIONS;

/** All names, for options and schemas. */
export const SCHEDULE_NAMES = Object.keys(OPTIONS) as [ScheduleName, ...ScheduleName[]];

/** What a schedule takes, and the defaults for a number of epochs. */
export function scheduleOptions(name: ScheduleName, nEpochs: number): ScheduleOptions {
  return OPTIONS[name](nEpochs);
}

/** Every option of any schedule. */
export const SCHEDULE_FIELDS = [
  'milestones',
  'gamma',
  'stepSize',
  'minLr',
  'restartEpochs',
  'restartFactor',
  'power',
  'patience',
  'riseShare',
  'endFactor',
] as const satisfies readonly (keyof ScheduleOptions)[];

/** How often a schedule is asked for the learning rate: after each epoch, or after each step of the optimizer. */
export const SCHEDULE_UNITS = ['epoch', 'step'] as const;
export type ScheduleUnit = (typeof SCHEDULE_UNITS)[number];
