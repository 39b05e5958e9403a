import { TorchError } from '../tensor/index.js';
import { cifarDenseNet } from './cifar-densenet.js';
import type { DenseNet, DenseNetOptions } from './densenet.js';
import { densenet121, densenet161, densenet169, densenet201, densenet264 } from './imagenet-densenets.js';

/** What may be chosen for a network that its name describes. */
export type NamedDenseNetOptions = Pick<DenseNetOptions, 'efficient' | 'dropRate' | 'numClasses'>;

const PUBLISHED = new Map(Object.entries({ densenet121, densenet161, densenet169, densenet201, densenet264 }));

/** The paper's names for CIFAR. */
export const PAPER_NAME = /^densenet-(bc-)?(\d{1,4})-(\d{1,4})$/;

/**
 * A DenseNet by its name: `densenet121` and the others for ImageNet, or `densenet-bc-100-12` and `densenet-40-12`, the paper's
 * names for CIFAR with any depth `L` and growth rate `k`.
 * @throws TorchError `value` for a name of another form, or a depth that does not fit.
 */
export function densenetByName(name: string, options: NamedDenseNetOptions = {}): DenseNet {
  const match = PAPER_NAME.exec(name);
  if (match !== null) {
    const [, bottleneck, depth, growthRate] = match;
    return cifarDenseNet({
      ...options,
      depth: Number(depth),
      growthRate: Number(growthRate),
      bottleneck: bottleneck !== undefined,
    });
  }
  const make = PUBLISHED.get(name);
  if (make !== undefined) return make(options);
  throw new TorchError(
    'value',
    `Expected ${[...PUBLISHED.keys()].join(', ')}, or a name like densenet-bc-100-12 or densenet-40-12, but received ${name}`,
  );
}
