import assert from 'node:assert/strict';
import { DenseNet, type DenseNetOptions } from '../../../lib/models/index.js';
import { functional } from '../../../lib/nn/index.js';
import { manualSeed, randint, randn, scope, type DType, type Tensor } from '../../../lib/tensor/index.js';

export const small: DenseNetOptions = {
  style: 'cifar',
  growthRate: 6,
  blockConfig: [4, 3],
  numInitFeatures: 10,
  bnSize: 3,
  numClasses: 5,
};

export interface Way {
  readonly options?: DenseNetOptions;
  readonly size?: number;
  readonly steps?: number;
  readonly prepare?: (model: DenseNet) => void;
  /** Whether pictures and weights are in channels_last. */
  readonly last?: boolean;
  /** Whether pictures and weights are rounded to bfloat16 first, so that all dtypes compute with the same numbers. */
  readonly narrow?: boolean;
  readonly seed?: number;
}

export type Found = Map<string, Float64Array>;

export const numbers = (x: Tensor): Float64Array =>
  scope(() => Float64Array.from(x.detach().to('float64').contiguous().toTypedArray() as Float64Array));

/** Losses, gradients and buffers: of the same network and the same pictures, whatever the dtype. */
export function results(
  efficient: 'none' | 'fused',
  dtype: DType,
  { options, size = 12, steps = 1, prepare, last, narrow = false, seed = 5 }: Way,
): Found {
  return scope(() => {
    manualSeed(seed);
    const model = new DenseNet({ ...small, ...options, efficient });
    if (dtype === 'bfloat16' || narrow) model.to('bfloat16');
    model.to(dtype);
    if (last === true) model.to({ memoryFormat: 'channels_last' });
    prepare?.(model);
    const found: Found = new Map();
    for (let step = 0; step < steps; step++) {
      scope(() => {
        const pictures = randn([6, 3, size, size]);
        const given = (narrow ? pictures.to('bfloat16') : pictures).to(dtype);
        const x = last === true ? given.contiguous({ memoryFormat: 'channels_last' }) : given;
        const labels = randint(0, 5, [6]);
        const logits = model.call(x);
        const loss = functional.crossEntropy(logits, labels);
        model.zeroGrad();
        loss.backward();
        found.set(`${step} loss`, numbers(loss));
        found.set(`${step} logits`, numbers(logits));
        for (const [name, { grad }] of model.namedParameters()) {
          if (grad !== null) found.set(`${step} gradient of ${name}`, numbers(grad));
        }
        for (const [name, buffer] of model.namedBuffers()) found.set(`${step} ${name}`, numbers(buffer));
      });
    }
    return found;
  });
}

export function relativeError(a: Float64Array, b: Float64Array): number {
  let difference = 0;
  let total = 0;
  for (const [i, value] of b.entries()) {
    difference += ((a[i] ?? NaN) - value) ** 2;
    total += value ** 2;
  }
  return total === 0 ? Math.sqrt(difference) : Math.sqrt(difference / total);
}

export function assertClose(found: Found, truth: Found, bound: number): void {
  assert.deepEqual([...found.keys()], [...truth.keys()]);
  for (const [name, values] of truth) {
    const error = relativeError(found.get(name)!, values);
    assert.ok(error <= bound, `${name}: ${error}`);
  }
}
