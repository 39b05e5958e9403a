import { Option } from '@commander-js/extra-typings';
import { SCHEDULE_NAMES, SCHEDULE_UNITS } from '../train/schedule-names.js';
import { choice, decimal, epochList, positiveInteger, wholeNumber } from './values.js';

const share = (flag: string) => decimal(flag, 'a number above 0 and up to 1', (value) => value > 0 && value <= 1);
const amount = (flag: string) => decimal(flag, 'a number from 0', (value) => value >= 0);

/** The options that say how the learning rate changes. */
export const scheduleOptions = {
  schedule: () =>
    new Option('--schedule <name>', `${SCHEDULE_NAMES.join(', ')} (default: multistep)`).argParser(
      choice('--schedule', SCHEDULE_NAMES),
    ),
  scheduleEvery: () =>
    new Option(
      '--schedule-every <unit>',
      'epoch or step: when it changes (default: epoch; of one-cycle step)',
    ).argParser(choice('--schedule-every', SCHEDULE_UNITS)),
  warmupEpochs: () =>
    new Option('--warmup-epochs <n>', 'epochs in which it rises to --lr first (default: 0)').argParser(
      wholeNumber('--warmup-epochs'),
    ),
  warmupSteps: () =>
    new Option(
      '--warmup-steps <n>',
      'the same in steps of the optimizer; the schedule then moves with each step, too',
    ).argParser(wholeNumber('--warmup-steps')),
  warmupFactor: () =>
    new Option('--warmup-factor <x>', 'the share of --lr that the warm-up begins with (default: 0.01)').argParser(
      share('--warmup-factor'),
    ),
  milestones: () =>
    new Option(
      '--milestones <list>',
      'multistep: epochs after which it falls, as 150,225, or none (default: 1/2 and 3/4 of the epochs, rounded up)',
    ).argParser(epochList('--milestones')),
  gamma: () =>
    new Option(
      '--gamma <x>',
      'multistep, step, plateau, exponential: what it is multiplied by (default: 0.1; exponential 0.95)',
    ).argParser(share('--gamma')),
  stepSize: () =>
    new Option('--step-size <n>', 'step: epochs between two falls (default: a third of all)').argParser(
      positiveInteger('--step-size'),
    ),
  minLr: () =>
    new Option('--min-lr <x>', 'cosine, cosine-restarts, plateau: the least learning rate (default: 0)').argParser(
      amount('--min-lr'),
    ),
  restartEpochs: () =>
    new Option(
      '--restart-epochs <n>',
      'cosine-restarts: epochs until the first restart (default: a third of all)',
    ).argParser(positiveInteger('--restart-epochs')),
  restartFactor: () =>
    new Option(
      '--restart-factor <n>',
      'cosine-restarts: how many times as long the next fall takes (default: 1)',
    ).argParser(positiveInteger('--restart-factor')),
  riseShare: () =>
    new Option('--rise-share <x>', 'one-cycle: the share of the run in which it rises (default: 0.3)').argParser(
      decimal('--rise-share', 'a number above 0 and below 1', (value) => value > 0 && value < 1),
    ),
  endFactor: () =>
    new Option('--end-factor <x>', 'linear: the share of --lr that it ends at (default: 0)').argParser(
      decimal('--end-factor', 'a number from 0 to 1', (value) => value >= 0 && value <= 1),
    ),
  power: () =>
    new Option('--power <x>', 'polynomial: the power of what is left (default: 2)').argParser(amount('--power')),
  patience: () =>
    new Option(
      '--patience <n>',
      'plateau: epochs without a better validation loss that it bears (default: 10)',
    ).argParser(wholeNumber('--patience')),
} as const;
