import assert from 'node:assert/strict';
import path from 'node:path';
import { MultiStepLR, SGD, StepLR, type LRScheduler } from '../../../lib/optim/index.js';
import { Tensor, tensor, zeros } from '../../../lib/tensor/index.js';
import { parityDescribe, runPython } from '../python.js';

interface Case {
  readonly name: 'MultiStepLR' | 'StepLR';
  readonly lr: number;
  /** The first group's rate is a tensor. */
  readonly tensor?: boolean;
  readonly options: { readonly milestones?: number[]; readonly step_size?: number; readonly gamma?: number };
}

function bits(rate: unknown): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, rate instanceof Tensor ? rate.item() : Number(rate));
  return Buffer.from(view.buffer).toString('hex');
}

function state(scheduler: LRScheduler): Record<string, unknown> {
  const plain = scheduler.stateDict();
  const { milestones } = plain;
  if (milestones instanceof Map) {
    plain['milestones'] = [...(milestones as Map<number, number>)].sort(([one], [other]) => one - other);
  }
  plain['base_lrs'] = (plain['base_lrs'] as unknown[]).map(bits);
  plain['_last_lr'] = (plain['_last_lr'] as unknown[]).map(bits);
  return plain;
}

function run(given: Case): unknown {
  const params = [zeros([2], { requiresGrad: true }), zeros([3], { requiresGrad: true })];
  const lr = given.tensor ? tensor(given.lr) : given.lr;
  const optimizer = new SGD([{ params: params.slice(0, 1) }, { params: params.slice(1), lr: 0.03 }], { lr });
  const { gamma, milestones = [], step_size: stepSize = 1 } = given.options;
  const more = gamma === undefined ? {} : { gamma };
  const scheduler =
    given.name === 'StepLR'
      ? new StepLR(optimizer, { stepSize, ...more })
      : new MultiStepLR(optimizer, { milestones, ...more });
  const epochs: unknown[] = [[scheduler.getLastLr().map(bits), state(scheduler), Object.keys(scheduler.stateDict())]];
  for (let epoch = 0; epoch < 20; epoch++) {
    optimizer.step();
    scheduler.step();
    epochs.push([optimizer.paramGroups.map((group) => bits(group.lr)), state(scheduler), []]);
  }
  const groups = optimizer
    .stateDict()
    .param_groups.map((group) =>
      Object.fromEntries(
        Object.entries(group).map(([name, value]) => [
          name,
          name === 'lr' || name === 'initial_lr' ? bits(value) : value,
        ]),
      ),
    );
  return { epochs, groups, keys: groups.map((group) => Object.keys(group)) };
}

parityDescribe('schedulers over twenty epochs, bit for bit', () => {
  it('MultiStepLR and StepLR: rates, states, keys', () => {
    const cases: Case[] = [
      { name: 'MultiStepLR', lr: 0.1, options: { milestones: [5, 10, 15] } },
      { name: 'MultiStepLR', lr: 0.1, options: { milestones: [3, 3, 3, 7, 7, 19, 19, 19, 19], gamma: 0.3 } },
      { name: 'MultiStepLR', lr: 0.1, options: { milestones: [2.5, 4], gamma: 0.7 } },
      { name: 'MultiStepLR', lr: 0.25, options: { milestones: [4, 8, 8, 8], gamma: 1.37 }, tensor: true },
      { name: 'StepLR', lr: 0.1, options: { step_size: 3, gamma: 0.7 } },
      { name: 'StepLR', lr: 0.05, options: { step_size: 1 } },
      { name: 'StepLR', lr: 0.05, options: { step_size: 4, gamma: 0.33 }, tensor: true },
    ];
    const script = path.join(import.meta.dirname, 'schedulers.py');
    const theirs = runPython(script, [], { input: JSON.stringify(cases) }).json() as unknown[];
    cases.forEach((given, index) => assert.deepEqual(run(given), theirs[index], JSON.stringify(given)));
  });
});
