import { Command } from '@commander-js/extra-typings';
import { UsageError } from '../train/errors.js';
import { filePath } from './values.js';

const examples = `
Examples:
  $ torchbridge heatmap --save runs/first
      The best model of a run: runs/first/heatmap.svg.
  $ torchbridge heatmap densenet121 --plot densenet121.png
      Published weights, which are fetched into PyTorch's own cache.`;

/** Which weights to draw, and where. */
export interface HeatmapOptions {
  readonly weights: string | undefined;
  /** Folder of a run, where no weights are named. */
  readonly save: string | undefined;
  readonly plot: string;
  readonly json: boolean;
}

/** The `heatmap` command without its action. */
export function heatmapCommand() {
  return new Command('heatmap')
    .summary('draw how much layers take from each other')
    .description(
      "Draws the DenseNet paper's figure 5 for a trained network: the mean absolute weight between each pair of layers in every dense block.",
    )
    .argument('[weights]', 'a file of torch.save or safetensors, or densenet121, densenet161, ...')
    .option('--save <dir>', 'folder of a run: its model.pth', filePath('--save', 'a folder'))
    .option(
      '--plot <file>',
      'where to, .svg or .png (default: heatmap.svg, in the folder of --save)',
      filePath('--plot', 'a file'),
    )
    .option('--json', 'print the numbers as one JSON object too')
    .addHelpText('after', examples);
}

/** What commander read, checked. @throws UsageError */
export function heatmapOptions(
  weights: string | undefined,
  given: ReturnType<ReturnType<typeof heatmapCommand>['opts']>,
): HeatmapOptions {
  const { save } = given;
  if ((weights === undefined) === (save === undefined))
    throw new UsageError(
      `Expected a file of weights or --save DIR but received ${save === undefined ? 'neither' : 'both'}`,
    );
  const plot = given.plot ?? (save === undefined ? 'heatmap.svg' : `${save}/heatmap.svg`);
  if (!/\.(svg|png)$/i.test(plot))
    throw new UsageError(`Expected a file ending in .svg or .png for --plot but received ${JSON.stringify(plot)}`);
  return { weights, save, plot, json: given.json === true };
}
