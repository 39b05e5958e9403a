import { Command } from '@commander-js/extra-typings';
import { EFFICIENT_MODES, type EfficientMode } from '../models/efficient.js';
import { UsageError } from '../train/errors.js';
import { byteCount, choice, filePath, increasingIntegers, positiveInteger } from './values.js';

const examples = `
Examples:
  $ torchbridge memory densenet121 --batch 8
      Bytes and time of a training step in each mode of --efficient, and the largest batch for this machine's memory.
  $ torchbridge memory densenet-bc-100-12 --batch 64 --limit 8GB
      The same for the paper's DenseNet-BC with 100 layers and growth rate 12, and for 8 GB.
  $ torchbridge memory --plot depth.png
      Memory against depth, from 40 to 250 layers, as a picture (.svg or .png).`;

/** The figure's own options, which mean nothing for one network. */
const FIGURE_BATCH = 64;
const REPORT_BATCH = 8;

/** What to measure, and how to show it. */
export type MemoryCommandOptions = {
  readonly modes: readonly EfficientMode[] | undefined;
  readonly batchSize: number;
  readonly threads: number | undefined;
  readonly json: boolean;
} & (
  | {
      readonly model: string;
      readonly imageSize: number | undefined;
      readonly dtype: 'float32' | 'float64' | 'bfloat16';
      readonly limit: number | undefined;
      readonly steps: number | undefined;
    }
  | {
      readonly plot: string;
      readonly depths: readonly number[] | undefined;
      readonly growthRate: number;
    }
);

/** The `memory` command without its action. */
export function memoryCommand() {
  return new Command('memory')
    .summary('say what a training step takes')
    .description(
      'Measures the memory and the time of a training step in each mode of --efficient, with random pictures. Bytes are exact: those of tensors, counted where they are allocated.',
    )
    .argument('[model]', 'densenet121, ..., or densenet-bc-100-12, densenet-40-12, ... in the form of the paper')
    .option(
      '--batch <n>',
      `pictures of a step (default: ${REPORT_BATCH}; ${FIGURE_BATCH} with --plot)`,
      positiveInteger('--batch', 1e6),
    )
    .option('--modes <list>', `some of ${EFFICIENT_MODES.join(',')} (default: all)`, (text) => [
      ...new Set(text.split(',').map(choice('--modes', EFFICIENT_MODES))),
    ])
    .option('--json', 'print one JSON object')
    .option('--threads <n>', 'threads of libtorch (default: as many as cores)', positiveInteger('--threads', 1024))
    .optionsGroup('One network:')
    .option(
      '--image-size <n>',
      'height and width of the pictures (default: 224, or 32 for the form of CIFAR)',
      positiveInteger('--image-size', 1e5),
    )
    .option(
      '--dtype <name>',
      'float32, float64 or bfloat16 (default: float32)',
      choice('--dtype', ['float32', 'float64', 'bfloat16']),
    )
    .option(
      '--limit <bytes>',
      'memory for the largest batch, such as 8GB or 512MB (default: that of the machine)',
      byteCount('--limit'),
    )
    .option('--steps <n>', 'steps of which the time is the median (default: 3)', positiveInteger('--steps', 1000))
    .optionsGroup('Depth against memory:')
    .option('--plot <file>', 'draw it for networks of many depths, as .svg or .png', filePath('--plot', 'a file'))
    .option('--depths <list>', 'such as 40,100,250 (default: 40 to 250 in steps of 30)', increasingIntegers('--depths'))
    .option('--growth-rate <n>', 'features each layer adds (default: 12)', positiveInteger('--growth-rate', 1e4))
    .addHelpText('after', examples);
}

/** What commander read, checked. @throws UsageError */
export function memoryOptions(
  model: string | undefined,
  given: ReturnType<ReturnType<typeof memoryCommand>['opts']>,
): MemoryCommandOptions {
  const { plot, modes, threads } = given;
  const common = { modes, threads, json: given.json === true };
  if (plot !== undefined) {
    if (model !== undefined)
      throw new UsageError(`Expected a network or --plot but received both: ${model} has one depth`);
    const flags = {
      '--image-size': given.imageSize,
      '--dtype': given.dtype,
      '--limit': given.limit,
      '--steps': given.steps,
    };
    const flag = Object.entries(flags).find(([, value]) => value !== undefined)?.[0];
    if (flag !== undefined) throw new UsageError(`Expected no ${flag} with --plot: it is for one network`);
    if (!/\.(svg|png)$/i.test(plot))
      throw new UsageError(`Expected a file ending in .svg or .png for --plot but received ${JSON.stringify(plot)}`);
    const { depths, growthRate = 12, batch = FIGURE_BATCH } = given;
    return { ...common, plot, depths, growthRate, batchSize: batch };
  }
  if (model === undefined) throw new UsageError('Expected a network such as densenet121, or --plot FILE');
  for (const [flag, value] of [
    ['--depths', given.depths],
    ['--growth-rate', given.growthRate],
  ] as const)
    if (value !== undefined) throw new UsageError(`Expected --plot FILE with ${flag}: it is for the picture`);
  const { imageSize, dtype = 'float32', limit, steps, batch = REPORT_BATCH } = given;
  return { ...common, model, imageSize, dtype, limit, steps, batchSize: batch };
}
