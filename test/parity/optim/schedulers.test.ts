import assert from 'node:assert/strict';
import path from 'node:path';
import * as optim from '../../../lib/optim/index.js';
import type { LrLambda, Optimizer, OptimizerStateDict, Scheduler } from '../../../lib/optim/index.js';
import { Tensor, tensor, TorchError, zeros } from '../../../lib/tensor/index.js';
import { recordWarnings } from '../../warnings.js';
import { doubleBits } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

type Spec = [name: string, options: Record<string, unknown>];

/** A run, as both programs make it. Names and options are Python's. */
interface Case {
  readonly schedulers: Spec[];
  /** The optimizer is Adam, whose momentum is the first of its betas. */
  readonly adam?: boolean;
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
  return [...list, ...laterCases(), ...severalCases()];
}

function laterCases(): Case[] {
  const list: Case[] = [];
  const each: Spec[] = [
    ['ConstantLR', {}],
    ['ConstantLR', { factor: 0.7, total_iters: 9 }],
    ['LinearLR', {}],
    ['LinearLR', { start_factor: 0.03, end_factor: 0.9, total_iters: 23 }],
    ['PolynomialLR', {}],
    ['PolynomialLR', { total_iters: 47, power: 0.9 }],
    ['MultiplicativeLR', { lr_lambda: ['constant', 'warm up'] }],
    ['CosineAnnealingWarmRestarts', { T_0: 7 }],
    ['CosineAnnealingWarmRestarts', { T_0: 3, T_mult: 2, eta_min: 0.001 }],
    ['CyclicLR', { base_lr: 0.001, max_lr: 0.1, step_size_up: 7 }],
    [
      'CyclicLR',
      { base_lr: [0.01, 0.002], max_lr: [0.1, 0.3], step_size_up: 5, step_size_down: 9, mode: 'triangular2' },
    ],
    ['CyclicLR', { base_lr: 0.01, max_lr: 0.2, step_size_up: 4, mode: 'exp_range', gamma: 0.97, max_momentum: 0.7 }],
    ['CyclicLR', { base_lr: 0.01, max_lr: 0.2, step_size_up: 4, scale_fn: 'hyperbola', cycle_momentum: false }],
    ['OneCycleLR', { max_lr: 0.3, total_steps: 91 }],
    [
      'OneCycleLR',
      { max_lr: [0.3, 0.1], epochs: 10, steps_per_epoch: 10, anneal_strategy: 'linear', three_phase: true },
    ],
    ['OneCycleLR', { max_lr: 0.3, total_steps: 95, pct_start: 0.2, cycle_momentum: false, final_div_factor: 77 }],
    ['SWALR', { swa_lr: 0.05 }],
    ['SWALR', { swa_lr: [0.2, 0.01], anneal_epochs: 25, anneal_strategy: 'linear' }],
    ['SWALR', { swa_lr: 0.05, anneal_epochs: 0 }],
  ];
  for (const one of each) {
    list.push({ schedulers: [one], lr: 0.1, epochs: 90, adam: true });
    list.push({ schedulers: [one], lr: 0.1, epochs: 60, tensor: true, resume: 21 });
    list.push({ schedulers: [one], lr: 0.1, epochs: 40, tensor: true, dtype: 'float64' });
    list.push({ schedulers: [one], lr: 0.1, epochs: 40, resume: 5, from_epoch: 4 });
    list.push({ schedulers: [one], lr: 0.1, epochs: 45, epochs_given: [3, 9, 10, 21] });
  }
  return list;
}

function severalCases(): Case[] {
  const warmUp: Spec = ['LinearLR', { total_iters: 5, start_factor: 0.1 }];
  const cosine: Spec = ['CosineAnnealingLR', { T_max: 20 }];
  const each: Spec[] = [
    ['SequentialLR', { schedulers: [warmUp, cosine], milestones: [5] }],
    [
      'SequentialLR',
      { schedulers: [warmUp, ['ExponentialLR', { gamma: 0.9 }], ['StepLR', { step_size: 4 }]], milestones: [5, 12] },
    ],
    [
      'SequentialLR',
      {
        schedulers: [
          ['ConstantLR', {}],
          ['PolynomialLR', { total_iters: 9 }],
        ],
        milestones: [0],
      },
    ],
    [
      'ChainedScheduler',
      {
        schedulers: [
          ['ConstantLR', { total_iters: 4 }],
          ['ExponentialLR', { gamma: 0.9 }],
        ],
      },
    ],
    [
      'SequentialLR',
      {
        schedulers: [['ChainedScheduler', { schedulers: [warmUp, ['StepLR', { step_size: 2 }]] }], cosine],
        milestones: [6],
      },
    ],
    [
      'ChainedScheduler',
      {
        schedulers: [
          ['SequentialLR', { schedulers: [warmUp, cosine], milestones: [7] }],
          ['ExponentialLR', { gamma: 0.97 }],
        ],
      },
    ],
  ];
  return each.flatMap((one): Case[] => [
    { schedulers: [one], lr: 0.1, epochs: 30 },
    { schedulers: [one], lr: 0.1, epochs: 30, tensor: true, resume: 9 },
  ]);
}

/** Options that the constructors refuse. */
function refusedCases(): Case[] {
  const step: Spec = ['StepLR', { step_size: 2 }];
  const each: Spec[] = [
    ['ConstantLR', { factor: 1.5 }],
    ['LinearLR', { start_factor: 0 }],
    ['LinearLR', { end_factor: 1.5 }],
    ['CosineAnnealingWarmRestarts', { T_0: 0 }],
    ['CosineAnnealingWarmRestarts', { T_0: 1.5 }],
    ['CosineAnnealingWarmRestarts', { T_0: 2, T_mult: 0 }],
    ['CyclicLR', { base_lr: 0.1, max_lr: 0.2, mode: 'square' }],
    ['CyclicLR', { base_lr: [0.1], max_lr: 0.2 }],
    ['OneCycleLR', { max_lr: 0.1 }],
    ['OneCycleLR', { max_lr: 0.1, total_steps: -3 }],
    ['OneCycleLR', { max_lr: 0.1, epochs: 1.5, steps_per_epoch: 2 }],
    ['OneCycleLR', { max_lr: 0.1, epochs: 3, steps_per_epoch: 0 }],
    ['OneCycleLR', { max_lr: 0.1, total_steps: 5, pct_start: 1.5 }],
    ['OneCycleLR', { max_lr: 0.1, total_steps: 5, anneal_strategy: 'square' }],
    ['OneCycleLR', { max_lr: [0.1, 0.2, 0.3], total_steps: 5 }],
    ['SWALR', { swa_lr: [0.1, 0.2, 0.3] }],
    ['SWALR', { swa_lr: 0.1, anneal_strategy: 'square' }],
    ['SWALR', { swa_lr: 0.1, anneal_epochs: -1 }],
    ['SWALR', { swa_lr: 0.1, anneal_epochs: 2.5 }],
    ['SequentialLR', { schedulers: [], milestones: [] }],
    ['SequentialLR', { schedulers: [step, step], milestones: [1, 2] }],
    ['SequentialLR', { schedulers: [step, ['ReduceLROnPlateau', {}]], milestones: [1] }],
    ['ChainedScheduler', { schedulers: [] }],
    ['ChainedScheduler', { schedulers: [step, ['ReduceLROnPlateau', {}]] }],
    ['MultiplicativeLR', { lr_lambda: ['constant'] }],
  ];
  return each.map((one) => ({ schedulers: [one], lr: 0.1, epochs: 1 }));
}

const lambdas: Record<string, LrLambda> = {
  hyperbola: (epoch) => 1 / (1 + epoch),
  'warm up': (epoch) => Math.min(1, (epoch + 1) / 7),
  constant: () => 0.95,
};

type Make = new (optimizer: Optimizer, options: unknown) => Scheduler & { step(...given: unknown[]): void };

function plain(value: unknown): unknown {
  if (value instanceof Map) {
    const entries = [...(value as Map<number, number>)].sort(([one], [other]) => one - other);
    return entries.map(([epoch, count]) => [epoch, plain(count)]);
  }
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Tensor) return doubleBits(value.item());
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
    return entries.map(([name, item]) => [name, plain(item)]);
  }
  return typeof value === 'number' ? doubleBits(value) : value;
}

function state(scheduler: Scheduler): Record<string, unknown> {
  return Object.fromEntries(Object.entries(scheduler.stateDict()).map(([name, value]) => [name, plain(value)]));
}

function build([name, options]: Spec, optimizer: Optimizer, lastEpoch?: number): InstanceType<Make> {
  const ours: Record<string, unknown> = lastEpoch === undefined ? {} : { lastEpoch };
  for (const [option, value] of Object.entries(options)) {
    const camel = option.replace(/^T_/, 't_').replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    ours[camel] = value;
  }
  for (const key of ['lrLambda', 'scaleFn']) {
    const value = ours[key];
    if (Array.isArray(value)) ours[key] = value.map((each: string) => lambdas[each]);
    else if (typeof value === 'string') ours[key] = lambdas[value];
  }
  const { schedulers } = ours;
  if (Array.isArray(schedulers)) ours['schedulers'] = schedulers.map((one: Spec) => build(one, optimizer));
  if (name === 'ChainedScheduler') {
    return new optim.ChainedScheduler(ours['schedulers'] as optim.EpochScheduler[]);
  }
  return new (optim as unknown as Record<string, Make>)[name]!(optimizer, ours);
}

function make(given: Case, groups?: OptimizerStateDict): { optimizer: Optimizer; schedulers: InstanceType<Make>[] } {
  const params = [zeros([2], { requiresGrad: true }), zeros([3], { requiresGrad: true })];
  const lr = given.tensor ? tensor(given.lr, { dtype: given.dtype ?? 'float32' }) : given.lr;
  const both = [{ params: params.slice(0, 1) }, { params: params.slice(1), lr: 0.03 }];
  const optimizer: Optimizer = given.adam === true ? new optim.Adam(both, { lr }) : new optim.SGD(both, { lr });
  if (groups !== undefined) optimizer.loadStateDict(groups);
  const lastEpoch = groups === undefined ? undefined : given.from_epoch;
  return { optimizer, schedulers: given.schedulers.map((one) => build(one, optimizer, lastEpoch)) };
}

function momentumOf(group: object): string {
  const { betas, momentum } = group as { betas?: readonly number[]; momentum?: number };
  return doubleBits(betas?.[0] ?? momentum ?? NaN);
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
    const epochs: string[][][] = [];
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
      epochs.push(
        optimizer.paramGroups.map((group) => {
          const { lr } = group;
          return [doubleBits(lr instanceof Tensor ? lr.item() : lr), momentumOf(group)];
        }),
      );
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
    const [list, refused] = [cases(), refusedCases()];
    const script = path.join(import.meta.dirname, 'schedulers.py');
    const input = JSON.stringify({ cases: list, refused });
    const [theirs, refusals] = runPython(script, [], { input }).json() as [unknown[], unknown[]];
    for (const [index, given] of list.entries()) {
      assert.deepEqual(JSON.parse(JSON.stringify(run(given))), theirs[index], JSON.stringify(given));
    }
    for (const [index, given] of refused.entries()) {
      const message = refusals[index];
      assert.ok(typeof message === 'string', JSON.stringify(given));
      const same = (error: unknown): boolean => error instanceof TorchError && error.message === message;
      assert.throws(() => make(given), same, `${JSON.stringify(given)}: ${message}`);
    }
  });
});
