import { Command, Option } from '@commander-js/extra-typings';
import { EFFICIENT_MODES, type EfficientMode } from '../models/efficient.js';
import type { RunOptions } from '../train/config.js';
import { DATASET_NAMES, embeddedData } from '../train/dataset-names.js';
import { UsageError } from '../train/errors.js';
import { choice, decimal, device, epochList, filePath, positiveInteger, wholeNumber } from './values.js';

const examples = `
Examples:
  $ torchbridge train --save runs/shapes --n-epochs 8
      The generated data set: ten classes of small drawn pictures, nothing to download.
  $ torchbridge train --data digits --save runs/digits --depth 10 --n-epochs 2
      Generated digits in the form of MNIST, 28x28 in one channel.
  $ torchbridge train --data data --save runs/bc100 --depth 100 --seed 1
      CIFAR-10 from data/cifar-10-python.tar.gz or data/cifar-10-batches-py (or the binary version's).
  $ torchbridge train --data data --dataset cifar100 --download --save runs/c100
      CIFAR-100, fetched into data/ first where it is not there.
  $ torchbridge train --save runs/bc100 --resume
      Goes on where Ctrl-C, or the power, stopped it: with the same numbers as a run never stopped.

The folder --save holds results.csv (an epoch a line), losses.csv (an iteration a line), model.pth (the best model,
as a state dict for Python's torch.load), config.json, checkpoint.pth, curves.svg and curves.png.
Ctrl-C writes the checkpoint and ends; a second one ends at once.`;

const notNegative = (value: number): boolean => value >= 0;

/** The `train` command without its action: names, help and the reading of values. */
export function trainCommand() {
  return new Command('train')
    .summary('train a DenseNet')
    .description(
      'Trains a DenseNet on CIFAR-10, CIFAR-100, MNIST, Fashion-MNIST, SVHN or on generated pictures. With the same seed and threads every number is the one ' +
        'the efficient_densenet_pytorch script gets from PyTorch.',
    )
    .option(
      '--data <dir>',
      'folder that holds the data set; or digits or shapes, which are generated',
      filePath('--data', 'a folder'),
    )
    .option(
      '--dataset <name>',
      `${DATASET_NAMES.join(', ')} (default: cifar10 with --data, else shapes)`,
      choice('--dataset', DATASET_NAMES),
    )
    .option('--download', 'fetch the data set into --data if it is not there; goes on where it was cut off')
    .option('--no-verify', 'take data of your own in the layout of the data set, whose md5 differ')
    .option('--save <dir>', 'folder for the results (default: save)', filePath('--save', 'a folder'))
    .option('--resume', 'go on with the run in --save')
    .optionsGroup('Network:')
    .option('--depth <n>', 'layers with weights (default: 40)', positiveInteger('--depth', 4000))
    .option('--growth-rate <n>', 'features each layer adds (default: 12)', positiveInteger('--growth-rate', 1e6))
    .option('--no-bottleneck', 'DenseNet instead of DenseNet-BC: 3x3 convolutions only')
    .option(
      '--compression <ratio>',
      'features a transition keeps (default: 0.5; 1 with --no-bottleneck)',
      decimal('--compression', 'a number above 0 and up to 1', (value) => value > 0 && value <= 1),
    )
    .option(
      '--num-init-features <n>',
      'features of the first convolution (default: twice the growth rate; 16 with --no-bottleneck)',
      positiveInteger('--num-init-features', 2e6),
    )
    .option(
      '--drop-rate <p>',
      'dropout after each layer (default: 0)',
      decimal('--drop-rate', 'a number from 0 and below 1', (value) => value >= 0 && value < 1),
    )
    .optionsGroup('Training:')
    .option(
      '--valid-size <n>',
      'training pictures kept for validation (default: 5000; SVHN 6000; a tenth of generated ones); 0 validates on the test set and saves each epoch',
      wholeNumber('--valid-size'),
    )
    .option('--n-epochs <n>', 'epochs (default: 300)', positiveInteger('--n-epochs'))
    .option('--batch-size <n>', 'pictures of an iteration (default: 64)', positiveInteger('--batch-size'))
    .option(
      '--seed <n>',
      'seed of every random number (default: a new one, kept in config.json)',
      wholeNumber('--seed'),
    )
    .option('--lr <x>', 'learning rate (default: 0.1)', decimal('--lr', 'a number from 0', notNegative))
    .option('--momentum <x>', 'momentum (default: 0.9)', decimal('--momentum', 'a number from 0', notNegative))
    .option(
      '--dampening <x>',
      'dampening of the momentum (default: 0)',
      decimal('--dampening', 'a number from 0', notNegative),
    )
    .option(
      '--weight-decay <x>',
      'L2 penalty (default: 0.0001)',
      decimal('--weight-decay', 'a number from 0', notNegative),
    )
    .option('--nesterov', 'Nesterov momentum (default)')
    .option('--no-nesterov', 'plain momentum')
    .option(
      '--milestones <list>',
      'epochs after which the learning rate falls to a tenth, as 150,225, or none (default: 1/2 and 3/4 of the epochs, rounded up)',
      epochList('--milestones'),
    )
    .optionsGroup('Machine:')
    .addOption(efficientOption())
    .option('--fast', 'compute as is fastest here, close to PyTorch instead of bit for bit; says what was picked')
    .option('--device <name>', 'cpu, cuda, cuda:1, ... (default: cpu)', device('--device'))
    .option('--threads <n>', 'threads of libtorch (default: as many as cores)', positiveInteger('--threads', 1024))
    .addHelpText('after', examples);
}

/** `--efficient [mode]`: alone it means PyTorch's checkpointing. */
export function efficientOption() {
  return new Option('--efficient [mode]', `train in less memory: ${EFFICIENT_MODES.join(', ')} (default: none)`)
    .preset('checkpoint')
    .argParser(choice('--efficient', EFFICIENT_MODES));
}

/** What `--fast` picks, and a line that says so. */
export interface FastChoice {
  readonly efficient: EfficientMode | undefined;
  readonly line: string;
}

/** @throws UsageError beside a mode of `--efficient`. */
export function fastChoice(given: ReturnType<ReturnType<typeof trainCommand>['opts']>): FastChoice | undefined {
  if (given.fast !== true) return undefined;
  if (given.efficient !== undefined)
    throw new UsageError(`Expected one of --fast and --efficient ${given.efficient} but received both`);
  const device = given.device ?? 'cpu';
  if (device !== 'cpu')
    return {
      efficient: undefined,
      line: `--fast: nothing was picked, the fused dense blocks are for CPUs, not ${device}`,
    };
  return {
    efficient: 'fused',
    line: '--fast: picked --efficient fused; its numbers differ from those of PyTorch by rounding',
  };
}

/** What commander read, as the options of a run: only those that were given. */
export function runOptions(given: ReturnType<ReturnType<typeof trainCommand>['opts']>): RunOptions {
  return {
    ...embeddedData(given.data, given.dataset),
    validSize: given.validSize,
    nEpochs: given.nEpochs,
    batchSize: given.batchSize,
    seed: given.seed,
    depth: given.depth,
    growthRate: given.growthRate,
    compression: given.compression,
    numInitFeatures: given.numInitFeatures,
    dropRate: given.dropRate,
    efficient: given.efficient ?? fastChoice(given)?.efficient,
    lr: given.lr,
    momentum: given.momentum,
    dampening: given.dampening,
    weightDecay: given.weightDecay,
    nesterov: given.nesterov,
    milestones: given.milestones,
    device: given.device,
    threads: given.threads,
    // Commander makes these true when they are absent; only their absence of value is a choice.
    verify: given.verify ? undefined : false,
    bottleneck: given.bottleneck ? undefined : false,
  };
}
