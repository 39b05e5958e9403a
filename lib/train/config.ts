import { resolve } from 'node:path';
import { z } from 'zod';
import { EFFICIENT_MODES } from '../models/efficient.js';
import { DATASET_FACTS, DATASET_NAMES } from './dataset-names.js';
import { UsageError } from './errors.js';

const positive = z.int().min(1);
const fraction = z.number().gt(0).max(1);

/**
 * Everything that decides the numbers of a run, and what is needed to read its data again. `config.json` holds it; the
 * names are those of the command's options in camelCase.
 */
export const runConfigSchema = z.strictObject({
  dataset: z.enum(DATASET_NAMES),
  data: z.string().min(1).nullable(),
  verify: z.boolean(),
  validSize: z.int().min(0),
  nEpochs: positive,
  batchSize: positive,
  seed: z.int().min(0),
  // A depth builds a module per layer: beyond this it is a slip of the hand, and would take minutes to refuse.
  depth: positive.max(4000),
  growthRate: positive.max(1e6),
  bottleneck: z.boolean(),
  compression: fraction,
  numInitFeatures: positive.max(2e6),
  dropRate: z.number().min(0).lt(1),
  // A way of computing, which runs of earlier releases did not name.
  efficient: z.enum(EFFICIENT_MODES).default('none'),
  numClasses: positive,
  // Runs of earlier releases knew pictures of three channels alone.
  inChannels: positive.default(3),
  // What the data were, so that a resumed run goes on with the same.
  pictures: z.strictObject({ train: positive, test: positive, sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  lr: z.number().min(0),
  momentum: z.number().min(0),
  dampening: z.number().min(0),
  weightDecay: z.number().min(0),
  nesterov: z.boolean(),
  milestones: z.array(positive),
  device: z.string().min(1),
  // OpenMP ends the process when it cannot start the threads it is asked for.
  threads: positive.max(1024),
  versions: z.strictObject({ torchbridge: z.string(), torch: z.string() }),
});

/** The contents of `config.json`. */
export type RunConfig = z.infer<typeof runConfigSchema>;

/** What a caller may choose; everything else has a default. */
export type RunOptions = {
  [K in Exclude<keyof RunConfig, 'versions' | 'numClasses' | 'inChannels' | 'pictures'>]?: RunConfig[K] | undefined;
};

/** What defaults depend on and only the program at hand knows. */
export interface ConfigSurroundings {
  /** The training set counts before the validation pictures are taken from it. */
  readonly pictures: RunConfig['pictures'];
  readonly numClasses: number;
  /** For runs that name no seed. */
  readonly seed: number;
  readonly threads: number;
  readonly device: string;
  readonly versions: RunConfig['versions'];
}

/** `shapes` without a data folder, `cifar10` with one. */
export function datasetOf(options: RunOptions): RunConfig['dataset'] {
  return options.dataset ?? (options.data == null ? 'shapes' : 'cifar10');
}

/**
 * The learning rate falls at one half and three quarters of the epochs, rounded up to whole ones.
 *
 * The efficient_densenet_pytorch script passes `[0.5 * n, 0.75 * n]` as floats, of which MultiStepLR ignores those that
 * are not whole; for 2 epochs and for every multiple of 4 both give the same learning rates.
 */
export function defaultMilestones(nEpochs: number): number[] {
  return [Math.ceil(0.5 * nEpochs), Math.ceil(0.75 * nEpochs)];
}

/**
 * Fills in the defaults: those of the efficient_densenet_pytorch script, and of the DenseNet paper where the form of the
 * network decides (with bottleneck: 2k initial features and compression 0.5; without: 16 and 1).
 * @throws UsageError when options exclude each other or a value is out of range.
 */
export function resolveConfig(options: RunOptions, around: ConfigSurroundings): RunConfig {
  const dataset = datasetOf(options);
  const nEpochs = options.nEpochs ?? 300;
  const growthRate = options.growthRate ?? 12;
  const bottleneck = options.bottleneck ?? true;
  const { channels, validSize: defaultValidSize = Math.floor(around.pictures.train / 10) } = DATASET_FACTS[dataset];
  const config = parseConfig({
    dataset,
    // From wherever the run is resumed or evaluated it is the same folder.
    data: options.data == null ? null : resolve(options.data),
    verify: options.verify ?? true,
    validSize: options.validSize ?? defaultValidSize,
    nEpochs,
    batchSize: options.batchSize ?? 64,
    seed: options.seed ?? around.seed,
    depth: options.depth ?? 40,
    growthRate,
    bottleneck,
    compression: options.compression ?? (bottleneck ? 0.5 : 1),
    numInitFeatures: options.numInitFeatures ?? (bottleneck ? 2 * growthRate : 16),
    dropRate: options.dropRate ?? 0,
    efficient: options.efficient ?? 'none',
    numClasses: around.numClasses,
    inChannels: channels,
    pictures: around.pictures,
    lr: options.lr ?? 0.1,
    momentum: options.momentum ?? 0.9,
    dampening: options.dampening ?? 0,
    weightDecay: options.weightDecay ?? 1e-4,
    nesterov: options.nesterov ?? true,
    milestones: options.milestones ?? defaultMilestones(nEpochs),
    device: options.device ?? around.device,
    threads: options.threads ?? around.threads,
    versions: around.versions,
  });
  checkValidSize(config.validSize, around.pictures.train, options.validSize === undefined);
  return config;
}

function checkValidSize(validSize: number, trainPictures: number, isDefault: boolean): void {
  if (validSize < trainPictures) return;
  const flag = flagOf('validSize');
  throw new UsageError(
    isDefault
      ? `The data have ${trainPictures} training pictures, too few for the default ${flag} ${validSize}: ` +
          `add ${flag} ${Math.floor(trainPictures / 10)}, say`
      : `Expected a number below ${trainPictures} (the training pictures there are) for ${flag} but received ${validSize}`,
  );
}

/** The options that must agree before any data is read. @throws UsageError */
export function checkOptions(options: RunOptions): void {
  const dataset = datasetOf(options);
  const { files } = DATASET_FACTS[dataset];
  if (files !== undefined && options.data == null) {
    throw new UsageError(`Expected --data DIR with --dataset ${dataset}: the folder of ${files}`);
  }
  if (files === undefined && options.data != null) {
    throw new UsageError(`Expected no --data with --dataset ${dataset}: its pictures are generated`);
  }
  const momentum = options.momentum ?? 0.9;
  if ((options.nesterov ?? true) && (momentum <= 0 || (options.dampening ?? 0) !== 0)) {
    throw new UsageError(
      'Nesterov momentum requires a momentum and zero dampening: add --no-nesterov, or change --momentum or --dampening',
    );
  }
}

/** Checks the fields of a configuration. @throws UsageError naming the first field that is wrong. */
export function parseConfig(value: unknown): RunConfig {
  const result = runConfigSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue?.path.map(String).join('.') ?? '';
  const what = field === '' ? 'the configuration' : field;
  throw new UsageError(`${what}: ${issue?.message ?? 'not valid'}`);
}

/**
 * Reads the text of a `config.json`.
 * @param path for the message.
 * @throws Error in one line when it is no JSON or a field is wrong.
 */
export function readConfig(text: string, path: string): RunConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${path} is not valid JSON: ${(error as Error).message.split('\n')[0] ?? ''}`, { cause: error });
  }
  try {
    return parseConfig(value);
  } catch (error) {
    throw new Error(`${path} is not a run's configuration: ${(error as Error).message}`, { cause: error });
  }
}

/** The text of `config.json`. */
export function formatConfig(config: RunConfig): string {
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** The command's option that sets a field, without its value. */
export function flagOf(field: keyof RunConfig): string {
  return `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Fields that say where the data are, or how the network is computed: not what it is, nor what it learns. */
const freeFields: ReadonlySet<string> = new Set(['data', 'verify', 'versions', 'efficient']);

/**
 * What to go on with when a run is resumed: its own configuration; options may only repeat it, say where the data are
 * now, and choose another way of computing.
 * @throws UsageError naming every option that would change the numbers.
 */
export function resumedConfig(stored: RunConfig, options: RunOptions, save: string): RunConfig {
  const changed: string[] = [];
  for (const [key, value] of Object.entries(options)) {
    const field = key as keyof RunOptions;
    if (value === undefined || value === null || freeFields.has(field)) continue;
    if (JSON.stringify(value) !== JSON.stringify(stored[field])) {
      changed.push(`${optionText(field, value)} (it was ${optionText(field, stored[field])})`);
    }
  }
  if (changed.length > 0) {
    throw new UsageError(`Cannot resume the run in ${save} with ${changed.join(', ')}: the numbers would change`);
  }
  const data = options.data == null ? stored.data : resolve(options.data);
  const { verify = stored.verify, efficient = stored.efficient } = options;
  return { ...stored, data, verify, efficient };
}

/** Whether two configurations give the same numbers, wherever their data are. */
export function sameNumbers(one: RunConfig, other: RunConfig): boolean {
  const fixed = (config: RunConfig): string =>
    JSON.stringify(Object.entries(config).filter(([field]) => !freeFields.has(field)));
  return fixed(one) === fixed(other);
}

function optionText(field: keyof RunOptions, value: RunConfig[keyof RunOptions]): string {
  if (typeof value === 'boolean') {
    const flag = flagOf(field);
    return value ? flag : flag.replace('--', '--no-');
  }
  return `${flagOf(field)} ${Array.isArray(value) ? value.join(',') : String(value)}`;
}
