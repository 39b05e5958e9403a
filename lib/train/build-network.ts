import { cifarDenseNet, getModel, WeightsError, type Network } from '../models/index.js';
import { headsOf } from '../models/heads.js';
import { putWeights } from '../models/load-weights.js';
import { findWeights, type FoundWeights } from '../models/weight-files.js';
import type { Module } from '../nn/index.js';
import { cuda, getRngState, scope, setRngState, type Tensor } from '../tensor/index.js';
import type { RunConfig } from './config-schema.js';
import { DeviceError, UsageError } from './errors.js';
import type { NetworkForm } from './infer-network.js';
import { DEFAULT_NETWORK, isDenseNet, NETWORK_FACTS } from './network-names.js';

/** The network of a configuration, initialised on the CPU. */
export function buildModel(form: NetworkForm): Network {
  const { model, numClasses, inChannels, efficient = 'none', resize } = form;
  const { dropRate = 0, transitionPool = 'avg' } = form;
  if (model === DEFAULT_NETWORK) {
    const { depth = 40, growthRate, bottleneck = true, compression, numInitFeatures } = form;
    return cifarDenseNet({
      ...{ depth, growthRate, bottleneck, compression, numInitFeatures, dropRate, transitionPool },
      ...{ numClasses, inChannels, efficient },
    });
  }
  const facts = NETWORK_FACTS[model];
  const options: Record<string, unknown> = { numClasses };
  if (model !== 'googlenet') options['inChannels'] = inChannels;
  // Cross entropy takes logits.
  if (facts.softmax) options['softmax'] = false;
  if (isDenseNet(model)) Object.assign(options, { dropRate, transitionPool, efficient });
  if (model.startsWith('fashion-')) Object.assign(options, { dropRate, transitionPool });
  if (model === 'notes-densenet') options['transitionPool'] = transitionPool;
  // LeNet is for 32x32; smaller pictures get a border.
  if (facts.sizes?.includes(28) === true) options['padding'] = resize === 32 ? 0 : 2;
  return getModel(model, options);
}

/**
 * A network with weights, on a device; no random number is drawn from the default generator.
 * @param onNotice told what was done to the names of the weights.
 * @throws Error in one line when they do not fit: whose they are, and what differs first.
 */
export function modelWithWeights(
  form: NetworkForm & { readonly device: string },
  found: FoundWeights,
  onNotice?: (line: string) => void,
): Network {
  const rng = getRngState();
  const model = buildModel(form);
  setRngState(rng);
  rng.dispose();
  try {
    scope(() => putWeights(model, found, { onNotice }));
    moveTo(model, form.device);
  } catch (error) {
    for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
    throw explained(error);
  }
  return model;
}

/**
 * Puts weights into a network that was initialised, to go on from them; a classifier of another number of classes stays as it is.
 * @param source a file, or published weights that are in the cache.
 * @throws Error in one line when they do not fit.
 */
export function startFromWeights(
  model: Module,
  source: Parameters<typeof findWeights>[0],
  onNotice: (line: string) => void,
): void {
  try {
    scope(() => putWeights(model, findWeights(source), { onNotice, otherClasses: true, heads: headNames(model) }));
  } catch (error) {
    throw explained(error);
  }
}

/** The layers that make classes: those of the networks that are known, else the last one with weights. */
export function headNames(model: Module): readonly string[] {
  const names = new Set(scope(() => [...model.stateDict().keys()]));
  const known = headsOf(names);
  const last = [...model.namedParameters()].at(-1)?.[0] ?? '';
  return known.length > 0 ? known : [last.replace(/\.[^.]*$/, '')];
}

function explained(error: unknown): unknown {
  if (!(error instanceof WeightsError)) return error;
  const difference = error.message.split('\n')[1]?.trim() ?? '';
  const shown = difference.length > 200 ? `${difference.slice(0, 200)}…` : difference;
  return new Error(`${error.hint} (${shown})`, { cause: error });
}

/** @throws DeviceError in one line when libtorch has no such device. */
export function moveTo(model: Module, device: string): void {
  const without = /^cuda\b/.test(device) ? cuda.whyNotAvailable() : undefined;
  if (without !== undefined) throw new DeviceError(`the device ${device} cannot be used: ${without}`);
  try {
    model.to({ device });
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]?.replace(/^to\.\w+: /, '') ?? '';
    throw new DeviceError(`the device ${device} cannot be used: ${reason}`, { cause: error });
  }
}

/**
 * Freezes the parameters whose names fit a pattern: they get no gradient and the optimizer does not know them. Batch
 * normalisation goes on counting, as in PyTorch.
 * @param patterns names where `*` stands for any text.
 * @returns the parameters that are left to train.
 * @throws UsageError for a pattern that fits nothing, and where nothing is left.
 */
export function freeze(model: Module, patterns: RunConfig['freeze']): Tensor[] {
  const named = [...model.namedParameters()];
  for (const pattern of patterns) {
    const form = new RegExp(`^${pattern.split('*').map(escaped).join('.*')}$`);
    const fitting = named.filter(([name]) => form.test(name));
    if (fitting.length === 0) {
      const names = named.slice(0, 3).map(([name]) => name);
      throw new UsageError(
        `Expected names of parameters, with * for any text, for --freeze but received ${JSON.stringify(pattern)}: they are ${names.join(', ')}, …`,
      );
    }
    for (const [, parameter] of fitting) parameter.requiresGrad = false;
  }
  const left = named.map(([, parameter]) => parameter).filter((parameter) => parameter.requiresGrad);
  if (left.length === 0) throw new UsageError('Expected parameters to train, but --freeze leaves none');
  return left;
}

function escaped(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
}
