import { TorchError } from '../tensor/index.js';
import { densenetByName, PAPER_NAME } from './densenet-names.js';
import { getModel, listModels, type Network } from './get-model.js';
import type { NotesOptions } from './network-options.js';

/** Options of a network that is made by any of its names. */
export type NamedNetworkOptions = Pick<NotesOptions, 'numClasses'>;

/**
 * A network by its name: one of {@link listModels}, or the paper's names of DenseNets for CIFAR, such as `densenet-bc-100-12`.
 * @throws TorchError `value` naming those that there are.
 */
export function networkByName(name: string, options: NamedNetworkOptions = {}): Network {
  if (PAPER_NAME.test(name)) return densenetByName(name, options);
  const names = listModels();
  if (names.includes(name)) return getModel(name, options);
  throw new TorchError(
    'value',
    `Expected a network by its name (${names.join(', ')}; densenet-bc-100-12, densenet-40-12 and the like for CIFAR) but received ${name}`,
  );
}

/** Sides of the pictures that a network of the notes is made for, where it is not 224. */
const SIDES: Readonly<Record<string, number>> = {
  lenet: 32,
  'classic-lenet': 28,
  'fashion-densenet121': 96,
  'fashion-densenet169': 96,
  'fashion-densenet201': 96,
};

/** Sizes of a picture for a network by its name: channels, height, width. As {@link networkByName} knows the names. */
export function pictureSizeOf(name: string): [number, number, number] {
  if (PAPER_NAME.test(name)) return [3, 32, 32];
  const side = SIDES[name] ?? 224;
  return [listModels('imagenet').includes(name) ? 3 : 1, side, side];
}
