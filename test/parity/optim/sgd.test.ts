import assert from 'node:assert/strict';
import path from 'node:path';
import { SGD, type SGDOptions } from '../../../lib/optim/index.js';
import {
  getNumThreads,
  manualSeed,
  randn,
  scope,
  setNumThreads,
  Tensor,
  tensor,
  TorchError,
  type DType,
} from '../../../lib/tensor/index.js';
import { digest } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

const SHAPES = [[7, 5], [16], [], [3, 4, 2]];

/** A learning rate that is to be a tensor of one element. */
interface TensorRate {
  readonly value: number;
  readonly dtype: DType;
}

/** Lists of values by PyTorch's names; every combination is run. */
interface Case {
  readonly dtype: DType;
  readonly options: Readonly<Record<string, readonly (number | boolean | null | TensorRate)[]>>;
  /** Two groups with options of their own. */
  readonly groups?: boolean;
  /** One parameter gets its first gradient in the third step. */
  readonly late?: boolean;
}

type Options = Record<string, number | boolean | null | TensorRate>;

function combinations(lists: Case['options']): Options[] {
  return Object.entries(lists).reduce<Options[]>(
    (found, [name, values]) => found.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}

function toOurs({ weight_decay: weightDecay, tensor_lr: rate, ...rest }: Options): SGDOptions {
  const options: Record<string, unknown> = { ...rest };
  if (weightDecay !== undefined) options['weightDecay'] = weightDecay;
  if (rate !== undefined) {
    const { value, dtype } = rate as TensorRate;
    options['lr'] = tensor(value, { dtype });
  }
  return options;
}

function run(options: SGDOptions, given: Case): unknown {
  manualSeed(11);
  const params = SHAPES.map((shape) => randn(shape, { dtype: given.dtype }).requiresGrad_());
  const optimizer = given.groups
    ? new SGD(
        [
          { params: params.slice(0, 2), lr: 0.05, weightDecay: 0.01 },
          { params: params.slice(2), momentum: 0.5 },
        ],
        options,
      )
    : new SGD(params, options);
  return Array.from({ length: 5 }, (_, step) =>
    scope(() => {
      params.forEach((param, index) => {
        const gradient = randn(SHAPES[index]!, { dtype: given.dtype });
        param.grad = given.late && index === 1 && step < 2 ? null : gradient;
      });
      optimizer.step();
      return params.map((param) => {
        const buffer = optimizer.state.get(param)?.['momentum_buffer'];
        return [param, param.grad, buffer instanceof Tensor ? buffer : null].map((each) => each && digest(each));
      });
    }),
  );
}

function ours(cases: readonly Case[]): unknown[] {
  return cases.flatMap((given) =>
    combinations(given.options).map((options) => {
      try {
        return scope(() => run(toOurs(options), given));
      } catch (error) {
        if (error instanceof TorchError) return error.message;
        throw error;
      }
    }),
  );
}

parityDescribe('SGD over five steps, bit for bit', () => {
  const threads = getNumThreads();
  before(() => setNumThreads(1));
  after(() => setNumThreads(threads));

  const compare = (cases: Case[], expected: number): void => {
    const script = path.join(import.meta.dirname, 'sgd.py');
    const theirs = runPython(script, [], { input: JSON.stringify(cases) }).json() as unknown[];
    const results = ours(cases);
    assert.equal(results.length, expected);
    const labels = cases.flatMap((given) =>
      combinations(given.options).map((one) => JSON.stringify([given.dtype, one])),
    );
    results.forEach((result, index) => assert.deepEqual(result, theirs[index], labels[index]));
  };
  const flags = [false, true];

  for (const dtype of ['float32', 'float64', 'bfloat16'] as const) {
    it(`${dtype}: momentum × dampening × weight decay × nesterov × maximize × foreach`, () => {
      const options = {
        lr: [0.1],
        momentum: [0, 0.9],
        dampening: [0, 0.3],
        weight_decay: [0, 1e-4],
        nesterov: flags,
        maximize: flags,
        foreach: [null, false, true],
      };
      compare([{ dtype, options }], 96);
    });

    it(`${dtype}: fused`, () => {
      const options = {
        lr: [0.1],
        // libtorch's fused kernel rounds bfloat16 buffers differently from run to run, in Python too.
        momentum: dtype === 'bfloat16' ? [0] : [0, 0.9],
        dampening: [0, 0.3],
        weight_decay: [0, 1e-4],
        nesterov: flags,
        maximize: flags,
        fused: [true, false],
      };
      compare([{ dtype, options }], dtype === 'bfloat16' ? 32 : 64);
    });
  }

  it('a tensor for the learning rate, in each path', () => {
    const rates = [
      { value: 0.1, dtype: 'float32' as const },
      { value: 0.3, dtype: 'float64' as const },
    ];
    const common = { tensor_lr: rates, momentum: [0.9], nesterov: flags };
    compare(
      [
        { dtype: 'float32', options: { ...common, foreach: [null, true] } },
        { dtype: 'float32', options: { ...common, tensor_lr: rates.slice(0, 1), fused: [true] } },
        { dtype: 'bfloat16', options: { ...common, foreach: [null, true] } },
      ],
      18,
    );
  });

  it('groups with options of their own, and gradients that come late', () => {
    const options = { lr: [0.1], momentum: [0.9], nesterov: flags, foreach: [false, true] };
    compare(
      [
        { dtype: 'float32', options, groups: true },
        { dtype: 'float32', options, late: true },
        { dtype: 'float64', options, groups: true, late: true },
      ],
      12,
    );
  });

  it('refused options give the same message', () => {
    compare(
      [
        { dtype: 'float32', options: { lr: [-0.1, -1, -1e-7] } },
        { dtype: 'float32', options: { momentum: [-0.5, -2] } },
        { dtype: 'float32', options: { weight_decay: [-1e-5] } },
        { dtype: 'float32', options: { tensor_lr: [{ value: -0.1, dtype: 'float32' }] } },
        { dtype: 'float32', options: { nesterov: [true], momentum: [0, 0.9], dampening: [0, 0.1] } },
        { dtype: 'float32', options: { fused: [true], foreach: [true] } },
        { dtype: 'float32', options: { fused: [true], differentiable: [true] } },
      ],
      13,
    );
  });
});
