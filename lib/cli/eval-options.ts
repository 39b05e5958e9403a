import { Command } from '@commander-js/extra-typings';
import { DATASET_NAMES, embeddedData, isEmbedded, isInFiles } from '../train/dataset-names.js';
import { type AmpName } from '../train/precision-names.js';
import { UsageError } from '../train/errors.js';
import { classesOption, entryOption, modelOption } from './network-options.js';
import { nprocOption, timeoutOption } from './rank-options.js';
import { ampOption, channelsLastOption } from './precision-options.js';
import { datasetName, device, filePath, positiveInteger, wholeNumber } from './values.js';

const examples = `
Examples:
  $ torchbridge eval --save runs/first
      The best model of a run, on the test set of its data.
  $ torchbridge eval --weights model.dat --data data
      A state dict that Python saved, on CIFAR-10; the form of the network is read from its shapes.
  $ torchbridge eval --weights densenet121 --data imagenet/val --ten-crop
      Published weights on a folder with one folder of pictures for each class.`;

/** What to evaluate, and on what. */
export interface EvalOptions {
  readonly save: string | undefined;
  readonly weights: string | undefined;
  readonly entry: string | undefined;
  readonly data: string | undefined;
  readonly dataset: string | undefined;
  readonly verify: false | undefined;
  readonly batchSize: number | undefined;
  readonly device: string | undefined;
  readonly threads: number | undefined;
  readonly amp: AmpName | undefined;
  readonly channelsLast: boolean | undefined;
  readonly download: boolean;
  readonly model: string | undefined;
  readonly classes: string | undefined;
  readonly tenCrop: boolean;
  readonly skipBroken: boolean;
  readonly workers: number | undefined;
  readonly json: boolean;
  /** Seconds that several processes wait for each other. */
  readonly timeout: number | undefined;
}

/** The `eval` command without its action. */
export function evalCommand() {
  return new Command('eval')
    .summary('test a trained DenseNet')
    .description(
      'Measures loss and error of a trained network: on the test set of its data, or on a folder with one folder of pictures for each class.',
    )
    .option(
      '--save <dir>',
      'folder of a run: its model.pth, rebuilt from its config.json',
      filePath('--save', 'a folder'),
    )
    .option(
      '--weights <file>',
      'a state dict, from here or from Python; or densenet121, densenet161, ...',
      filePath('--weights', 'a file'),
    )
    .addOption(entryOption())
    .option(
      '--data <dir>',
      'folder that holds the data set, or a folder of pictures for each class (default: that of the run)',
      filePath('--data', 'a folder'),
    )
    .option(
      '--dataset <name>',
      `${DATASET_NAMES.join(', ')}, or a mix as digits+mnist (default: what --data holds, or that of the run)`,
      datasetName(),
    )
    .option('--download', 'fetch the data set into its folder if it is not there')
    .option('--no-verify', 'take data of your own in the layout of the data set, whose md5 differ')
    .option(
      '--batch-size <n>',
      'pictures of an iteration (default: that of the run, or 64; of a folder 32, with --ten-crop 4)',
      positiveInteger('--batch-size'),
    )
    .option('--device <name>', 'cpu, cuda, cuda:1, ... (default: that of the run, or cpu)', device('--device'))
    .option(
      '--threads <n>',
      'threads of libtorch (default: those of the run, or as many as cores)',
      positiveInteger('--threads', 1024),
    )
    .addOption(ampOption('that of the run, or none'))
    .addOption(channelsLastOption('as the run'))
    .addOption(modelOption())
    .addOption(nprocOption('share the pictures'))
    .addOption(timeoutOption())
    .option('--json', 'print one JSON object instead of the lines')
    .optionsGroup('Folders of pictures:')
    .option('--ten-crop', 'average over four corners and the middle of each picture and of its mirror image')
    .addOption(classesOption(', in the order of the network, where the folders are others or fewer'))
    .option('--skip-broken', 'leave out pictures that cannot be read; without it the first one ends the evaluation')
    .option(
      '--workers <n>',
      'threads that read pictures (default: one less than cores)',
      wholeNumber('--workers', 1024),
    )
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
  if (given.save !== undefined && given.entry !== undefined) {
    throw new UsageError("Expected no --entry with --save: a run's model.pth is a state dict");
  }
  if (given.save !== undefined && given.model !== undefined) {
    throw new UsageError('Expected no --model with --save: the config.json of a run names its network');
  }
  const { data, dataset } = embeddedData(given.data, given.dataset);
  if (dataset !== undefined && isEmbedded(dataset) && data !== undefined) {
    throw new UsageError(`Expected no --data with --dataset ${dataset}: its pictures are generated`);
  }
  const forFolders = [
    given.tenCrop === true ? '--ten-crop' : undefined,
    given.skipBroken === true ? '--skip-broken' : undefined,
    given.classes === undefined ? undefined : '--classes',
    given.workers === undefined ? undefined : '--workers',
  ].filter((flag) => flag !== undefined);
  const [flag] = forFolders;
  const ofRuns = given.tenCrop !== true && given.classes === undefined && given.save !== undefined;
  if (flag !== undefined && dataset !== undefined && !isInFiles(dataset)) {
    throw new UsageError(`Expected no ${flag} with --dataset ${dataset}: it is for folders of pictures`);
  }
  return {
    save: given.save,
    weights: given.weights,
    entry: given.entry,
    data,
    // These options are for nothing else; but a run may have been on folders.
    dataset: dataset ?? (flag === undefined || (data === undefined && ofRuns) ? undefined : 'imagefolder'),
    verify: given.verify ? undefined : false,
    download: given.download === true,
    batchSize: given.batchSize,
    device: given.device,
    threads: given.threads,
    amp: given.amp,
    channelsLast: given.channelsLast,
    json: given.json === true,
    model: given.model,
    classes: given.classes,
    tenCrop: given.tenCrop === true,
    skipBroken: given.skipBroken === true,
    workers: given.workers,
    timeout: given.timeout,
  };
}
