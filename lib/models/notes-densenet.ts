import {
  AdaptiveAvgPool2d,
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  Flatten,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  replaceBy,
  Sequential,
} from '../nn/index.js';
import { ops, type Tensor } from '../tensor/index.js';
import { transitionPool } from './transition-pool.js';
import type { TransitionPool } from './transition-pools.js';
import { checkCounts, ending, type NotesOptions } from './network-options.js';

/** Adds its output to the channels that it read; the block of the notes' DenseNets, of convolutions or of linear layers. */
export class NotesDenseBlock extends Module {
  readonly net: Sequential;

  /** @param layer makes one of so many inputs. */
  constructor(layers: number, inputs: number, growthRate: number, layer: (inputs: number, outputs: number) => Module) {
    super();
    const made = Array.from({ length: layers }, (_, index) => layer(inputs + index * growthRate, growthRate));
    this.net = new Sequential(...made);
  }

  /** @param x `[N, C, ...]`. @returns `[N, C + layers·growthRate, ...]`. */
  forward(x: Tensor): Tensor {
    let joined = x;
    for (const layer of this.net) {
      const added = (layer as Sequential).call(joined);
      const next = ops.cat([joined, added], 1);
      added.dispose();
      joined = joined === x ? next : replaceBy(joined, next);
    }
    return joined;
  }

  override className(): string {
    return 'DenseBlock';
  }
}

/** Blocks, with something that halves the channels between two. @returns them, and the channels at the end. */
function chain(
  { inputs, growthRate, numConvs }: { inputs: number; growthRate: number; numConvs: readonly number[] },
  layer: (inputs: number, outputs: number) => Module,
  transition: (inputs: number, outputs: number) => Module,
): { blocks: Module[]; channels: number } {
  const blocks: Module[] = [];
  let channels = inputs;
  numConvs.forEach((layers, index) => {
    blocks.push(new NotesDenseBlock(layers, channels, growthRate, layer));
    channels += layers * growthRate;
    if (index === numConvs.length - 1) return;
    const half = Math.trunc(channels / 2);
    blocks.push(transition(channels, half));
    channels = half;
  });
  return { blocks, channels };
}

/** Options of {@link notesDenseNet}. */
export interface NotesDenseNetOptions extends NotesOptions {
  /** Channels of the first convolution; default 64. */
  readonly numChannels?: number;
  /** Channels that a layer adds; default 32. */
  readonly growthRate?: number;
  /** Layers of each block; default 4, 4, 4, 4. */
  readonly numConvs?: readonly number[];
  /** How transitions halve height and width: `avg` (default), or `max` in its place. */
  readonly transitionPool?: TransitionPool;
}

/**
 * DenseNet as the notes have it, of layers without a bottleneck, a Sequential, `[N, 1, 224, 224]` (or 96×96; a side of 29 at
 * least) to `[N, 10]` probabilities.
 */
export function notesDenseNet(options: NotesDenseNetOptions = {}): Sequential {
  const { inChannels = 1, numClasses = 10, numChannels = 64, growthRate = 32, numConvs = [4, 4, 4, 4] } = options;
  checkCounts('DenseNet', { inChannels, numClasses, numChannels, growthRate, numConvs });
  const stem = new Sequential(
    new Conv2d(inChannels, numChannels, { kernelSize: 7, stride: 2, padding: 3 }),
    new BatchNorm2d(numChannels),
    new ReLU(),
    new MaxPool2d({ kernelSize: 3, stride: 2, padding: 1 }),
  );
  const { blocks, channels } = chain(
    { inputs: numChannels, growthRate, numConvs },
    (inputs, outputs) =>
      new Sequential(new BatchNorm2d(inputs), new ReLU(), new Conv2d(inputs, outputs, { kernelSize: 3, padding: 1 })),
    (inputs, outputs) =>
      new Sequential(
        new BatchNorm2d(inputs),
        new ReLU(),
        new Conv2d(inputs, outputs, { kernelSize: 1 }),
        transitionPool(options.transitionPool ?? 'avg'),
      ),
  );
  const head = new Sequential(
    new BatchNorm2d(channels),
    new ReLU(),
    new AdaptiveAvgPool2d([1, 1]),
    new Flatten(),
    new Linear(channels, numClasses),
    ...ending(options),
  );
  return new Sequential(stem, ...blocks, head);
}

/** Options of {@link denseMlp}. */
export interface DenseMlpOptions {
  /** Columns of the table; default 330. */
  readonly inputs?: number;
  /** Outputs of the two layers before the first block; default 512, 1024. */
  readonly widths?: readonly [number, number];
  /** Outputs that a layer adds; default 128. */
  readonly growthRate?: number;
  /** Layers of each block; default 2, 2, 2, 2. */
  readonly numConvs?: readonly number[];
  /** Default 1, for regression. */
  readonly outputs?: number;
}

/**
 * The dense block of linear layers with batch normalisation, as a reader of the notes put it to the house prices: a
 * Sequential, `[N, columns]` to `[N, 1]`.
 */
export function denseMlp(options: DenseMlpOptions = {}): Sequential {
  const { inputs = 330, widths = [512, 1024], growthRate = 128, numConvs = [2, 2, 2, 2], outputs = 1 } = options;
  checkCounts('DenseMlp', { inputs, widths, growthRate, numConvs, outputs });
  const [first, second] = widths;
  const stem = new Sequential(new Linear(inputs, first), new ReLU(), new Linear(first, second), new ReLU());
  const layer = (from: number, to: number): Sequential =>
    new Sequential(new BatchNorm1d(from), new ReLU(), new Linear(from, to));
  const { blocks, channels } = chain({ inputs: second, growthRate, numConvs }, layer, (from, to) =>
    layer(from, to).append(new ReLU()),
  );
  return new Sequential(stem, ...blocks, new BatchNorm1d(channels), new ReLU(), new Linear(channels, outputs));
}
