import assert from 'node:assert/strict';
import path from 'node:path';
import { load, save, Tuple } from '../../../lib/io/index.js';
import * as optim from '../../../lib/optim/index.js';
import type { Optimizer, OptimizerStateLike } from '../../../lib/optim/index.js';
import {
  getNumThreads,
  manualSeed,
  noGrad,
  ops,
  randn,
  scope,
  setNumThreads,
  Tensor,
  tensor,
  TorchError,
  type DType,
} from '../../../lib/tensor/index.js';
import { digest, doubleBits } from '../digest.js';
import { parityDescribe, runPython, withTemporaryFolder } from '../python.js';

const SHAPES = { weight1: [6, 4], bias1: [6], weight2: [3, 6], bias2: [3], scale: [] };
const LOOKED_AT = new Set([0, 1, 6, 19]);

/** A learning rate that is to be a tensor. */
interface TensorValue {
  readonly tensor: number | readonly number[];
  readonly dtype: DType;
}

type Value = number | boolean | null | readonly number[] | TensorValue;

/** Names and options are Python's. */
interface Case {
  readonly optimizer: string;
  readonly dtype: DType;
  readonly options: Readonly<Record<string, Value>>;
}

type Params = Record<string, Tensor>;
type Make = new (params: Tensor[], options: Record<string, unknown>) => Optimizer;

const isTensorValue = (value: Value): value is TensorValue =>
  typeof value === 'object' && value !== null && 'tensor' in value;

function make(given: Case): { params: Params; optimizer: Optimizer } {
  manualSeed(3);
  const params = Object.fromEntries(
    Object.entries(SHAPES).map(([name, shape]) => [name, randn(shape, { dtype: given.dtype }).requiresGrad_()]),
  );
  const options = Object.entries(given.options).map(([name, value]) => [
    name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    isTensorValue(value) ? tensor(value.tensor, { dtype: value.dtype }) : value,
  ]);
  const Class = (optim as unknown as Record<string, Make>)[given.optimizer]!;
  return {
    params,
    optimizer: new Class(Object.values(params), Object.fromEntries(options) as Record<string, unknown>),
  };
}

function train({ dtype }: Case, params: Params, optimizer: Optimizer, first: number, last: number): unknown[] {
  const looks: unknown[] = [];
  for (let step = first; step < last; step++) {
    scope(() => {
      manualSeed(100 + step);
      if (dtype === 'float32' || dtype === 'float64') {
        const [x, y] = [randn([5, 4], { dtype }), randn([5, 3], { dtype })];
        optimizer.zeroGrad();
        const hidden = ops.linear(x, params['weight1']!, params['bias1']).tanh();
        const out = ops.linear(hidden, params['weight2']!, params['bias2']).mul(params['scale']!);
        ops.mseLoss(out, y).backward();
      } else {
        for (const param of Object.values(params)) param.grad = randn(param.shape, { dtype });
      }
      optimizer.step();
      if (LOOKED_AT.has(step)) looks.push(look(params, optimizer));
    });
  }
  return looks;
}

function look(params: Params, optimizer: Optimizer): unknown[] {
  const states = Object.values(params).map((param) =>
    Object.fromEntries(
      Object.entries(optimizer.state.get(param) ?? {}).map(([name, value]) => [name, digest(value as Tensor)]),
    ),
  );
  return [Object.values(params).map(digest), states, states.map((state) => Object.keys(state))];
}

function plain(value: unknown): unknown {
  if (typeof value === 'number') return doubleBits(value);
  if (value instanceof Tensor) return digest(value);
  if (Array.isArray(value)) return [value instanceof Tuple ? 'tuple' : 'list', ...Array.from(value, plain)];
  return value;
}

function groups(optimizer: Optimizer): unknown[] {
  return optimizer
    .stateDict()
    .param_groups.map((group) => Object.entries(group).map(([name, value]) => [name, plain(value)]));
}

function run(given: Case): unknown {
  return scope(() => {
    try {
      const { params, optimizer } = make(given);
      return { looks: train(given, params, optimizer, 0, 20), groups: groups(optimizer) };
    } catch (error) {
      if (error instanceof TorchError) return error.message;
      throw error;
    }
  });
}

/** Every optimizer with the options that change its steps. */
const STEPS: Readonly<Record<string, readonly Readonly<Record<string, Value>>[]>> = {
  Adam: [
    { lr: 0.05 },
    { weight_decay: 0.1, maximize: true, betas: [0.8, 0.95] },
    { amsgrad: true, weight_decay: 0.02, eps: 0.001 },
    { decoupled_weight_decay: true, weight_decay: 0.1, amsgrad: true, lr: 0.3 },
  ],
  AdamW: [{ lr: 0.05 }, { amsgrad: true, maximize: true, weight_decay: 0.3 }, { weight_decay: 0, betas: [0, 0.5] }],
  Adamax: [{}, { weight_decay: 0.1, lr: 0.1 }, { maximize: true, eps: 0.01 }, { maximize: true, weight_decay: 0.2 }],
  NAdam: [
    {},
    { weight_decay: 0.1, momentum_decay: 0.1, maximize: true },
    { weight_decay: 0.1, decoupled_weight_decay: true, lr: 0.1 },
  ],
  RAdam: [
    { lr: 0.05 },
    { weight_decay: 0.1, maximize: true, betas: [0.7, 0.9] },
    { weight_decay: 0.1, decoupled_weight_decay: true, betas: [0.9, 0.5] },
  ],
  RMSprop: [
    {},
    { momentum: 0.9, weight_decay: 0.1 },
    { centered: true, maximize: true, alpha: 0.9 },
    { centered: true, momentum: 0.5, weight_decay: 0.01, maximize: true, lr: 0.001 },
  ],
  Adagrad: [
    {},
    { lr_decay: 0.1, weight_decay: 0.1, lr: 0.3 },
    { initial_accumulator_value: 0.5, maximize: true, eps: 0.001 },
    { lr_decay: 0.1, weight_decay: 0.1, maximize: true },
  ],
  Adadelta: [{}, { rho: 0.5, weight_decay: 0.1, lr: 0.3 }, { maximize: true, weight_decay: 0.2, eps: 0.001 }],
  ASGD: [
    {},
    { lambd: 0.1, alpha: 0.5, t0: 5, lr: 0.1 },
    { weight_decay: 0.1, maximize: true, t0: 0 },
    { maximize: true, lambd: 0.01, lr: 0.3 },
  ],
  Rprop: [{}, { etas: [0.4, 1.5], step_sizes: [0.001, 0.02] }, { maximize: true, lr: 0.1 }],
};

const PATHS = [{}, { foreach: false }, { foreach: true }];
const FUSED = ['Adam', 'AdamW', 'Adagrad'];
const NAMES = Object.keys(STEPS);

const caseOf = (optimizer: string, options: Case['options'], dtype: DType = 'float32'): Case => ({
  optimizer,
  dtype,
  options,
});

/** Each optimizer, its options, each path. */
function stepCases(): Case[] {
  const all = (
    dtype: DType,
    paths: readonly Case['options'][],
    names = NAMES,
    sets: (number | undefined)[] = [],
  ): Case[] =>
    names.flatMap((name) =>
      STEPS[name]!.slice(...sets).flatMap((options) =>
        paths.map((each) => caseOf(name, { ...options, ...each }, dtype)),
      ),
    );
  return [
    ...all('float32', PATHS),
    ...all('float64', PATHS.slice(2)),
    // The second set of each one has a weight decay or maximizes.
    ...all('bfloat16', PATHS.slice(1), NAMES, [1, 2]),
    ...all('complex64', PATHS.slice(1), NAMES, [1, 2]),
    ...all('float32', [{ fused: true }], FUSED),
    ...all('float64', [{ fused: true }], FUSED, [1, 3]),
    ...all('bfloat16', [{ fused: true }], FUSED, [1, 3]),
    caseOf('Adam', { fused: false }),
  ];
}

/** A tensor for the learning rate, in each path that takes one and in those that refuse it. */
function rateCases(): Case[] {
  const lr = { tensor: 0.03, dtype: 'float32' } as const;
  const wide = { tensor: [0.03], dtype: 'float64' } as const;
  return [
    ...NAMES.flatMap((name) => PATHS.map((each) => caseOf(name, { ...STEPS[name]![1], ...each, lr }))),
    ...NAMES.map((name) => caseOf(name, { ...STEPS[name]![2], lr: wide })),
    ...FUSED.map((name) => caseOf(name, { fused: true, lr })),
  ];
}

/** Options that PyTorch refuses, when the optimizer is made or in its first step. */
function refusedCases(): Case[] {
  const of = (name: string, ...options: Case['options'][]): Case[] => options.map((each) => caseOf(name, each));
  const several: TensorValue = { tensor: [1, 2], dtype: 'float32' };
  const shared = [{ lr: -0.1 }, { lr: several }, { weight_decay: -1 }, { eps: -1e-7 }];
  const betas = [{ betas: [-0.1, 0.9] }, { betas: [0.5, 1.5] }];
  const capturable = [
    { capturable: true, foreach: false },
    { capturable: true, foreach: true },
  ];
  const fused = [
    { fused: true, foreach: true },
    { fused: true, differentiable: true },
  ];
  return [
    ...['Adam', 'AdamW', 'Adamax', 'NAdam', 'RAdam'].flatMap((name) => of(name, ...shared, ...betas, ...capturable)),
    ...['RMSprop', 'Adadelta'].flatMap((name) => of(name, ...shared, ...capturable)),
    ...of('RMSprop', { momentum: -1 }, { alpha: -0.5 }),
    ...of('Adadelta', { rho: 1.5 }, { rho: -0.5 }),
    ...of('Adagrad', ...shared, ...fused, { lr_decay: -1 }, { initial_accumulator_value: -0.5 }),
    ...of('ASGD', ...shared.slice(0, 3), ...capturable),
    ...of('Rprop', ...shared.slice(0, 2), ...capturable, { etas: [0.5, 0.75] }, { etas: [1.5, 2.5] }),
    ...of('NAdam', { momentum_decay: -0.5 }),
    ...['Adam', 'AdamW'].flatMap((name) => of(name, ...fused)),
  ];
}

function checkpointCases(): Case[] {
  return [
    ...NAMES.map((name, index) => caseOf(name, STEPS[name]![1]!, index % 2 === 0 ? 'bfloat16' : 'float32')),
    caseOf('NAdam', {}, 'bfloat16'),
    caseOf('Adam', { amsgrad: true, foreach: true }),
    caseOf('AdamW', { fused: true }, 'bfloat16'),
    caseOf('Adagrad', { fused: true }),
    caseOf('Adam', { lr: { tensor: 0.03, dtype: 'float64' } }, 'float64'),
  ];
}

parityDescribe('optimizers over twenty steps, bit for bit', function () {
  this.timeout(300_000);
  const threads = getNumThreads();
  before(() => setNumThreads(1));
  after(() => setNumThreads(threads));
  const script = path.join(import.meta.dirname, 'optimizers.py');
  const python = (given: object): Record<string, unknown[]> =>
    runPython(script, [], { input: JSON.stringify(given) }).json() as Record<string, unknown[]>;

  it('each with its options in every path and dtype, with tensors for rates, and refusals', () => {
    const [steps, rates, refused] = [stepCases(), rateCases(), refusedCases()];
    const cases = [...steps, ...rates, ...refused];
    const theirs = python({ run: cases })['run']!;
    assert.equal(theirs.length, cases.length);
    cases.forEach((given, index) => assert.deepEqual(run(given), theirs[index], JSON.stringify(given)));
    const isText = theirs.map((result) => typeof result === 'string');
    assert.ok(!isText.slice(0, steps.length).includes(true), 'no options are refused by accident');
    assert.ok(!isText.slice(-refused.length).includes(false), 'all of the others are refused');
  });

  it('checkpoints go to Python and come from there', async () => {
    const cases = checkpointCases();
    await withTemporaryFolder((folder) => {
      // What Python reads back from its own file: states other than `step` come back in the parameter's dtype.
      const theirs = python({ save: cases, folder })['save']!;
      for (const [index, given] of cases.entries()) {
        const { params, optimizer } = make(given);
        train(given, params, optimizer, 0, 10);
        save({ params, optimizer: optimizer.stateDict() }, path.join(folder, `ours-${index}.pt`));

        const saved = load(path.join(folder, `python-${index}.pt`)) as Map<string, Map<string, Tensor>>;
        const resumed = make(given);
        noGrad(() => {
          for (const [name, value] of saved.get('params')!) resumed.params[name]!.copy_(value);
        });
        resumed.optimizer.loadStateDict(saved.get('optimizer') as OptimizerStateLike);
        const first = [look(resumed.params, resumed.optimizer), groups(resumed.optimizer)];
        const rest = train(given, resumed.params, resumed.optimizer, 10, 20);
        assert.deepEqual([first, rest], theirs[index], JSON.stringify(given));
      }
      const back = python({ load: cases, folder })['load'];
      assert.deepEqual(back, theirs);
    });
  });
});
