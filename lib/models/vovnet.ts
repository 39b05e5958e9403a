import {
  BatchNorm2d,
  Conv2d,
  functional,
  Linear,
  MaxPool2d,
  Module,
  ModuleList,
  ReLU,
  replaceBy,
  Sequential,
} from '../nn/index.js';
import { ops, type Tensor } from '../tensor/index.js';
import { heByFanIn, initialise, zeroBias } from './initialise.js';
import { checkCounts } from './network-options.js';
import { published, type Published } from './published.js';
import { flatten, through } from './through.js';

/** What gives a {@link VoVNet} its form: four stages of modules, of five convolutions each. */
export interface VoVNetForm {
  /** Channels of the 3×3 convolutions, by stage. */
  readonly stageChannels: readonly number[];
  /** Channels that the aggregation leaves, by stage. */
  readonly concatChannels: readonly number[];
  /** Modules of each stage. */
  readonly blocksPerStage: readonly number[];
  /** Convolutions of a module; default 5. */
  readonly layersPerBlock?: number;
}

/** The networks of the paper, without VoVNet-99. */
export const VOVNET_FORMS = {
  vovnet27_slim: {
    stageChannels: [64, 80, 96, 112],
    concatChannels: [128, 256, 384, 512],
    blocksPerStage: [1, 1, 1, 1],
  },
  vovnet39: {
    stageChannels: [128, 160, 192, 224],
    concatChannels: [256, 512, 768, 1024],
    blocksPerStage: [1, 1, 2, 2],
  },
  vovnet57: {
    stageChannels: [128, 160, 192, 224],
    concatChannels: [256, 512, 768, 1024],
    blocksPerStage: [1, 1, 4, 3],
  },
} as const satisfies Record<string, VoVNetForm>;

/** Options of a {@link VoVNet} of a given form. */
export interface VoVNetOptions {
  /** Default 1000. */
  readonly numClasses?: number;
  /** Channels of a picture; default 3. */
  readonly inChannels?: number;
}

/** Convolution, batch normalisation and ReLU, under names as its authors' program gives them. */
function unit(name: string, inputs: number, outputs: number, kernelSize: number, stride = 1): [string, Module][] {
  const padding = (kernelSize - 1) / 2;
  return [
    [`${name}/conv`, new Conv2d(inputs, outputs, { kernelSize, stride, padding, bias: false })],
    [`${name}/norm`, new BatchNorm2d(outputs)],
    [`${name}/relu`, new ReLU({ inplace: true })],
  ];
}

/**
 * One-shot aggregation: convolutions one after the other, whose outputs are joined once, at the end, where a dense block
 * joins them before every layer. `[N, C, H, W]` to `[N, outputs, H, W]`.
 */
export class OneShotAggregation extends Module {
  readonly layers: ModuleList;
  readonly concat: Sequential;
  readonly identity: boolean;

  /**
   * @param options.identity whether the input is added to the output, as in all modules of a stage but the first.
   * @param options.name begins the names of what is inside.
   */
  constructor(
    inputs: number,
    outputs: number,
    options: {
      readonly channels: number;
      readonly layers: number;
      readonly identity: boolean;
      readonly name: string;
    },
  ) {
    super();
    const { channels, layers, name } = options;
    this.identity = options.identity;
    const convolutions = Array.from(
      { length: layers },
      (_, index) => new Sequential(new Map(unit(`${name}_${index}`, index === 0 ? inputs : channels, channels, 3))),
    );
    this.layers = new ModuleList(convolutions);
    this.concat = new Sequential(new Map(unit(`${name}_concat`, inputs + layers * channels, outputs, 1)));
  }

  /** @param x `[N, C, H, W]`. */
  forward(x: Tensor): Tensor {
    const features = [x];
    for (const layer of this.layers) features.push((layer as Sequential).call(features.at(-1)!));
    const joined = ops.cat(features, 1);
    const output = replaceBy(joined, this.concat.call(joined));
    return this.identity ? output.add(x) : output;
  }

  override className(): string {
    return '_OSA_module';
  }
}

/** The modules of a stage; all stages but the first halve height and width before. */
class Stage extends Sequential {
  override className(): string {
    return '_OSA_stage';
  }
}

/**
 * VoVNet, `[N, 3, 224, 224]` to `[N, classes]` logits: what its authors made of DenseNet when they had seen that layers in the
 * middle of a block hardly read what is joined for them. Names are those of the authors' PyTorch program.
 * @see https://arxiv.org/abs/1904.09730
 */
export class VoVNet extends Module {
  // Declared only: they must come into being in the order of the state dict, with the stages between them.
  declare readonly stem: Sequential;
  declare readonly classifier: Linear;

  constructor({
    stageChannels,
    concatChannels,
    blocksPerStage,
    layersPerBlock = 5,
    ...options
  }: VoVNetForm & VoVNetOptions) {
    super();
    const { numClasses = 1000, inChannels = 3 } = options;
    checkCounts('VoVNet', { stageChannels, concatChannels, blocksPerStage, layersPerBlock, numClasses, inChannels });
    this.stem = new Sequential(
      new Map([
        ...unit('stem_1', inChannels, 64, 3, 2),
        ...unit('stem_2', 64, 64, 3),
        ...unit('stem_3', 64, 128, 3, 2),
      ]),
    );
    let inputs = 128;
    concatChannels.forEach((outputs, stage) => {
      const modules = new Stage();
      if (stage > 0) modules.addModule('Pooling', new MaxPool2d({ kernelSize: 3, stride: 2, ceilMode: true }));
      for (let index = 0; index < (blocksPerStage[stage] ?? 0); index++) {
        const name = `OSA${stage + 2}_${index + 1}`;
        const channels = stageChannels[stage] ?? 0;
        const shape = { channels, layers: layersPerBlock, identity: index > 0, name };
        modules.addModule(name, new OneShotAggregation(inputs, outputs, shape));
        inputs = outputs;
      }
      this.addModule(`stage${stage + 2}`, modules);
    });
    this.classifier = new Linear(inputs, numClasses);
    initialise(this, { conv: heByFanIn, linear: zeroBias });
  }

  /** @param x `[N, 3, H, W]`. */
  forward(x: Tensor): Tensor {
    const trunk = this.children().slice(0, -1) as Sequential[];
    const pool = (each: Tensor): Tensor => functional.adaptiveAvgPool2d(each, [1, 1]);
    return through(x, ...trunk, pool, flatten, this.classifier);
  }
}

function vovnet(name: keyof typeof VOVNET_FORMS): Published<VoVNetOptions, VoVNet> {
  return published(name, ['classifier'], (options) => new VoVNet({ ...options, ...VOVNET_FORMS[name] }));
}

/** VoVNet-27-slim for ImageNet. */
export const vovnet27_slim = vovnet('vovnet27_slim');
/** VoVNet-39 for ImageNet. */
export const vovnet39 = vovnet('vovnet39');
/** VoVNet-57 for ImageNet. */
export const vovnet57 = vovnet('vovnet57');
