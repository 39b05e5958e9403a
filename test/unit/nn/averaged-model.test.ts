import assert from 'node:assert/strict';
import {
  AveragedModel,
  BatchNorm1d,
  emaAverageFn,
  emaMultiAverageFn,
  Linear,
  Sequential,
  updateBn,
} from '../../../lib/nn/index.js';
import { scope, tensor, zeros } from '../../../lib/tensor/index.js';

describe('AveragedModel', () => {
  it('says in PyTorch’s words what it does not take', () => {
    for (const make of [emaAverageFn, emaMultiAverageFn]) {
      assert.throws(() => make(1.5), /Invalid decay value 1.5 provided. Please provide a value in \[0,1\] range./);
      assert.throws(() => make(NaN), { code: 'value' });
    }
    scope(() => {
      const both = { averageFn: emaAverageFn(), multiAverageFn: emaMultiAverageFn() };
      assert.throws(() => new AveragedModel(new Linear(2, 2), both), /Only one of avg_fn and multi_avg_fn/);
      const averaged = new AveragedModel(new Linear(2, 2));
      assert.throws(() => averaged.updateParameters(new Linear(2, 2, { bias: false })), /the 2 tensors.*one with 1/);
      assert.equal(averaged.n_averaged.item(), 0);
    });
  });

  it('leaves a model as it was when a batch cannot be used', () => {
    scope(() => {
      const model = new Sequential(new BatchNorm1d(2)).eval();
      assert.throws(
        () =>
          updateBn(
            [
              tensor([
                [1, 2],
                [3, 4],
              ]),
              'x',
            ],
            model,
          ),
        /array that begins with one, for a batch but received string/,
      );
      const norm = model.modules()[1] as BatchNorm1d;
      assert.deepEqual([model.training, norm.training, norm.momentum], [false, false, 0.1]);
      assert.deepEqual(norm.running_mean!.toArray(), [2, 3]);
      assert.deepEqual((model.call(zeros([1, 2])) as { shape: readonly number[] }).shape, [1, 2]);
    });
  });
});
