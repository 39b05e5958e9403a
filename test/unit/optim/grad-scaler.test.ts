import assert from 'node:assert/strict';
import { GradScaler, SGD } from '../../../lib/optim/index.js';
import { autocast, memory, ones, scope, tensor, TorchError, type Tensor } from '../../../lib/tensor/index.js';

const weight = (dtype: 'float32' | 'float16' = 'float32'): Tensor => tensor([1, 2], { dtype, requiresGrad: true });

function refuses(run: () => unknown, code: string, message: RegExp): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof TorchError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

describe('GradScaler', () => {
  it('scales losses in the form they are given', () => {
    const scaler = new GradScaler('cpu', { initScale: 4 });
    const [one, [two]] = scaler.scale([tensor(1.5), [tensor([2, 3])]] as const);
    assert.deepEqual([one.item(), two.toArray()], [6, [8, 12]]);
    refuses(() => scaler.scale('loss' as never), 'value', /^outputs must be a Tensor or an iterable of Tensors$/);
  });

  it('says in what order its methods come', () => {
    const param = weight();
    const optimizer = new SGD([param], { lr: 1 });
    const scaler = new GradScaler('cpu');
    refuses(() => scaler.step(optimizer), 'runtime', /^Attempted step but _scale is None\. {2}This may indicate/);
    scaler.scale(param.sum()).backward();
    refuses(() => scaler.update(), 'runtime', /^No inf checks were recorded prior to update\.$/);
    scaler.unscale_(optimizer);
    refuses(() => scaler.unscale_(optimizer), 'runtime', /^unscale_\(\) has already been called on this optimizer/);
    scaler.step(optimizer);
    assert.deepEqual(param.toArray(), [0, 1]);
    refuses(() => scaler.step(optimizer), 'runtime', /^step\(\) has already been called since the last update\(\)\.$/);
    refuses(() => scaler.unscale_(optimizer), 'runtime', /^unscale_\(\) is being called after step\(\)\.$/);
    scaler.update();
    refuses(() => scaler.step(optimizer, () => param), 'runtime', /^Closure use is not currently supported/);
    refuses(() => scaler.step(new SGD([weight()])), 'runtime', /^No inf checks were recorded for this optimizer\.$/);
  });

  it('refuses factors that do not grow or shrink, options it does not know, and float16 gradients', () => {
    refuses(() => new GradScaler('cpu', { growthFactor: 1 }), 'value', /^The growth factor must be > 1\.0\.$/);
    refuses(() => new GradScaler('cpu', { backoffFactor: 1 }), 'value', /^The backoff factor must be < 1\.0\.$/);
    refuses(() => new GradScaler('cpu', { init_scale: 1 } as never), 'type', /did you mean initScale\?$/);
    const param = weight('float16');
    const scaler = new GradScaler('cpu', { initScale: 2 });
    scaler.scale(param.sum()).backward();
    refuses(() => scaler.unscale_(new SGD([param])), 'value', /^Attempting to unscale FP16 gradients\.$/);
  });

  it('does nothing when disabled, as on CUDA without a device', () => {
    const param = weight();
    const optimizer = new SGD([param], { lr: 1 });
    for (const scaler of [new GradScaler('cpu', { enabled: false }), new GradScaler()]) {
      if (scaler.isEnabled()) continue; // a machine with a GPU
      const loss = param.sum();
      assert.equal(scaler.scale(loss), loss);
      assert.deepEqual([scaler.getScale(), scaler.stateDict().size], [1, 0]);
      scaler.unscale_(optimizer);
      scaler.update();
    }
    param.grad = ones([2]);
    new GradScaler('cpu', { enabled: false }).step(optimizer);
    assert.deepEqual(param.toArray(), [0, 1]);
  });

  it('refuses the state of a disabled scaler and one that lacks a number, and takes over the rest', () => {
    const scaler = new GradScaler('cpu', { initScale: 8 });
    refuses(() => scaler.loadStateDict(new Map()), 'runtime', /^The source state dict is empty/);
    refuses(() => scaler.loadStateDict(new Map([['scale', 2]])), 'value', /^Expected a number for growth_factor/);
    assert.equal(scaler.getScale(), 8, 'a state that is refused changes nothing');
    const other = new GradScaler('cpu', { initScale: 32, growthInterval: 7 });
    scaler.scale(tensor(1));
    scaler.loadStateDict(other.stateDict());
    assert.deepEqual([scaler.getScale(), scaler.getGrowthInterval()], [32, 7]);
  });

  it('holds two tensors between iterations, and none once it is disposed of', () => {
    const param = weight();
    const optimizer = new SGD([param], { lr: 0.1, momentum: 0.9, fused: true });
    const scaler = new GradScaler('cpu');
    const step = (): number => {
      scope(() => {
        optimizer.zeroGrad();
        const loss = autocast('cpu', { dtype: 'float16' }, () => param.mul(param).sum());
        scaler.scale(loss).backward();
        scaler.step(optimizer);
        scaler.update();
      });
      return memory().tensors;
    };
    const before = memory();
    const counts = Array.from({ length: 5 }, step);
    assert.deepEqual(counts, Array(5).fill(counts[0]));
    const { tensors } = memory();
    scaler.dispose();
    assert.equal(memory().tensors, tensors - 2);
    assert.ok(before.tensors <= tensors);
  });
});
