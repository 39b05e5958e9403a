import { TorchError } from '../tensor/index.js';
import * as imagenet from './imagenet-weights.js';
import type { Weights, WeightsEnum } from './weights.js';

/** The published weights of every network that has some, by the name of the network. */
const BY_MODEL: ReadonlyMap<string, WeightsEnum> = new Map(
  Object.entries(imagenet).map(([name, set]) => [name.replace('_Weights', '').toLowerCase(), set]),
);

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
  const names = [...new Set(all.flatMap((each) => Object.values(each).map((weights) => weights.name)))];
  throw new TorchError('value', `Expected one of ${[...BY_MODEL.keys(), ...names].join(', ')} but received ${name}`);
}

/** Weights of a set by their name in it. */
export function memberOf(set: WeightsEnum | undefined, member: string): Weights | undefined {
  return set !== undefined && Object.hasOwn(set, member) ? set[member as keyof WeightsEnum] : undefined;
}
