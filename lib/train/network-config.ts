import type { RunConfig, RunOptions } from './config-schema.js';
import { UsageError } from './errors.js';
import {
  DEFAULT_NETWORK,
  isDenseNet,
  NETWORK_FACTS,
  NETWORK_NAMES,
  networkNamed,
  type NetworkName,
} from './network-names.js';
import { fieldsFor } from './option-text.js';

/** Options that give a DenseNet its form. */
const FORM_FIELDS = [
  'depth',
  'growthRate',
  'bottleneck',
  'compression',
  'numInitFeatures',
  'dropRate',
  'transitionPool',
] as const;

type FormField = (typeof FORM_FIELDS)[number];

/** What of these a network takes, with the defaults. */
function formOf(model: NetworkName, options: RunOptions): { readonly [K in FormField]?: RunOptions[K] } {
  if (model === DEFAULT_NETWORK) {
    const { growthRate = 12, bottleneck = true } = options;
    return {
      ...{ depth: 40, growthRate, bottleneck, compression: bottleneck ? 0.5 : 1 },
      ...{ numInitFeatures: bottleneck ? 2 * growthRate : 16, dropRate: 0, transitionPool: 'avg' },
    };
  }
  if (model === 'notes-densenet') return { transitionPool: 'avg' };
  return isDenseNet(model) || model.startsWith('fashion-') ? { dropRate: 0, transitionPool: 'avg' } : {};
}

/** Whether a network has layers of dropout whose rate may be chosen. */
export function takesDropRate(model: NetworkName): boolean {
  return 'dropRate' in formOf(model, {});
}

/** Options with the form that the name of a network stands for. @throws UsageError naming the networks there are. */
export function withNetwork(options: RunOptions): RunOptions & { readonly model: NetworkName } {
  // The name of published weights is that of their network.
  const ofWeights =
    options.weights != null && Object.hasOwn(NETWORK_FACTS, options.weights) ? options.weights : undefined;
  const name = options.model ?? ofWeights ?? DEFAULT_NETWORK;
  const named = networkNamed(name);
  if (named === undefined) {
    const names = `${NETWORK_NAMES.join(', ')} or a name like densenet-bc-100-12`;
    throw new UsageError(`Expected ${names} for --model but received ${JSON.stringify(name)}`);
  }
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { ...named, ...given, model: named.model };
}

/** The fields of a configuration that concern the network. @throws UsageError for options that it does not take. */
export function networkFields(
  options: RunOptions & { readonly model: NetworkName },
  data: { readonly channels: 1 | 3; readonly side: number | null },
): Partial<RunConfig> {
  const { model } = options;
  const form = fieldsFor(FORM_FIELDS, formOf(model, options), options, `--model ${model}`);
  const inChannels = channelsFor(options, data.channels);
  return { model, resize: sideFor(options, data.side), inChannels, ...form };
}

/** Those that need no data. @throws UsageError as {@link networkFields}. */
export function checkNetworkOptions(options: RunOptions & { readonly model: NetworkName }): void {
  const { model, efficient = 'none' } = options;
  fieldsFor(FORM_FIELDS, formOf(model, options), options, `--model ${model}`);
  sideFor(options, 32);
  if (efficient !== 'none' && !isDenseNet(model))
    throw new UsageError(`Expected no --efficient ${efficient} with --model ${model}: it is for DenseNets`);
}

/** Of networks that take pictures of any size, where the pictures are of many. */
const ANY_SIDE = 32;

/** The side to which pictures are brought, which may be theirs; null where any will do and all have one. */
function sideFor({ model, resize }: RunOptions & { readonly model: NetworkName }, side: number | null): number | null {
  const { sizes, fixed } = NETWORK_FACTS[model];
  if (resize != null) {
    if (sizes !== null && fixed && !sizes.includes(resize))
      throw new UsageError(`Expected ${sizes.join(' or ')} for --resize with --model ${model} but received ${resize}`);
    return resize;
  }
  if (sizes === null) return side === null ? ANY_SIDE : null;
  return fixed && side !== null && sizes.includes(side) ? side : sizes[0];
}

function channelsFor({ model, inChannels }: RunOptions & { readonly model: NetworkName }, channels: 1 | 3): number {
  const usual = NETWORK_FACTS[model].anyChannels ? channels : 3;
  const wanted = inChannels ?? usual;
  if (wanted === 1 && channels === 3)
    throw new UsageError('Expected 3 for --in-channels but received 1: the pictures have colours');
  if (wanted === 1 && model === 'googlenet')
    throw new UsageError('Expected 3 for --in-channels with --model googlenet but received 1');
  return wanted;
}
