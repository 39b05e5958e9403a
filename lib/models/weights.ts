/** What is known of published weights. @see torchvision.models.Weights */
export interface WeightsMeta {
  readonly numParams: number;
  /** Height and width of the smallest picture that the network takes. */
  readonly minSize: readonly [height: number, width: number];
  /** Names of the classes, by index; none where the weights cannot tell classes apart. */
  readonly categories: readonly string[];
  /** Where it says how they were trained. */
  readonly recipe: string;
  /** Per cent of right answers, by data set: `metrics['ImageNet-1K']['acc@1']`; NaN where nobody measured. */
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

/** The weights that are published for a network; `DEFAULT` is the best of them. */
export type WeightsEnum<Members extends string = 'IMAGENET1K_V1'> = Readonly<Record<Members | 'DEFAULT', Weights>>;
