import type { Tensor } from '../tensor/index.js';
import { cifarDenseNetConfig, CIFAR_DENSENETS } from './cifar-densenet.js';
import type { DenseNetConfig } from './densenet.js';

/** What names and shapes tell of a DenseNet: all but the rate of dropout, what transitions pool by and the way of computing, which leave no trace. */
export type DenseNetForm = Omit<DenseNetConfig, 'dropRate' | 'transitionPool' | 'efficient'>;

/** Growth rate, blocks and first channels of the published networks. */
export const PUBLISHED_FORMS = {
  densenet121: { growthRate: 32, blockConfig: [6, 12, 24, 16], numInitFeatures: 64 },
  densenet161: { growthRate: 48, blockConfig: [6, 12, 36, 24], numInitFeatures: 96 },
  densenet169: { growthRate: 32, blockConfig: [6, 12, 32, 32], numInitFeatures: 64 },
  densenet201: { growthRate: 32, blockConfig: [6, 12, 48, 32], numInitFeatures: 64 },
  densenet264: { growthRate: 32, blockConfig: [6, 12, 64, 48], numInitFeatures: 64 },
} as const satisfies Record<string, Pick<DenseNetConfig, 'growthRate' | 'blockConfig' | 'numInitFeatures'>>;

/** The form of the DenseNet that a state dict belongs to, read from names and shapes; undefined where it is none. */
export function denseNetForm(state: ReadonlyMap<string, Tensor>): DenseNetForm | undefined {
  const shape = (name: string): number[] => state.get(name)?.shape ?? [];
  const [numInitFeatures, inChannels = 3, kernel] = shape('features.conv0.weight');
  const [numClasses] = shape('classifier.weight');
  const layer = 'features.denseblock1.denselayer1';
  const bottleneck = state.has(`${layer}.conv2.weight`);
  const [growthRate] = shape(`${layer}.${bottleneck ? 'conv2' : 'conv1'}.weight`);
  const [width = 0] = shape(`${layer}.conv1.weight`);
  const blockConfig = count((block) => count((index) => state.has(layerKey(block, index))));
  if (numInitFeatures === undefined || numClasses === undefined || growthRate === undefined) return undefined;
  if (blockConfig.length === 0) return undefined;
  const transitions = blockConfig.slice(1).map((_, index) => shape(`features.transition${index + 1}.conv.weight`));
  return {
    style: state.has('features.norm_final.weight') ? 'cifar' : 'torchvision',
    growthRate,
    blockConfig: blockConfig.map((layers) => layers.length),
    compression: compressionOf(transitions),
    numInitFeatures,
    bnSize: bottleneck ? Math.max(1, Math.trunc(width / growthRate)) : 4,
    bottleneck,
    numClasses,
    inChannels,
    smallInputs: kernel === 3,
  };
}

function layerKey(block: number, layer: number): string {
  return `features.denseblock${block}.denselayer${layer}.conv1.weight`;
}

/** What `read` gives for 1, 2, 3, … until it gives false or an empty list. */
function count<T extends boolean | readonly unknown[]>(read: (index: number) => T): T[] {
  const found: T[] = [];
  for (let index = 1; ; index++) {
    const value = read(index);
    if (value === false || (Array.isArray(value) && value.length === 0)) return found;
    found.push(value);
  }
}

/**
 * A transition keeps floor(offered * compression) features, so each one leaves an interval; the middle of what all agree
 * on is safe from rounding.
 * @param transitions shapes of their convolutions, `[kept, offered, 1, 1]`.
 */
function compressionOf(transitions: readonly number[][]): number {
  let low = 0;
  let high = Infinity;
  for (const [kept = 0, offered = 1] of transitions) {
    low = Math.max(low, kept / offered);
    high = Math.min(high, (kept + 1) / offered);
  }
  if (low >= 1 || transitions.length === 0) return 1;
  if (low <= 0.5 && 0.5 < high) return 0.5;
  return (low + Math.min(high, 1)) / 2;
}

/** The name of a network of a form: `densenet121`, `densenet-bc-100-12`, else its measures. */
export function nameOfForm(form: DenseNetForm): string {
  const { growthRate, blockConfig, numInitFeatures } = form;
  const same = (other: Pick<DenseNetForm, 'growthRate' | 'blockConfig' | 'numInitFeatures'>): boolean =>
    other.growthRate === growthRate &&
    other.blockConfig.join() === blockConfig.join() &&
    other.numInitFeatures === numInitFeatures;
  if (!form.smallInputs) {
    const known = Object.entries(PUBLISHED_FORMS).find(([, each]) => same(each));
    if (known !== undefined && form.bottleneck) return known[0];
  } else {
    const known = Object.entries(CIFAR_DENSENETS).find(
      ([, each]) => each.bottleneck === form.bottleneck && same(cifarDenseNetConfig(each)),
    );
    if (known !== undefined) return known[0];
  }
  const kind = `${form.smallInputs ? 'a CIFAR DenseNet' : 'a DenseNet'}${form.bottleneck && form.compression < 1 ? '-BC' : ''}`;
  return `${kind} with blocks of ${blockConfig.join(', ')} layers, growth rate ${growthRate} and ${numInitFeatures} first channels`;
}
