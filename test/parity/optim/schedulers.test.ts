import assert from 'node:assert/strict';
import path from 'node:path';
import {
  CosineAnnealingLR,
  ExponentialLR,
  LambdaLR,
  MultiStepLR,
  ReduceLROnPlateau,
  SGD,
  StepLR,
  type LrLambda,
  type Optimizer,
  type OptimizerStateDict,
  type Scheduler,
} from '../../../lib/optim/index.js';
import { Tensor, tensor, zeros } from '../../../lib/tensor/index.js';
import { recordWarnings } from '../../warnings.js';
import { doubleBits } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

/** A run, as both programs make it. Names and options are Python's. */
interface Case {
  readonly schedulers: [name: string, options: Record<string, unknown>][];
  readonly lr: number;
  readonly epochs: number;
  /** The first group's rate is a tensor. */
  readonly tensor?: boolean;
  readonly dtype?: 'float32' | 'float64';
  /** What a plateau is told, over and over. */
  readonly metrics?: (number | 'nan')[];
  /** Epochs in which the step is given twice their number. */
  readonly epochs_given?: number[];
  /** The epoch at which optimizer and schedulers are made anew from their states. */
  readonly resume?: number;
  /** Resumes by this `last_epoch` instead of by the schedulers' states. */
  readonly from_epoch?: number;
  /** Never steps the optimizer. */
  readonly forgetful?: boolean;
}

function cases(): Case[] {
  const long = 400;
  const each: [string, Record<string, unknown>][] = [
    ['StepLR', { step_size: 3, gamma: 0.97 }],
    ['MultiStepLR', { milestones: [3, 3, 3, 7, 7, 19, 19, 19, 19, 250], gamma: 0.3 }],
    ['ExponentialLR', { gamma: 0.987 }],
    ['CosineAnnealingLR', { T_max: 37 }],
    ['CosineAnnealingLR', { T_max: 300, eta_min: 0.001 }],
    ['CosineAnnealingLR', { T_max: 7.5, eta_min: 0.02 }],
    ['LambdaLR', { lr_lambda: 'hyperbola' }],
    ['LambdaLR', { lr_lambda: ['warm up', 'hyperbola'] }],
  ];
  const list: Case[] = [
    { schedulers: [['MultiStepLR', { milestones: [5, 10, 15] }]], lr: 0.1, epochs: 20 },
    { schedulers: [['MultiStepLR', { milestones: [2.5, 4], gamma: 0.7 }]], lr: 0.1, epochs: 8 },
    { schedulers: [['MultiStepLR', { milestones: [4, 8, 8, 8], gamma: 1.37 }]], lr: 0.25, epochs: 20, tensor: true },
    { schedulers: [['StepLR', { step_size: 1 }]], lr: 0.05, epochs: 20 },
    { schedulers: [['ExponentialLR', { gamma: 0.9 }]], lr: 0.05, epochs: 4, forgetful: true },
  ];
  for (const one of each) {
    list.push({ schedulers: [one], lr: 0.1, epochs: long });
    list.push({ schedulers: [one], lr: 0.1, epochs: 90, tensor: true, resume: 41 });
    list.push({ schedulers: [one], lr: 0.1, epochs: 90, tensor: true, dtype: 'float64' });
    list.push({ schedulers: [one], lr: 0.1, epochs: 60, resume: 5, from_epoch: 4 });
    list.push({ schedulers: [one], lr: 0.1, epochs: 60, tensor: true, resume: 5, from_epoch: 4 });
    list.push({ schedulers: [one], lr: 0.1, epochs: 60, epochs_given: [3, 9, 10, 40], tensor: one[0] !== 'StepLR' });
  }
  for (let first = 0; first < 5; first++) {
    for (const second of [2, 3, 6])
      list.push({ schedulers: [each[first]!, each[second]!], lr: 0.1, epochs: 60, resume: 30 });
  }
  const metrics: Case['metrics'] = [
    3,
    2.9,
    2.8999,
    2.8,
    2.8,
    2.85,
    'nan',
    2.9,
    2.4,
    2.41,
    2.42,
    2.4,
    2.4,
    2.39999,
    2.4,
  ];
  for (const options of [
    { patience: 2 },
    { patience: 1, mode: 'max', factor: 0.7 },
    { patience: 0, threshold_mode: 'abs', threshold: 0.05, cooldown: 2, factor: 0.93 },
    { patience: 1, threshold_mode: 'abs', mode: 'max', min_lr: [0.001, 0.02], factor: 0.5 },
    { patience: 1, min_lr: 0.0005, eps: 1e-4, factor: 0.6 },
  ]) {
    const schedulers: Case['schedulers'] = [['ReduceLROnPlateau', options]];
    list.push({ schedulers, lr: 0.1, epochs: 120, metrics });
    list.push({ schedulers, lr: 0.1, epochs: 80, metrics, tensor: true, resume: 23 });
    list.push({ schedulers, lr: 0.1, epochs: 30, metrics, epochs_given: [4, 5] });
  }
  return list;
}

const lambdas: Record<string, LrLambda> = {
  hyperbola: (epoch) => 1 / (1 + epoch),
  'warm up': (epoch) => Math.min(1, (epoch + 1) / 7),
  constant: () => 0.95,
};

type Make = new (optimizer: Optimizer, options: unknown) => Scheduler & { step(...given: unknown[]): void };

const classes: Record<string, unknown> = {
  CosineAnnealingLR,
  ExponentialLR,
  LambdaLR,
  MultiStepLR,
  ReduceLROnPlateau,
  StepLR,
};

function plain(value: unknown): unknown {
  if (value instanceof Map) return [...(value as Map<number, number>)].sort(([one], [other]) => one - other);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Tensor) return doubleBits(value.item());
  return typeof value === 'number' ? doubleBits(value) : value;
}

function state(scheduler: Scheduler): Record<string, unknown> {
  return Object.fromEntries(Object.entries(scheduler.stateDict()).map(([name, value]) => [name, plain(value)]));
}

function make(given: Case, groups?: OptimizerStateDict): { optimizer: SGD; schedulers: InstanceType<Make>[] } {
  const params = [zeros([2], { requiresGrad: true }), zeros([3], { requiresGrad: true })];
  const lr = given.tensor ? tensor(given.lr, { dtype: given.dtype ?? 'float32' }) : given.lr;
  const optimizer = new SGD([{ params: params.slice(0, 1) }, { params: params.slice(1), lr: 0.03 }], { lr });
  if (groups !== undefined) optimizer.loadStateDict(groups);
  const schedulers = given.schedulers.map(([name, options]) => {
    const ours: Record<string, unknown> = {};
    for (const [option, value] of Object.entries(options)) {
      const camel = option.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      ours[camel === 'TMax' ? 'tMax' : camel] = value;
    }
    const { lrLambda } = ours;
    if (Array.isArray(lrLambda)) ours['lrLambda'] = lrLambda.map((key: string) => lambdas[key]);
    else if (typeof lrLambda === 'string') ours['lrLambda'] = lambdas[lrLambda];
    if (groups !== undefined && given.from_epoch !== undefined) ours['lastEpoch'] = given.from_epoch;
    return new (classes[name] as Make)(optimizer, ours);
  });
  return { optimizer, schedulers };
}

function stepArguments(given: Case, epoch: number): unknown[] {
  const list: unknown[] = [];
  if (given.metrics !== undefined) {
    const metric = given.metrics[epoch % given.metrics.length];
    list.push(metric === 'nan' ? NaN : metric);
  }
  if (given.epochs_given?.includes(epoch) === true) list.push(epoch * 2);
  return list;
}

function run(given: Case): unknown {
  const { value, warnings } = recordWarnings(() => {
    let { optimizer, schedulers } = make(given);
    const first = schedulers.map(state);
    const keys = schedulers.map((scheduler) => Object.keys(scheduler.stateDict()));
    const epochs: string[][] = [];
    for (let epoch = 0; epoch < given.epochs; epoch++) {
      if (epoch === given.resume) {
        const saved = optimizer.stateDict();
        const states = schedulers.map((scheduler) => scheduler.stateDict());
        ({ optimizer, schedulers } = make(given, saved));
        if (given.from_epoch === undefined) {
          for (const [index, scheduler] of schedulers.entries()) scheduler.loadStateDict(states[index]!);
          optimizer.loadStateDict(saved);
        }
      }
      if (given.forgetful !== true) optimizer.step();
      for (const scheduler of schedulers) scheduler.step(...stepArguments(given, epoch));
      epochs.push(optimizer.paramGroups.map(({ lr }) => doubleBits(lr instanceof Tensor ? lr.item() : lr)));
    }
    const groups = optimizer
      .stateDict()
      .param_groups.map((group) =>
        Object.fromEntries(
          Object.entries(group).map(([name, option]) => [
            name,
            name === 'lr' || name === 'initial_lr' ? plain(option) : option,
          ]),
        ),
      );
    return { first, keys, epochs, last: schedulers.map(state), groups, group_keys: groups.map(Object.keys) };
  });
  return { ...value, warnings };
}

parityDescribe('schedulers over hundreds of epochs, bit for bit', () => {
  it('rates, states, keys, resumed and side by side', function () {
    this.timeout(300_000);
    const list = cases();
    const script = path.join(import.meta.dirname, 'schedulers.py');
    const theirs = runPython(script, [], { input: JSON.stringify(list) }).json() as unknown[];
    for (const [index, given] of list.entries()) {
      assert.deepEqual(JSON.parse(JSON.stringify(run(given))), theirs[index], JSON.stringify(given));
    }
  });
});
