/** The networks that are too large for `npm test`, or that differ from others there only by their numbers. */
import assert from 'node:assert/strict';
import * as models from '../../lib/models/index.js';
import { compareNetworks, loadInto, type NetworkCase } from '../parity/models/networks.js';
import { parityDescribe } from '../parity/python.js';

const { getModel } = models;
const PICTURES = [2, 3, 64, 64];

function named(network: keyof models.Networks, parameters: number, steps: number, input = PICTURES): NetworkCase {
  return {
    network,
    make: () => getModel(network),
    input,
    steps,
    parameters,
    load: (file) => getModel(network, { weights: file }),
  };
}

function notes(network: string, make: NonNullable<NetworkCase['make']>, input: readonly number[]): NetworkCase {
  return { network, make, input, steps: 5, load: loadInto(make) };
}

parityDescribe('large networks beside Python, bit for bit', function () {
  this.timeout(3_600_000);

  const cases = {
    alexnet: named('alexnet', 61_100_840, 5),
    vgg11: named('vgg11', 132_863_336, 5),
    vgg11_bn: named('vgg11_bn', 132_868_840, 5),
    vgg13: named('vgg13', 133_047_848, 5),
    vgg13_bn: named('vgg13_bn', 133_053_736, 5),
    vgg16: named('vgg16', 138_357_544, 5),
    vgg16_bn: named('vgg16_bn', 138_365_992, 5),
    vgg19: named('vgg19', 143_667_240, 5),
    vgg19_bn: named('vgg19_bn', 143_678_248, 5),
    resnet34: named('resnet34', 21_797_672, 5),
    resnet50: named('resnet50', 25_557_032, 5),
    resnet101: named('resnet101', 44_549_160, 5),
    resnet152: named('resnet152', 60_192_808, 5),
    'AlexNet of the notes': notes('notes-alexnet', () => getModel('notes-alexnet'), [4, 1, 224, 224]),
    'VGG-11 of the notes': notes('notes-vgg11', () => models.notesVgg(), [2, 1, 224, 224]),
    'VGG-19 of the notes': notes('notes-vgg19', () => getModel('notes-vgg19'), [2, 1, 224, 224]),
    'NiN, as in the notes': notes('nin', () => models.nin(), [2, 1, 224, 224]),
    'GoogLeNet of the notes, as there': notes('notes-googlenet', () => models.notesGoogLeNet(), [2, 1, 224, 224]),
    'ResNet-34 of the notes': notes('notes-resnet34', () => getModel('notes-resnet34'), [2, 1, 96, 96]),
    'DenseNet of the notes, as there': notes('notes-densenet', () => models.notesDenseNet(), [2, 1, 224, 224]),
    'DenseNet-121 for Fashion-MNIST': notes(
      'fashion-densenet121',
      () => getModel('fashion-densenet121'),
      [2, 1, 96, 96],
    ),
    'DenseNet-201 for Fashion-MNIST': notes(
      'fashion-densenet201',
      () => getModel('fashion-densenet201'),
      [2, 1, 96, 96],
    ),
    'VGG-13 of the notes': notes('notes-vgg13', () => getModel('notes-vgg13'), [2, 1, 224, 224]),
    'VGG-16 of the notes': notes('notes-vgg16', () => getModel('notes-vgg16'), [2, 1, 224, 224]),
    'DenseNet-169 for Fashion-MNIST': notes(
      'fashion-densenet169',
      () => getModel('fashion-densenet169'),
      [2, 1, 96, 96],
    ),
    densenet121: named('densenet121', 7_978_856, 5),
    densenet161: named('densenet161', 28_681_000, 5),
    densenet169: named('densenet169', 14_149_480, 5),
    densenet201: named('densenet201', 20_013_928, 5),
    densenet264: { ...named('densenet264', 33_337_704, 5), load: loadInto(() => getModel('densenet264')) },
    vovnet39: { ...named('vovnet39', 0, 5), parameters: 22_600_296 },
    vovnet57: { ...named('vovnet57', 0, 5), parameters: 36_640_296 },
  };
  compareNetworks(cases, { oneByOne: true });

  it('and those of test/parity/models/networks.test.ts are all that there are', () => {
    const there = ['classic-lenet', 'googlenet', 'lenet', 'notes-resnet18', 'resnet18', 'vovnet27_slim'];
    const here = Object.values(cases).map(({ network }) => network);
    assert.deepEqual([...here, ...there].sort(), models.listModels().sort());
  });
});
