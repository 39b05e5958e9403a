import assert from 'node:assert/strict';
import {
  backward,
  enableGrad,
  grad,
  inferenceMode,
  isGradEnabled,
  noGrad,
  ones,
  ops,
  scope,
  tensor,
} from '../../../lib/tensor/index.js';

describe('autograd', () => {
  it('accumulates gradients into leaves', () => {
    const x = tensor([1, 2, 3], { requiresGrad: true });
    x.mul(x).sum().backward();
    assert.deepEqual(x.grad?.toArray(), [2, 4, 6]);
    x.sum().backward();
    assert.deepEqual(x.grad.toArray(), [3, 5, 7]);
    x.grad = null;
    assert.equal(x.grad, null);
    x.mul(2).backward({ gradient: tensor([1, 10, 100]) });
    assert.deepEqual((x.grad as unknown as typeof x).toArray(), [2, 20, 200]);
  });

  it('knows leaves and functions', () => {
    const x = tensor([1], { requiresGrad: true });
    const y = x.add(1);
    assert.deepEqual(
      [x.isLeaf, x.gradFn, y.isLeaf, y.gradFn?.name, y.requiresGrad],
      [true, null, false, 'AddBackward0', true],
    );
    assert.deepEqual([y.detach().requiresGrad, y.detach().storageId() === y.storageId()], [false, true]);
    assert.equal(x.data.requiresGrad, false);
    assert.throws(() => (y.requiresGrad = false), /you can only change requires_grad flags of leaf variables/);
    assert.throws(
      () => tensor([1n], { requiresGrad: true }),
      /only Tensors of floating point and complex dtype can require gradients/,
    );
    assert.throws(() => x.add_(1), /a leaf Variable that requires grad is being used in an in-place operation/);
    assert.throws(() => (x.grad = x), /can't assign Tensor as its own grad/);
    assert.throws(() => (x.grad = ones([2])), /assigned grad has data of a different size/);
    assert.throws(() => (x.grad = ones([1], { dtype: 'float64' })), /assigned grad has data of a different type/);
  });

  it('raises PyTorch’s errors', () => {
    const x = tensor([1, 2], { requiresGrad: true });
    assert.throws(() => {
      x.mul(2).backward();
    }, /grad can be implicitly created only for scalar outputs/);
    const y = x.mul(x).sum();
    y.backward();
    assert.throws(() => {
      y.backward();
    }, /Trying to backward through the graph a second time/);
    assert.throws(() => {
      tensor([1]).backward();
    }, /does not require grad and does not have a grad_fn/);
    const kept = x.exp();
    const total = kept.sum();
    kept.add_(1);
    assert.throws(() => {
      total.backward();
      kept.sum().backward();
    }, /one of the variables needed for gradient computation has been modified by an inplace operation/);
    assert.throws(() => grad(x.sum(), tensor([1], { requiresGrad: true })), /not have been used in the graph/);
  });

  it('keeps the graph when asked, and differentiates gradients', () => {
    const x = tensor([3], { requiresGrad: true });
    const y = x.pow(3).sum();
    y.backward({ retainGraph: true });
    y.backward();
    assert.equal(x.grad?.item(), 54);
    const [first] = grad(x.pow(3).sum(), x, { createGraph: true });
    assert.equal(first?.requiresGrad, true);
    const [second] = grad(first.sum(), x, { createGraph: true });
    assert.equal(second?.item(), 18);
    const [third] = grad(second.sum(), x);
    assert.equal(third?.item(), 6);
    const unused = grad(x.sum(), [x, tensor([1], { requiresGrad: true })], { allowUnused: true });
    assert.equal(unused[1], null);
  });

  it('switches recording off and on for synchronous functions only', () => {
    const x = tensor([1], { requiresGrad: true });
    assert.equal(noGrad(() => x.add(1)).requiresGrad, false);
    assert.equal(noGrad(() => enableGrad(() => x.add(1))).requiresGrad, true);
    assert.throws(
      () =>
        noGrad(() => {
          throw new Error('inside');
        }),
      /inside/,
    );
    assert.equal(isGradEnabled(), true);
    assert.throws(() => noGrad(() => Promise.resolve(1)), { code: 'type' });
    assert.throws(() => inferenceMode(() => Promise.resolve(1)), { code: 'type' });
    assert.throws(
      () =>
        noGrad(function* () {
          yield x.mul(2);
        }),
      { code: 'type', message: /iterator/ },
    );
    assert.throws(
      () =>
        scope(async () => {
          await Promise.resolve();
        }),
      { code: 'type' },
    );
    const made = inferenceMode(() => x.mul(2));
    assert.equal(made.isInference(), true);
    assert.throws(() => made.add(x).mul(made).sum().backward(), /Inference tensors cannot be saved for backward/);
    assert.equal(isGradEnabled(), true);
  });

  it('limits backward to the inputs that are named', () => {
    const [x, y] = [tensor([1], { requiresGrad: true }), tensor([1], { requiresGrad: true })];
    x.mul(y)
      .sum()
      .backward({ inputs: [x] });
    assert.equal(x.grad?.item(), 1);
    assert.equal(y.grad, null);
  });

  it('refuses what is no tensor for gradients and inputs', () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const y = x.mul(3).sum();
    assert.throws(
      () => {
        y.backward({ gradient: 5 as never });
      },
      { code: 'type', message: /Expected tensors for the gradients but received 5/ },
    );
    assert.throws(
      () => {
        y.backward({ inputs: [] });
      },
      { code: 'value', message: /cannot be empty/ },
    );
    assert.throws(
      () => {
        y.backward({ inputs: [null as never] });
      },
      { code: 'type' },
    );
    assert.throws(() => grad(y, null as never), { code: 'type' });
    assert.throws(() => grad(y, x, { gradOutputs: 3 as never }), { code: 'type' });
    assert.throws(
      () => {
        backward([y], { gradTensors: [] });
      },
      { code: 'value' },
    );
    backward([y], { gradTensors: [undefined as never], inputs: x });
    assert.deepEqual(x.grad?.toArray(), [3, 3]);
  });

  it('writes through views and copies', () => {
    const x = tensor([1, 2, 3, 4]);
    noGrad(() => x.view([2, 2]).select(0, 1).fill_(9));
    assert.deepEqual(x.toArray(), [1, 2, 9, 9]);
    assert.ok(ops.equal(x.clone(), x));
  });
});
