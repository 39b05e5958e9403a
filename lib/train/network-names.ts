/** What the training program must know of a network to give it pictures. Nothing here loads libtorch: the command's help names them. */
export interface NetworkFacts {
  /** Sides that pictures may have, the usual one first; null for the side that they have, whatever it is. */
  readonly sizes: readonly [number, ...number[]] | null;
  /** Whether the sides are all that it takes; else it takes larger and smaller ones, too. */
  readonly fixed: boolean;
  /** Whether its form is one for as many channels as the pictures have; else it is for three. */
  readonly anyChannels: boolean;
  /** Whether it ends in a Softmax unless told otherwise. */
  readonly softmax: boolean;
}

const imagenet: NetworkFacts = { sizes: [224], fixed: false, anyChannels: false, softmax: false };
const notes: NetworkFacts = { sizes: [224], fixed: true, anyChannels: true, softmax: true };
const small: NetworkFacts = { ...notes, sizes: [96], fixed: false };
const lenet: NetworkFacts = { ...notes, sizes: [28, 32] };
const fashion: NetworkFacts = { ...small, softmax: false };

const FACTS = {
  // `--depth`, `--growth-rate` and the others give it its form.
  'cifar-densenet': { sizes: null, fixed: false, anyChannels: true, softmax: false },
  alexnet: imagenet,
  densenet121: imagenet,
  densenet161: imagenet,
  densenet169: imagenet,
  densenet201: imagenet,
  densenet264: imagenet,
  googlenet: imagenet,
  resnet18: imagenet,
  resnet34: imagenet,
  resnet50: imagenet,
  resnet101: imagenet,
  resnet152: imagenet,
  vgg11: imagenet,
  vgg11_bn: imagenet,
  vgg13: imagenet,
  vgg13_bn: imagenet,
  vgg16: imagenet,
  vgg16_bn: imagenet,
  vgg19: imagenet,
  vgg19_bn: imagenet,
  vovnet27_slim: imagenet,
  vovnet39: imagenet,
  vovnet57: imagenet,
  lenet,
  'classic-lenet': lenet,
  nin: notes,
  'notes-alexnet': notes,
  'notes-vgg11': notes,
  'notes-vgg13': notes,
  'notes-vgg16': notes,
  'notes-vgg19': notes,
  'notes-googlenet': small,
  'notes-resnet18': small,
  'notes-resnet34': small,
  'notes-densenet': small,
  'fashion-densenet121': fashion,
  'fashion-densenet169': fashion,
  'fashion-densenet201': fashion,
} as const satisfies Record<string, NetworkFacts>;

/** Names of the networks that a run can train. */
export type NetworkName = keyof typeof FACTS;

/** What is known of each. */
export const NETWORK_FACTS: Readonly<Record<NetworkName, NetworkFacts>> = FACTS;

/** All names, for options and schemas. */
export const NETWORK_NAMES = Object.keys(FACTS) as [NetworkName, ...NetworkName[]];

/** The network that is trained unless another is named. */
export const DEFAULT_NETWORK = 'cifar-densenet' satisfies NetworkName;

/** Options of a network that a name stands for: `densenet-bc-100-12` is the paper's name for a depth and a growth rate. */
export interface NamedForm {
  readonly model: NetworkName;
  readonly depth?: number;
  readonly growthRate?: number;
  readonly bottleneck?: boolean;
}

/** What a name of `--model` means; undefined where there is no such network. */
export function networkNamed(name: string): NamedForm | undefined {
  if (Object.hasOwn(FACTS, name)) return { model: name as NetworkName };
  const [, bc, depth, growthRate] = /^densenet-(bc-)?(\d{1,4})-(\d{1,4})$/.exec(name) ?? [];
  if (depth === undefined || growthRate === undefined) return undefined;
  return {
    model: DEFAULT_NETWORK,
    depth: Number(depth),
    growthRate: Number(growthRate),
    bottleneck: bc !== undefined,
  };
}

/** DenseNets, whose rate of dropout and way of computing may be chosen. */
export function isDenseNet(name: NetworkName): boolean {
  return name === DEFAULT_NETWORK || /^densenet\d/.test(name);
}
