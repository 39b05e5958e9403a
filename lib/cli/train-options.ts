import { Command, Option } from '@commander-js/extra-typings';
import { EFFICIENT_MODES } from '../models/efficient.js';
import type { RunOptions } from '../train/config.js';
import { DATASET_NAMES, embeddedData } from '../train/dataset-names.js';
import { UsageError } from '../train/errors.js';
import { DEFAULT_NETWORK, NETWORK_NAMES } from '../train/network-names.js';
import { optionText } from '../train/option-text.js';
import { RECIPE_NAMES, RECIPES } from '../train/recipes.js';
import { TRANSITION_POOLS } from '../models/transition-pools.js';
import { optimizerOptions } from './optimizer-options.js';
import { ampOption, channelsLastOption } from './precision-options.js';
import { nprocOption, timeoutOption } from './rank-options.js';
import { scheduleOptions } from './schedule-options.js';
import { choice, datasetName, decimal, device, filePath, positiveInteger, wholeNumber, wordList } from './values.js';

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
  $ torchbridge train --data pictures --weights densenet121 --n-epochs 10 --lr 0.01 --save runs/own
      Your own pictures, in pictures/train/CLASS and pictures/val/CLASS, from published weights on.
  $ torchbridge train --data imagenet --recipe imagenet --save runs/imagenet
      ImageNet from its authors' archives, as the DenseNet paper trained on it.
  $ torchbridge train --data data --save runs/two --nproc 2 --batch-size 32
      Two processes on this machine, 64 pictures an iteration. torchrun, Slurm and Kubernetes work as well.
  $ torchbridge train --save runs/bc100 --resume
      Goes on where Ctrl-C, or the power, stopped it: with the same numbers as a run never stopped.

The folder --save holds results.csv (an epoch a line), losses.csv (an iteration a line), model.pth (the best model,
as a state dict for Python's torch.load), config.json, checkpoint.pth, curves.svg and curves.png.
Ctrl-C writes the checkpoint and ends; a second one ends at once.`;

const others = NETWORK_NAMES.filter((name) => name !== DEFAULT_NETWORK);
const [o, s] = [optimizerOptions, scheduleOptions];

function kFold(text: string): number {
  const value = positiveInteger('--k-fold')(text);
  if (value < 2) throw new UsageError(`Expected an integer from 2 for --k-fold but received ${JSON.stringify(text)}`);
  return value;
}

/** The `train` command without its action: names, help and the reading of values. */
export function trainCommand() {
  return new Command('train')
    .summary('train a DenseNet, or another network')
    .description(
      'Trains a DenseNet, or another network, on CIFAR-10, CIFAR-100, MNIST, Fashion-MNIST, SVHN, ImageNet, on folders of pictures or on generated ones. With the same seed and threads every number is the one ' +
        'the efficient_densenet_pytorch script gets from PyTorch.',
    )
    .option(
      '--data <dir>',
      'folder that holds the data set, or train and val with a folder of pictures for each class; or digits or shapes, which are generated',
      filePath('--data', 'a folder'),
    )
    .option(
      '--dataset <name>',
      `${DATASET_NAMES.join(', ')}, or a mix as digits+mnist (default: imagefolder or imagenet where --data holds such, else cifar10; shapes without)`,
      datasetName(),
    )
    .option('--download', 'fetch the data set into --data if it is not there; goes on where it was cut off')
    .option('--no-verify', 'take data of your own in the layout of the data set, whose md5 differ')
    .option('--save <dir>', 'folder for the results (default: save)', filePath('--save', 'a folder'))
    .option('--resume', 'go on with the run in --save')
    .option('--overwrite', 'begin in the place of a run that --save holds; without it such a folder is refused')
    .option('--recipe <name>', `defaults that belong together: ${RECIPE_NAMES.join(', ')}; list describes them`)
    .optionsGroup('Network:')
    .option(
      '--model <name>',
      `${DEFAULT_NETWORK} (default; the next six options give its form), densenet-bc-100-12 and the like, or another of: ${others.join(', ')}`,
    )
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
    .option(
      '--transition-pool <name>',
      'avg (default) or max: how a DenseNet halves height and width',
      choice('--transition-pool', TRANSITION_POOLS),
    )
    .option(
      '--resize <n>',
      "pixels of each side to which pictures are brought (default: the network's own size, as 96, 224; of cifar-densenet theirs)",
      positiveInteger('--resize', 4096),
    )
    .option(
      '--in-channels <n>',
      '1 or 3: channels that the network takes (default: those of the pictures, of networks for ImageNet 3)',
      (text) => Number(choice('--in-channels', ['1', '3'])(text)),
    )
    .option(
      '--weights <name>',
      'go on from weights: a file, or published ones as resnet18; a classifier of other classes is made anew',
      filePath('--weights', 'a name or a file'),
    )
    .option(
      '--freeze <list>',
      'parameters that stay as they are, with * for any text, as features.*,conv1.*',
      wordList('--freeze', 'names like features.*'),
    )
    .optionsGroup('Training:')
    .option(
      '--valid-size <n>',
      'training pictures kept for validation (default: 5000; SVHN 6000; a tenth of generated ones and of folders; none where there is a folder val); 0 validates on the test set and saves each epoch',
      wholeNumber('--valid-size'),
    )
    .option(
      '--validation-split <x>',
      'the same as a share of the training pictures',
      decimal('--validation-split', 'a number from 0 and below 1', (value) => value >= 0 && value < 1),
    )
    .option(
      '--k-fold <k>',
      'train k times, each time with another part of the training pictures for validation; shows mean and deviation',
      kFold,
    )
    .option('--n-epochs <n>', 'epochs (default: 300)', positiveInteger('--n-epochs'))
    .option('--batch-size <n>', 'pictures of an iteration (default: 64)', positiveInteger('--batch-size'))
    .option(
      '--seed <n>',
      'seed of every random number (default: a new one, kept in config.json)',
      wholeNumber('--seed'),
    )
    .option('--augment', 'crops and mirror images of the data sets that have them (default)')
    .option('--no-augment', 'pictures as they are')
    .option(
      '--label-smoothing <x>',
      'share of the truth that is spread over all classes (default: 0)',
      decimal('--label-smoothing', 'a number from 0 and below 1', (value) => value >= 0 && value < 1),
    )
    .option('--accumulate <n>', 'batches whose gradients make one step (default: 1)', positiveInteger('--accumulate'))
    .option(
      '--clip-grad-norm <x>',
      'the most that the norm of the gradients may be',
      decimal('--clip-grad-norm', 'a number above 0', (value) => value > 0),
    )
    .option(
      '--ema <decay>',
      'validate, test and keep a moving average of the weights, of which so much lives on, as 0.999',
      decimal('--ema', 'a number above 0 and below 1', (value) => value > 0 && value < 1),
    )
    .option(
      '--early-stop <n>',
      'end after so many epochs without a better validation error',
      positiveInteger('--early-stop'),
    )
    .optionsGroup('Optimizer:')
    .addOption(o.optimizer())
    .addOption(o.lr())
    .addOption(o.momentum())
    .addOption(o.dampening())
    .addOption(o.nesterov())
    .addOption(o.noNesterov())
    .addOption(o.weightDecay())
    .addOption(o.betas())
    .addOption(o.eps())
    .addOption(o.amsgrad())
    .addOption(o.alpha())
    .addOption(o.centered())
    .addOption(o.rho())
    .addOption(o.lambd())
    .addOption(o.lrDecay())
    .addOption(o.momentumDecay())
    .addOption(o.etas())
    .optionsGroup('Learning rate:')
    .addOption(s.schedule())
    .addOption(s.scheduleEvery())
    .addOption(s.warmupEpochs())
    .addOption(s.warmupSteps())
    .addOption(s.warmupFactor())
    .addOption(s.milestones())
    .addOption(s.gamma())
    .addOption(s.stepSize())
    .addOption(s.minLr())
    .addOption(s.restartEpochs())
    .addOption(s.restartFactor())
    .addOption(s.riseShare())
    .addOption(s.endFactor())
    .addOption(s.power())
    .addOption(s.patience())
    .optionsGroup('Folders of pictures:')
    .option(
      '--workers <n>',
      'threads that read pictures (default: one less than cores); they change no number',
      wholeNumber('--workers', 1024),
    )
    .option(
      '--skip-broken',
      'leave out pictures that cannot be read; without it the first one ends the run, which can go on',
    )
    .optionsGroup('Machine:')
    .addOption(efficientOption())
    .addOption(ampOption('none'))
    .addOption(channelsLastOption())
    .option(
      '--cuda-graph',
      'record a step on the GPU and do it again at one call; for SGD and one process (default: no)',
    )
    .option(
      '--deterministic',
      'take only algorithms that give the same bits in every run, as all do on the CPU; slower on a GPU, where --resume goes on to the same bits only with it',
    )
    .option('--fast', 'compute as is fastest here, close to PyTorch instead of bit for bit; says what was picked')
    .option(
      '--device <name>',
      'cpu, cuda, cuda:1, ...; cuda is a GPU for each process (default: cpu)',
      device('--device'),
    )
    .option('--threads <n>', 'threads of libtorch (default: as many as cores)', positiveInteger('--threads', 1024))
    .addOption(nprocOption('train together, each with --batch-size pictures'))
    .addOption(timeoutOption())
    .addHelpText('after', examples);
}

/** What `--recipe list` prints: each recipe and the options it stands for. */
export function recipeList(): string {
  return Object.entries(RECIPES)
    .map(([name, { about, options }]) => {
      const flags = Object.entries(options).map(([field, value]) => optionText(field as keyof RunOptions, value));
      return `${name}\n  ${about}\n  ${flags.join(' ')}\n`;
    })
    .join('\n');
}

/** `--efficient [mode]`: alone it means PyTorch's checkpointing. */
export function efficientOption() {
  return new Option('--efficient [mode]', `train in less memory: ${EFFICIENT_MODES.join(', ')} (default: none)`)
    .preset('checkpoint')
    .argParser(choice('--efficient', EFFICIENT_MODES));
}

/** What `--fast` picks, and a line that says so. */
export interface FastChoice {
  readonly options: Pick<RunOptions, 'efficient' | 'amp' | 'channelsLast'>;
  readonly line: string;
}

/**
 * On the CPU fused dense blocks, on an accelerator bfloat16 and channels last.
 * @throws UsageError beside an option that it would pick.
 */
export function fastChoice(given: ReturnType<ReturnType<typeof trainCommand>['opts']>): FastChoice | undefined {
  if (given.fast !== true) return undefined;
  const refuse = (flag: string): never => {
    throw new UsageError(`Expected one of --fast and ${flag} but received both`);
  };
  if (given.efficient !== undefined) refuse(`--efficient ${given.efficient}`);
  if ((given.device ?? 'cpu') === 'cpu') {
    return {
      options: { efficient: 'fused' },
      line: '--fast: picked --efficient fused; its numbers differ from those of PyTorch by rounding',
    };
  }
  if (given.amp !== undefined) refuse(`--amp ${given.amp}`);
  return {
    options: { amp: 'bf16', channelsLast: true },
    line: "--fast: picked --amp bf16 --channels-last; its numbers are those of PyTorch's autocast, not of float32",
  };
}

/** What commander read, as the options of a run: only those that were given. */
export function runOptions(given: ReturnType<ReturnType<typeof trainCommand>['opts']>): RunOptions {
  const { save: _save, resume: _resume, overwrite: _overwrite, download: _download, fast: _fast, ...others } = given;
  const { nproc: _nproc, timeout: _timeout, verify, bottleneck, ...options } = others;
  return {
    ...options,
    ...embeddedData(given.data, given.dataset),
    ...fastChoice(given)?.options,
    // Commander makes these true when they are absent; only their absence of value is a choice.
    verify: verify ? undefined : false,
    bottleneck: bottleneck ? undefined : false,
  };
}
