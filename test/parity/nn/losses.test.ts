import assert from 'node:assert/strict';
import path from 'node:path';
import {
  CrossEntropyLoss,
  functional,
  L1Loss,
  MSELoss,
  NLLLoss,
  type CrossEntropyOptions,
  type Module,
} from '../../../lib/nn/index.js';
import {
  getNumThreads,
  manualSeed,
  rand,
  randint,
  randn,
  scope,
  setNumThreads,
  type Tensor,
} from '../../../lib/tensor/index.js';
import { recordWarnings } from '../../warnings.js';
import { digest } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

type Name = 'cross_entropy' | 'nll_loss' | 'mse_loss' | 'l1_loss';

/** One call, as both programs make it; options under Python's names. */
interface Case {
  readonly name: Name;
  readonly module: boolean;
  readonly shape: number[];
  readonly dtype: 'float32' | 'float64' | 'bfloat16';
  readonly target: {
    readonly kind: 'classes' | 'values' | 'gradient';
    readonly shape: number[];
    readonly classes?: number;
  };
  readonly weight: number[] | null;
  readonly options: Record<string, unknown>;
}

function cases(): Case[] {
  const list: Case[] = [];
  const add = (name: Name, shape: number[], target: Case['target'], more: Partial<Case> = {}): void => {
    list.push({ name, shape, target, module: false, dtype: 'float32', weight: null, options: {}, ...more });
  };
  const reductions = ['mean', 'sum', 'none'];
  const shapes: [number[], number[]][] = [
    [[7, 5], [7]],
    [[5], []],
    [
      [3, 5, 4],
      [3, 4],
    ],
    [
      [2, 5, 3, 4],
      [2, 3, 4],
    ],
  ];
  for (const name of ['cross_entropy', 'nll_loss'] as const) {
    for (const [shape, target] of shapes) {
      const classes = { kind: 'classes', shape: target, classes: 5 } as const;
      for (const reduction of reductions) {
        for (const dtype of ['float32', 'float64', 'bfloat16'] as const) {
          add(name, shape, classes, { options: { reduction }, dtype });
          add(name, shape, classes, { options: { reduction, ignore_index: 2 }, weight: [5], dtype });
        }
        add(name, shape, classes, { options: { reduction, ignore_index: 1 }, weight: [5], module: true });
        if (name === 'cross_entropy') {
          add(name, shape, classes, { options: { reduction, label_smoothing: 0.1 }, module: true });
          add(name, shape, classes, {
            options: { reduction, label_smoothing: 0.3, ignore_index: 2 },
            weight: [5],
            dtype: 'float64',
          });
          for (const label_smoothing of [0, 0.2]) {
            const values = { kind: 'gradient', shape } as const;
            add(name, shape, values, { options: { reduction, label_smoothing }, weight: [5], module: true });
            add(name, shape, values, { options: { reduction, label_smoothing } });
          }
        }
      }
      add(name, shape, classes, { module: true });
    }
    // Refused: a class, a number of targets, a weight, a reduction, a smoothing.
    add(name, [7, 5], { kind: 'classes', shape: [7], classes: 9 });
    add(name, [7, 5], { kind: 'classes', shape: [6], classes: 5 });
    add(name, [7, 5], { kind: 'values', shape: [7] });
    add(name, [7, 5], { kind: 'classes', shape: [7], classes: 5 }, { weight: [4] });
    add(name, [7, 5], { kind: 'classes', shape: [7], classes: 5 }, { options: { reduction: 'median' }, module: true });
  }
  add('cross_entropy', [7, 5], { kind: 'classes', shape: [7], classes: 5 }, { options: { label_smoothing: 1.5 } });
  add('cross_entropy', [7, 5], { kind: 'values', shape: [7, 5] }, { options: { ignore_index: 1 } });
  for (const name of ['mse_loss', 'l1_loss'] as const) {
    for (const reduction of reductions) {
      for (const dtype of ['float32', 'float64', 'bfloat16'] as const) {
        add(name, [7, 5], { kind: 'gradient', shape: [7, 5] }, { options: { reduction }, dtype });
        add(name, [7, 5], { kind: 'gradient', shape: [7, 5] }, { options: { reduction }, dtype, weight: [7, 5] });
      }
      add(name, [4], { kind: 'values', shape: [4] }, { options: { reduction }, module: true });
    }
    // Sizes of its own for each: a warning is given once.
    const rows = name === 'mse_loss' ? 4 : 6;
    add(name, [rows, 3], { kind: 'values', shape: [3] });
    add(name, [rows, 3], { kind: 'values', shape: [2] });
    add(name, [4, 3], { kind: 'values', shape: [4, 3] }, { weight: [3] });
    add(name, [4, 3], { kind: 'values', shape: [4, 3] }, { options: { reduction: 'median' } });
    add(name, [4, 3], { kind: 'values', shape: [4, 3] }, { module: true });
  }
  return list;
}

const functions = {
  cross_entropy: functional.crossEntropy,
  nll_loss: functional.nllLoss,
  mse_loss: functional.mseLoss,
  l1_loss: functional.l1Loss,
};
const modules = { cross_entropy: CrossEntropyLoss, nll_loss: NLLLoss, mse_loss: MSELoss, l1_loss: L1Loss };

function targetOf({ target, dtype }: Case): Tensor {
  if (target.kind === 'classes') return randint(0, target.classes ?? 0, target.shape);
  return rand(target.shape, { dtype, requiresGrad: target.kind === 'gradient' });
}

function run(given: Case): unknown {
  const { value, warnings } = recordWarnings(() =>
    scope(() => {
      manualSeed(21);
      const x = randn(given.shape, { dtype: given.dtype, requiresGrad: true });
      const y = targetOf(given);
      const options: Record<string, unknown> = {};
      for (const [name, option] of Object.entries(given.options)) {
        options[name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())] = option;
      }
      if (given.weight !== null) options['weight'] = rand(given.weight, { dtype: given.dtype });
      try {
        let value: Tensor;
        let head: unknown[] = [];
        if (given.module) {
          const make = modules[given.name] as new (options: CrossEntropyOptions) => Module & {
            forward(x: Tensor, y: Tensor): Tensor;
          };
          const loss = new make(options);
          value = loss.call(x, y);
          head = [String(loss), [...loss.stateDict().keys()]];
        } else {
          value = functions[given.name](x, y, options);
        }
        value.sum().backward();
        const gradients = [x, y].map((each) => each.grad).filter((grad) => grad !== null);
        return [...head, value.shape, digest(value), ...gradients.map(digest)];
      } catch (error) {
        return [(error as Error).message.replace(/^\w+: |\n {2}in .*$/gs, '')];
      }
    }),
  );
  return { outcome: value, warnings };
}

parityDescribe('losses, bit for bit', () => {
  const threads = getNumThreads();
  before(() => setNumThreads(1));
  after(() => setNumThreads(threads));

  it('values, gradients, prints, state, refusals', function () {
    this.timeout(300_000);
    const list = cases();
    const script = path.join(import.meta.dirname, 'losses.py');
    const theirs = runPython(script, [], { input: JSON.stringify(list) }).json() as unknown[];
    for (const [index, given] of list.entries()) assert.deepEqual(run(given), theirs[index], JSON.stringify(given));
  });
});
