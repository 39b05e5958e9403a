/** What is counted for every network: beside PyTorch's counter, and beside what torchvision publishes. */
import { getModelWeights, listModels, type Networks } from '../../lib/models/index.js';
import { compareFlops, type FlopCase } from '../parity/models/flops.js';
import { comparePublished } from '../parity/models/macs.js';
import { parityDescribe } from '../parity/python.js';

/** Sides that a network needs. */
const SIDES: Readonly<Record<string, number>> = { lenet: 32, 'classic-lenet': 28, 'notes-alexnet': 224, nin: 224 };
const CHAINS = /^(lenet|classic-lenet|nin|alexnet|vgg|notes-alexnet|notes-vgg)/;

describe('multiply-adds and parameters that torchvision publishes', function () {
  this.timeout(600_000);
  comparePublished(listModels('imagenet').filter((name) => getModelWeights(name) !== undefined) as (keyof Networks)[]);
});

parityDescribe("operations of every network counted as by PyTorch's own counter", function () {
  this.timeout(1_800_000);

  const cases = (family: 'imagenet' | 'notes', channels: number): [string, FlopCase][] =>
    listModels(family).map((network) => {
      const side = SIDES[network] ?? (network.includes('vgg') && family === 'notes' ? 224 : 64);
      return [network, { network, input: [2, channels, side, side], chain: CHAINS.test(network) }];
    });

  compareFlops({
    ...Object.fromEntries([...cases('imagenet', 3), ...cases('notes', 1)]),
    ...Object.fromEntries(
      ['densenet-40-12', 'densenet-bc-100-12', 'densenet-bc-40-36'].map((network) => [
        network,
        { network, input: [2, 3, 32, 32] },
      ]),
    ),
  });
});
