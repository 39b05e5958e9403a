import * as models from '../../../lib/models/index.js';
import { parityDescribe } from '../python.js';
import { compareNetworks, loadInto, type NetworkCase } from './networks.js';

const { getModel } = models;

/** torchvision's, by their names; the file is loaded as its own would be. */
function named(name: keyof models.Networks, input: readonly number[], steps: number, parameters?: number): NetworkCase {
  return {
    network: name,
    make: () => getModel(name),
    input,
    steps,
    ...(parameters !== undefined && { parameters }),
    load: (file) => getModel(name, { weights: file }),
  };
}

function notes(network: string, make: NonNullable<NetworkCase['make']>, input: readonly number[]): NetworkCase {
  return { network, make, input, steps: 5, load: loadInto(make) };
}

const quarter = models.VGG_ARCHS.vgg11.map(([count, channels]) => [count, channels / 4] as const);

parityDescribe('networks beside Python, bit for bit: initialisation, gradients, five steps of SGD, files', function () {
  this.timeout(300_000);

  compareNetworks({
    LeNet: notes('lenet', () => new models.LeNet(), [2, 1, 32, 32]),
    'LeNet for 28×28': notes('lenet-28', () => new models.LeNet({ padding: 2, softmax: false }), [2, 1, 28, 28]),
    'LeNet-5': notes('classic-lenet', () => models.classicLeNet(), [2, 1, 28, 28]),
    'AlexNet of the notes, small': {
      ...notes('notes-alexnet', () => new models.NotesAlexNet({ hidden: 64 }), [4, 1, 195, 195]),
      python: { hidden: 64 },
    },
    'VGG of the notes, small': notes(
      'notes-vgg-small',
      () => models.notesVgg({ convArch: quarter, hidden: 64 }),
      [2, 1, 224, 224],
    ),
    NiN: notes('nin', () => models.nin(), [2, 1, 80, 80]),
    'GoogLeNet of the notes': notes('notes-googlenet', () => models.notesGoogLeNet(), [2, 1, 64, 64]),
    'ResNet-18 of the notes': notes('notes-resnet18', () => models.notesResNet(), [2, 1, 64, 64]),
    'DenseNet of the notes': notes('notes-densenet', () => models.notesDenseNet(), [2, 1, 64, 64]),
    'DenseNet for Fashion-MNIST, small, dropping channels': notes(
      'fashion-densenet-small',
      () => new models.FashionDenseNet({ blockConfig: [2, 3], numClasses: 10, dropRate: 0.2 }),
      [2, 1, 32, 32],
    ),
    'dense block of linear layers': notes('dense-mlp', () => models.denseMlp(), [8, 330]),
    alexnet: named('alexnet', [2, 3, 64, 64], 0, 61_100_840),
    vgg11_bn: {
      network: 'vgg11_bn',
      make: () => models.vgg11_bn(),
      input: [1, 3, 32, 32],
      steps: 0,
      parameters: 132_868_840,
    },
    googlenet: named('googlenet', [2, 3, 64, 64], 5, 13_004_888),
    'googlenet without its auxiliary classifiers, pictures scaled anew': {
      network: 'googlenet',
      python: { aux_logits: false, transform_input: true, init_weights: false, num_classes: 5 },
      make: () => models.googlenet({ auxLogits: false, transformInput: true, initWeights: false, numClasses: 5 }),
      input: [2, 3, 64, 64],
      steps: 0,
    },
    'resnet18 that begins with nothing added': {
      network: 'resnet18',
      python: { zero_init_residual: true, num_classes: 3 },
      make: () => models.resnet18({ zeroInitResidual: true, numClasses: 3 }),
      input: [2, 3, 32, 32],
      steps: 0,
    },
    resnet18: named('resnet18', [2, 3, 64, 64], 5, 11_689_512),
    resnet50: named('resnet50', [2, 3, 64, 64], 1, 25_557_032),
    vovnet27_slim: named('vovnet27_slim', [2, 3, 64, 64], 5),
  });
});
