import { Command } from '@commander-js/extra-typings';
import { parse } from 'node:path';
import { UsageError } from '../train/errors.js';
import { choice, filePath, pictureSize, positiveInteger, wholeNumber } from './values.js';

/** Columns and settings by torchinfo's names; lib/nn/look checks that they are all. */
export const SUMMARY_COLUMNS = [
  'kernel_size',
  'input_size',
  'output_size',
  'num_params',
  'params_percent',
  'mult_adds',
  'trainable',
] as const;
export const SUMMARY_ROWS = ['depth', 'var_names', 'ascii_only', 'hide_recursive_layers'] as const;

const NAMES =
  './my-net.mjs, whose default export is a network or makes one; or densenet121, resnet50, vgg16_bn, lenet, ..., or densenet-bc-100-12, densenet-40-12, ...';

/** A network by its name and the picture that is put in. */
export interface NetworkChoice {
  readonly model: string;
  /** Channels, height, width; undefined for those that the network is made for. */
  readonly inputSize: readonly number[] | undefined;
  readonly numClasses: number | undefined;
  readonly threads: number | undefined;
  readonly json: boolean;
}

/** Whether a network is named by the path of a program, and not by its own name. */
export function isOwnNetwork(model: string): boolean {
  return /[/\\]|\.[cm]?[jt]s$/.test(model);
}

/** What {@link networkChoice} reads. */
interface GivenChoice {
  readonly inputSize?: number[] | undefined;
  readonly numClasses?: number | undefined;
  readonly threads?: number | undefined;
  readonly json?: true | undefined;
}

function networkChoice(model: string, { inputSize, numClasses, threads, json }: GivenChoice): NetworkChoice {
  if (isOwnNetwork(model) && inputSize === undefined)
    throw new UsageError(`Expected --input-size CxHxW with a network of one's own, as 3x224x224 for ${model}`);
  return { model, inputSize, numClasses, threads, json: json === true };
}

/** Options of all commands that look at a network. */
function lookCommand(name: string) {
  return new Command(name)
    .argument('<model>', NAMES)
    .option(
      '--input-size <CxHxW>',
      'picture such as 3x224x224 (default: what the network is made for)',
      pictureSize('--input-size'),
    )
    .option('--num-classes <n>', 'classes (default: as published)', positiveInteger('--num-classes', 1e6))
    .option('--threads <n>', 'threads of libtorch (default: as many as cores)', positiveInteger('--threads', 1024))
    .option('--json', 'print one JSON object');
}

/** What `torchbridge summary` shows. */
export interface SummaryCommandOptions extends NetworkChoice {
  readonly batchSize: number;
  readonly depth: number;
  readonly columns: readonly (typeof SUMMARY_COLUMNS)[number][];
  readonly rows: readonly (typeof SUMMARY_ROWS)[number][];
  readonly colWidth: number;
  /** The notes' table in place of torchinfo's. */
  readonly layers: boolean;
}

const list =
  <T extends string>(flag: string, words: readonly T[]) =>
  (text: string): T[] => [...new Set(text.split(',').map(choice(flag, words)))];

/** The `summary` command without its action. */
export function summaryCommand() {
  return lookCommand('summary')
    .summary('tell layers, shapes, parameters and multiply-adds of a network')
    .description(
      "Prints torchinfo's table of a network: its modules as a tree, shapes, parameters, multiply-adds, sizes. Then the layers with weights, the operations that libtorch dispatched, and the receptive field.",
    )
    .option('--batch <n>', 'pictures (default: 1)', positiveInteger('--batch', 1e6))
    .option('--depth <n>', 'levels of modules (default: 3)', wholeNumber('--depth', 1000))
    .option(
      '--columns <list>',
      `some of ${SUMMARY_COLUMNS.join(',')} (default: output_size,num_params)`,
      list('--columns', SUMMARY_COLUMNS),
    )
    .option('--rows <list>', `some of ${SUMMARY_ROWS.join(',')} (default: depth)`, list('--rows', SUMMARY_ROWS))
    .option('--col-width <n>', 'characters of a column (default: 25)', positiveInteger('--col-width', 1000))
    .option('--layers', "the notes' table: a line for each layer with the shape of its output")
    .addHelpText(
      'after',
      `
Examples:
  $ torchbridge summary densenet121 --depth 2
  $ torchbridge summary resnet18 --columns input_size,output_size,num_params,mult_adds --input-size 3x64x64
  $ torchbridge summary lenet --layers
      What the notes' showNet prints.
  $ torchbridge summary ./my-net.mjs --input-size 3x32x32
      A network of your own: the program is run.`,
    );
}

/** What commander read, checked. @throws UsageError */
export function summaryOptions(
  model: string,
  given: ReturnType<ReturnType<typeof summaryCommand>['opts']>,
): SummaryCommandOptions {
  const { batch = 1, depth = 3, columns = ['output_size', 'num_params'], rows = ['depth'], colWidth = 25 } = given;
  const layers = given.layers === true;
  const other = {
    '--json': given.json,
    '--depth': given.depth,
    '--columns': given.columns,
    '--rows': given.rows,
    '--col-width': given.colWidth,
  };
  const flag = Object.entries(other).find(([, value]) => value !== undefined)?.[0];
  if (layers && flag !== undefined)
    throw new UsageError(`Expected no ${flag} with --layers: it is for torchinfo's table`);
  return { ...networkChoice(model, given), batchSize: batch, depth, columns, rows, colWidth, layers };
}

/** The `stat` command without its action. */
export function statCommand() {
  return lookCommand('stat')
    .summary('tell parameters, memory, operations and time of each layer')
    .description(
      "Prints torchstat's table of a network, for one picture: for each layer parameters, memory of its output, multiplications and additions (MAdd), multiply-adds (Flops), bytes read and written, time.",
    )
    .addHelpText('after', '\nExample:\n  $ torchbridge stat resnet152 --input-size 3x224x224');
}

/** What commander read. */
export const statOptions = (model: string, given: ReturnType<ReturnType<typeof statCommand>['opts']>): NetworkChoice =>
  networkChoice(model, given);

/** What `torchbridge graph` draws, and where. */
export interface GraphCommandOptions extends NetworkChoice {
  readonly plot: string;
}

/** The `graph` command without its action. */
export function graphCommand() {
  return lookCommand('graph')
    .summary('draw a network')
    .description(
      'Draws what a network computes: its steps, which reads which, dense connections and shortcuts as arcs. From the operators that it dispatches.',
    )
    .option('--plot <file>', 'where to, .svg or .png (default: MODEL.svg)', filePath('--plot', 'a file'))
    .addHelpText(
      'after',
      '\nExamples:\n  $ torchbridge graph densenet121 --plot densenet121.png\n  $ torchbridge graph densenet-40-12',
    );
}

/** What commander read, checked. @throws UsageError */
export function graphOptions(
  model: string,
  given: ReturnType<ReturnType<typeof graphCommand>['opts']>,
): GraphCommandOptions {
  const name = isOwnNetwork(model) ? parse(model).name : model;
  const plot = given.plot ?? `${name.replace(/[^\w.-]/g, '_')}.svg`;
  if (!/\.(svg|png)$/i.test(plot))
    throw new UsageError(`Expected a file ending in .svg or .png for --plot but received ${JSON.stringify(plot)}`);
  return { ...networkChoice(model, given), plot };
}
