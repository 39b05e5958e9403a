import { Command } from '@commander-js/extra-typings';
import { type AmpName } from '../train/precision-names.js';
import { UsageError } from '../train/errors.js';
import { classesOption, entryOption, modelOption } from './network-options.js';
import { ampOption, channelsLastOption } from './precision-options.js';
import { device, filePath, positiveInteger, wholeNumber } from './values.js';

const examples = `
Examples:
  $ torchbridge predict cat.jpg --weights densenet121
      The five most probable of ImageNet's 1000 classes; the weights are fetched into PyTorch's own cache.
  $ torchbridge predict holidays/ --weights densenet201 --top 1 --json
      Every picture of a folder, one JSON object a picture.
  $ torchbridge predict *.png --weights model.pth --classes names.txt --bars
      Weights of one's own: the form of the network is read from the file.

Pictures that cannot be read are named on stderr, the others go on, and the exit code is 1.`;

/** What to predict and how to show it. */
export interface PredictCommandOptions {
  readonly images: readonly string[];
  readonly weights: string;
  readonly entry: string | undefined;
  readonly model: string | undefined;
  readonly classes: string | undefined;
  readonly top: number | undefined;
  readonly batchSize: number | undefined;
  readonly workers: number | undefined;
  readonly device: string | undefined;
  readonly threads: number | undefined;
  readonly amp: AmpName | undefined;
  readonly channelsLast: boolean | undefined;
  readonly json: boolean;
  readonly bars: boolean;
}

/** The `predict` command without its action. */
export function predictCommand() {
  return new Command('predict')
    .summary('say what pictures show')
    .description('Names the most probable classes of pictures: JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP and PPM.')
    .argument('<image...>', 'pictures, and folders of them')
    .option(
      '--weights <name>',
      'densenet121, resnet50, vgg16, googlenet, ... (published weights), or a file of torch.save',
      filePath('--weights', 'a name or a file'),
    )
    .addOption(entryOption())
    .addOption(modelOption())
    .addOption(classesOption(' (default: those of the weights)'))
    .option('--top <n>', 'classes to name (default: 5)', positiveInteger('--top'))
    .option('--json', 'print a JSON list, one object a picture')
    .option('--bars', 'show probabilities as bars')
    .option(
      '--batch-size <n>',
      'pictures of one pass through the network (default: 8)',
      positiveInteger('--batch-size'),
    )
    .option(
      '--workers <n>',
      'threads that read pictures (default: one less than cores)',
      wholeNumber('--workers', 1024),
    )
    .option('--device <name>', 'cpu, cuda, cuda:1, ... (default: cpu)', device('--device'))
    .option('--threads <n>', 'threads of libtorch (default: as many as cores)', positiveInteger('--threads', 1024))
    .addOption(ampOption('none'))
    .addOption(channelsLastOption())
    .addHelpText('after', examples);
}

/** What commander read, checked. @throws UsageError */
export function predictOptions(
  images: readonly string[],
  given: ReturnType<ReturnType<typeof predictCommand>['opts']>,
): PredictCommandOptions {
  if (given.weights === undefined) {
    throw new UsageError('Expected --weights densenet121 (or another published name) or --weights FILE: the network');
  }
  if (given.json === true && given.bars === true)
    throw new UsageError('Expected one of --json and --bars but received both');
  if (images.includes('')) throw new UsageError('Expected a picture or a folder but received ""');
  return {
    images,
    weights: given.weights,
    entry: given.entry,
    model: given.model,
    classes: given.classes,
    top: given.top,
    batchSize: given.batchSize,
    workers: given.workers,
    device: given.device,
    threads: given.threads,
    amp: given.amp,
    channelsLast: given.channelsLast,
    json: given.json === true,
    bars: given.bars === true,
  };
}
