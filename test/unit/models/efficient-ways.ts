/** Networks whose layers compute in one way or another, for tests that compare their bits. */
import assert from 'node:assert/strict';
import { DenseNet, type DenseNetOptions, type EfficientMode } from '../../../lib/models/index.js';
import { functional } from '../../../lib/nn/index.js';
import {
  autocast,
  autograd,
  type DType,
  manualSeed,
  type MemoryFormat,
  randint,
  randn,
  scope,
  type Tensor,
} from '../../../lib/tensor/index.js';

export const small: DenseNetOptions = {
  style: 'cifar',
  growthRate: 4,
  blockConfig: [3, 2],
  numInitFeatures: 6,
  bnSize: 2,
  numClasses: 5,
};

/** Small pictures, of which the beginning leaves a quarter of height and width. */
export const imagenet: DenseNetOptions = { style: 'torchvision', smallInputs: false };

export interface Way {
  readonly options?: DenseNetOptions;
  readonly dtype?: DType;
  /** That of an autocast around forward. */
  readonly cast?: DType;
  readonly anomaly?: boolean;
  readonly format?: MemoryFormat;
  /** What is done to the network before it is used. */
  readonly prepare?: (model: DenseNet) => void;
}

/** The bytes of a tensor, whatever its layout. */
export function bits(tensor: Tensor): string {
  return scope(() =>
    Buffer.from(tensor.detach().contiguous().reshape([-1]).view('uint8').toTypedArray() as Uint8Array).toString('hex'),
  );
}

/** Losses, gradients and buffers of three steps, in bits. */
function results(
  efficient: EfficientMode,
  { options, dtype = 'float32', cast, anomaly = false, format, prepare }: Way,
): Map<string, string> {
  const steps = (): Map<string, string> => {
    manualSeed(3);
    const model = new DenseNet({ ...small, ...options, efficient }).to(dtype);
    if (format !== undefined) model.to({ memoryFormat: format });
    prepare?.(model);
    const found = new Map<string, string>();
    for (let step = 0; step < 3; step++) {
      scope(() => {
        const side = options?.smallInputs === false ? 24 : 8;
        let x = randn([4, 3, side, side], { dtype });
        if (format !== undefined) x = x.contiguous({ memoryFormat: format });
        const labels = randint(0, 5, [4]);
        const forward = (): Tensor => functional.crossEntropy(model.call(x), labels);
        const loss = cast === undefined ? forward() : autocast('cpu', { dtype: cast }, forward);
        model.zeroGrad();
        loss.backward();
        found.set(`${step} loss`, bits(loss));
        for (const [name, { grad }] of model.namedParameters()) {
          found.set(`${step} gradient of ${name}`, grad === null ? 'none' : bits(grad));
        }
        for (const [name, buffer] of model.namedBuffers()) found.set(`${step} ${name}`, bits(buffer));
      });
    }
    return found;
  };
  return scope(() => (anomaly ? autograd.detectAnomaly(steps) : steps()));
}

/** Of plain training and another way; `checkpoint` takes each batch up twice, which only the statistics show. */
export function assertSameBits(way: Way, efficient: EfficientMode = 'shared'): void {
  const plain = results('none', way);
  const other = results(efficient, way);
  assert.ok(plain.size > 100);
  const names = [...plain.keys()].filter((name) => plain.get(name) !== other.get(name));
  assert.deepEqual(
    efficient === 'checkpoint' ? names.filter((name) => !/norm1\.(running_|num_batches)/.test(name)) : names,
    [],
    'differ',
  );
}
