import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { clipGradNorm } from '../../../lib/nn/index.js';
import { Adagrad, Adam, GradScaler, SGD, type Optimizer } from '../../../lib/optim/index.js';
import { manualSeed, PyFloat, randn, scope, type Tensor } from '../../../lib/tensor/index.js';
import { parityDescribe, runPython } from '../python.js';

const SHAPES = [[7, 5], [16], []];

interface Case {
  readonly optimizers: readonly (readonly [name: 'SGD' | 'Adam' | 'Adagrad', options: Record<string, unknown>])[];
  readonly steps: readonly ('fine' | 'inf' | 'nan' | 'set')[];
  readonly unscale: boolean;
  readonly loaded: boolean;
}

const steps = ['fine', 'inf', 'fine', 'fine', 'nan', 'set', 'fine', 'fine', 'fine'] as const;
const momentum = { lr: 0.1, momentum: 0.9 };
const each: readonly Case['optimizers'][] = [
  [['SGD', momentum]],
  [['SGD', { ...momentum, foreach: true }]],
  [['SGD', { ...momentum, fused: true }]],
  [['Adam', { lr: 0.01, fused: true }]],
  [['Adagrad', { lr: 0.01, fused: true }]],
  [
    ['Adam', { lr: 0.01 }],
    ['SGD', { ...momentum, fused: true }],
  ],
];
const cases: Case[] = each.flatMap((optimizers) =>
  [true, false].map((unscale) => ({ optimizers, steps, unscale, loaded: unscale })),
);

const digest = (tensor: Tensor): string => createHash('sha256').update(tensor.bytes()).digest('hex').slice(0, 16);

function run(given: Case): unknown {
  manualSeed(5);
  const params = SHAPES.map((shape) => randn(shape).requiresGrad_());
  const classes = { SGD, Adam, Adagrad };
  const optimizers: Optimizer[] = given.optimizers.map(
    ([name, options], i) =>
      new classes[name](
        params.filter((_, at) => at % 2 === i),
        options,
      ),
  );
  const scaler = new GradScaler('cpu', { initScale: 64, growthFactor: 3, backoffFactor: 0.25, growthInterval: 2 });
  if (given.loaded)
    scaler.loadStateDict(
      new Map(
        Object.entries({ scale: 8, growth_factor: 1.5, backoff_factor: 0.5, growth_interval: 3, _growth_tracker: 2 }),
      ),
    );
  const done = given.steps.map((kind) =>
    scope(() => {
      for (const optimizer of optimizers) optimizer.zeroGrad();
      const inputs = SHAPES.map((shape) => randn(shape));
      if (kind === 'inf') inputs[0]!.set([0, 0], Infinity);
      if (kind === 'nan') inputs[1]!.set([3], NaN);
      const loss = params.map((param, i) => param.mul(inputs[i]!).sum()).reduce((sum, one) => sum.add(one));
      scaler.scale([loss, [loss.mul(2)]] as const)[0].backward();
      if (given.unscale) {
        scaler.unscale_(optimizers[0]!);
        clipGradNorm(
          params.filter((_, at) => at % 2 === 0),
          0.1,
        );
      }
      for (const optimizer of optimizers) scaler.step(optimizer);
      scaler.update(kind === 'set' ? 16 : undefined);
      return [...params.map(digest), scaler.getScale(), Number(scaler.stateDict().get('_growth_tracker'))];
    }),
  );
  const state = Object.fromEntries(
    [...scaler.stateDict()].map(([name, value]) => [name, value instanceof PyFloat ? value.value : value]),
  );
  return { steps: done, state };
}

parityDescribe('GradScaler on the CPU', () => {
  it('steps, leaves out, grows and backs off with the bits of torch.amp.GradScaler', function () {
    this.timeout(120_000);
    const script = fileURLToPath(new URL('grad_scaler.py', import.meta.url));
    const theirs = runPython(script, [JSON.stringify(cases)]).json() as unknown[];
    assert.equal(theirs.length, cases.length);
    cases.forEach((given, i) => {
      assert.deepEqual(run(given), theirs[i], JSON.stringify(given));
    });
  });
});
