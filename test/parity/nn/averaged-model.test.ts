import assert from 'node:assert/strict';
import path from 'node:path';
import {
  AveragedModel,
  type AveragedModelOptions,
  BatchNorm2d,
  Conv2d,
  emaAverageFn,
  emaMultiAverageFn,
  Flatten,
  Linear,
  ReLU,
  Sequential,
  updateBn,
} from '../../../lib/nn/index.js';
import { SGD } from '../../../lib/optim/index.js';
import { manualSeed, memory, noGrad, randn, scope } from '../../../lib/tensor/index.js';
import { digests } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

// Beside averaged_model.py, statement by statement.
function network(): Sequential {
  manualSeed(0);
  return new Sequential(
    new Conv2d(3, 5, { kernelSize: 3 }),
    new BatchNorm2d(5),
    new ReLU(),
    new Flatten(),
    new Linear(5 * 36, 4),
  );
}

const forms: Record<string, AveragedModelOptions> = {
  mean: {},
  ema: { multiAverageFn: emaMultiAverageFn(0.9) },
  'ema with buffers': { multiAverageFn: emaMultiAverageFn(0.99), useBuffers: true },
  'ema one by one': { averageFn: emaAverageFn(0.9), useBuffers: true },
  'by hand': {
    averageFn: (averaged, current, count) => averaged.mul(0.75).add(current.mul(0.25).div(count + 1)),
  },
};

function run(options: AveragedModelOptions): unknown {
  const model = network();
  const averaged = new AveragedModel(model, options);
  const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const batches = Array.from({ length: 6 }, () => randn([4, 3, 8, 8]));
  const steps: unknown[] = [];
  for (const x of batches) {
    scope(() => {
      optimizer.zeroGrad();
      model.call(x).square().mean().backward();
      optimizer.step();
      const before = memory();
      averaged.updateParameters(model);
      assert.deepEqual([memory().tensors, memory().bytes], [before.tensors, before.bytes]);
    });
    steps.push(digests(averaged.stateDict()));
  }
  updateBn(
    batches.map((x) => [x, 0]),
    averaged,
  );
  assert(
    averaged.training && averaged.module.modules().some((each) => each instanceof BatchNorm2d && each.momentum === 0.1),
  );
  averaged.eval();
  const out = noGrad(() => averaged.call(batches[0]!));
  const state = averaged.stateDict();
  return { steps, norms: digests(state), out: digests([['out', out]]), keys: [...state.keys()] };
}

parityDescribe('averaged models', () => {
  it('have the bits of torch.optim.swa_utils after every update, and in the norms measured anew', () => {
    const theirs = runPython(path.join(import.meta.dirname, 'averaged_model.py')).json() as Record<string, unknown>;
    assert.deepEqual(Object.keys(theirs), Object.keys(forms));
    for (const [name, options] of Object.entries(forms))
      assert.deepEqual(
        scope(() => run(options)),
        theirs[name],
        name,
      );
  });
});
