import { DENSENET_RECIPE, TORCHVISION_PUBLISHER } from '../io/publishers.js';
import { TorchError } from '../tensor/index.js';
import { IMAGENET_CATEGORIES } from './imagenet-categories.js';

/** What is known of published weights. @see torchvision.models.Weights */
export interface WeightsMeta {
  readonly numParams: number;
  /** Height and width of the smallest picture that the network takes. */
  readonly minSize: readonly [height: number, width: number];
  /** Names of the classes, by index. */
  readonly categories: readonly string[];
  /** Where it says how they were trained. */
  readonly recipe: string;
  /** Per cent of right answers, by data set: `metrics['ImageNet-1K']['acc@1']`. */
  readonly metrics: Readonly<Record<string, Readonly<Record<'acc@1' | 'acc@5', number>>>>;
  /** Billions of multiplications for a picture. */
  readonly ops: number;
  /** MiB of the file. */
  readonly fileSize: number;
  readonly docs: string;
}

/** How pictures are made ready for a network: the arguments of torchvision's `ImageClassification`. */
export interface ClassificationPreset {
  /** Pixels of the shorter side after the resizing. */
  readonly resizeSize: number;
  /** Pixels of each side of the square cut out of the middle. */
  readonly cropSize: number;
  readonly interpolation: 'bilinear';
  readonly antialias: boolean;
  /** Subtracted from the channels red, green, blue in 0 to 1. */
  readonly mean: readonly [number, number, number];
  /** The channels are divided by these. */
  readonly std: readonly [number, number, number];
}

/** The parts of {@link Weights}. */
export interface WeightsParts {
  /** As `DenseNet121_Weights.IMAGENET1K_V1`. */
  readonly name: string;
  readonly url: string;
  readonly meta: WeightsMeta;
  readonly transforms: ClassificationPreset;
}

/** Published weights of a network: where they are, what is known of them, how pictures are made ready. @see torchvision.models.Weights */
export class Weights {
  /** As `DenseNet121_Weights.IMAGENET1K_V1`. */
  readonly name: string;
  readonly url: string;
  readonly meta: WeightsMeta;
  readonly transforms: ClassificationPreset;

  constructor({ name, url, meta, transforms }: WeightsParts) {
    this.name = name;
    this.url = url;
    this.meta = meta;
    this.transforms = transforms;
    Object.freeze(this);
  }

  /** The set they belong to: `DenseNet121_Weights`. */
  get enumName(): string {
    return this.name.split('.')[0] ?? '';
  }

  /** Name in the cache folder: the end of the address. */
  get fileName(): string {
    return new URL(this.url).pathname.split('/').at(-1) ?? '';
  }

  /** How the file's SHA-256 begins, where its name tells: `densenet121-a639ec97.pth`. */
  get hashPrefix(): string | undefined {
    return /-([a-f0-9]+)\./.exec(this.fileName)?.[1];
  }

  toString(): string {
    return this.name;
  }
}

/** The weights that are published for a network. */
export interface WeightsEnum {
  readonly IMAGENET1K_V1: Weights;
  /** The best of them. */
  readonly DEFAULT: Weights;
}

const PRESET: ClassificationPreset = Object.freeze<ClassificationPreset>({
  resizeSize: 256,
  cropSize: 224,
  interpolation: 'bilinear',
  antialias: true,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
});

function imagenet(
  enumName: string,
  file: string,
  [top1, top5]: readonly [number, number],
  facts: Pick<WeightsMeta, 'numParams' | 'ops' | 'fileSize'>,
): WeightsEnum {
  const weights = new Weights({
    name: `${enumName}.IMAGENET1K_V1`,
    url: `${TORCHVISION_PUBLISHER}${file}`,
    transforms: PRESET,
    meta: Object.freeze<WeightsMeta>({
      minSize: [29, 29],
      categories: IMAGENET_CATEGORIES,
      recipe: DENSENET_RECIPE,
      docs: 'These weights are ported from LuaTorch.',
      metrics: { 'ImageNet-1K': { 'acc@1': top1, 'acc@5': top5 } },
      ...facts,
    }),
  });
  return Object.freeze({ IMAGENET1K_V1: weights, DEFAULT: weights });
}

/** @see torchvision.models.DenseNet121_Weights */
export const DenseNet121_Weights = imagenet('DenseNet121_Weights', 'densenet121-a639ec97.pth', [74.434, 91.972], {
  numParams: 7978856,
  ops: 2.834,
  fileSize: 30.845,
});

/** @see torchvision.models.DenseNet161_Weights */
export const DenseNet161_Weights = imagenet('DenseNet161_Weights', 'densenet161-8d451a50.pth', [77.138, 93.56], {
  numParams: 28681000,
  ops: 7.728,
  fileSize: 110.369,
});

/** @see torchvision.models.DenseNet169_Weights */
export const DenseNet169_Weights = imagenet('DenseNet169_Weights', 'densenet169-b2777c0a.pth', [75.6, 92.806], {
  numParams: 14149480,
  ops: 3.36,
  fileSize: 54.708,
});

/** @see torchvision.models.DenseNet201_Weights */
export const DenseNet201_Weights = imagenet('DenseNet201_Weights', 'densenet201-c1103571.pth', [76.896, 93.37], {
  numParams: 20013928,
  ops: 4.291,
  fileSize: 77.373,
});

/** The published weights of every network that has some, by the name of the network. */
const BY_MODEL: ReadonlyMap<string, WeightsEnum> = new Map([
  ['densenet121', DenseNet121_Weights],
  ['densenet161', DenseNet161_Weights],
  ['densenet169', DenseNet169_Weights],
  ['densenet201', DenseNet201_Weights],
]);

/**
 * The published weights of a network.
 * @param model its name, as `'densenet121'`; undefined where none are published.
 * @see torchvision.models.get_model_weights
 */
export function getModelWeights(model: string): WeightsEnum | undefined {
  return BY_MODEL.get(model);
}

/**
 * Published weights by name: that of a network (`'densenet121'`: the best of it) or their own
 * (`'DenseNet121_Weights.IMAGENET1K_V1'`).
 * @throws TorchError `value` naming those that there are.
 * @see torchvision.models.get_weight
 */
export function getWeight(name: string): Weights {
  const [enumName = '', member = ''] = name.split('.');
  const all = [...BY_MODEL.values()];
  const found =
    BY_MODEL.get(name)?.DEFAULT ??
    memberOf(
      all.find((each) => each.DEFAULT.enumName === enumName),
      member,
    );
  if (found !== undefined) return found;
  const names = all.map((each) => each.DEFAULT.name);
  throw new TorchError('value', `Expected one of ${[...BY_MODEL.keys(), ...names].join(', ')} but received ${name}`);
}

/** Weights of a set by their name in it. */
export function memberOf(set: WeightsEnum | undefined, member: string): Weights | undefined {
  return set !== undefined && Object.hasOwn(set, member) ? set[member as keyof WeightsEnum] : undefined;
}
