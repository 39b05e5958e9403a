import { Command } from '@commander-js/extra-typings';
import { UsageError } from '../train/errors.js';
import { choice, device, filePath, positiveInteger } from './values.js';

const examples = `
Examples:
  $ torchbridge eval --save runs/first
      The best model of a run, on the test set of its data.
  $ torchbridge eval --weights model.dat --data data
      A state dict that Python saved, on CIFAR-10; the form of the network is read from its shapes.`;

/** What to evaluate, and on what. */
export interface EvalOptions {
  readonly save: string | undefined;
  readonly weights: string | undefined;
  readonly data: string | undefined;
  readonly dataset: 'cifar10' | 'cifar100' | 'shapes' | undefined;
  readonly verify: false | undefined;
  readonly batchSize: number | undefined;
  readonly device: string | undefined;
  readonly threads: number | undefined;
  readonly download: boolean;
  readonly json: boolean;
}

/** The `eval` command without its action. */
export function evalCommand() {
  return new Command('eval')
    .summary('test a trained DenseNet')
    .description('Measures loss and top-1 error of a trained network on the test set.')
    .option(
      '--save <dir>',
      'folder of a run: its model.pth, rebuilt from its config.json',
      filePath('--save', 'a folder'),
    )
    .option('--weights <file>', 'a state dict, from here or from Python', filePath('--weights', 'a file'))
    .option(
      '--data <dir>',
      'folder that holds CIFAR-10 or CIFAR-100 (default: that of the run)',
      filePath('--data', 'a folder'),
    )
    .option(
      '--dataset <name>',
      'cifar10, cifar100 or shapes (default: that of the run)',
      choice('--dataset', ['cifar10', 'cifar100', 'shapes']),
    )
    .option('--download', 'fetch the data set into its folder if it is not there')
    .option('--no-verify', 'take data of your own in the layout of CIFAR, whose md5 differ')
    .option(
      '--batch-size <n>',
      'pictures of an iteration (default: that of the run, or 64)',
      positiveInteger('--batch-size'),
    )
    .option('--device <name>', 'cpu, cuda, cuda:1, ... (default: that of the run, or cpu)', device('--device'))
    .option(
      '--threads <n>',
      'threads of libtorch (default: those of the run, or as many as cores)',
      positiveInteger('--threads', 1024),
    )
    .option('--json', 'print one JSON object instead of the lines')
    .addHelpText('after', examples);
}

/** What commander read, checked. @throws UsageError */
export function evalOptions(given: ReturnType<ReturnType<typeof evalCommand>['opts']>): EvalOptions {
  if (given.save === undefined && given.weights === undefined) {
    throw new UsageError('Expected --save DIR or --weights FILE: the model to evaluate');
  }
  if (given.save !== undefined && given.weights !== undefined) {
    throw new UsageError('Expected one of --save and --weights but received both');
  }
  if (given.dataset === 'shapes' && given.data !== undefined) {
    throw new UsageError('Expected no --data with --dataset shapes: its pictures are generated');
  }
  return {
    save: given.save,
    weights: given.weights,
    data: given.data,
    dataset: given.dataset,
    verify: given.verify ? undefined : false,
    download: given.download === true,
    batchSize: given.batchSize,
    device: given.device,
    threads: given.threads,
    json: given.json === true,
  };
}
