import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { runConfigSchema, WARMUP_FACTOR, type RunConfig, type RunOptions } from './config-schema.js';
import { DATASET_FACTS, datasetParts, isEmbedded, isInFiles } from './dataset-names.js';
import { UsageError } from './errors.js';
import { filesIn } from './folder-layout.js';
import { checkCudaGraph } from './check-cuda-graph.js';
import { checkNetworkOptions, networkFields, takesDropRate, withNetwork } from './network-config.js';
import { networkNamed } from './network-names.js';
import { fieldsFor, flagOf, optionText } from './option-text.js';
import { OPTIMIZER_FIELDS, OPTIMIZER_OPTIONS } from './optimizer-names.js';
import { RECIPE_NAMES, RECIPES, type RecipeName } from './recipes.js';
import { SCHEDULE_FIELDS, scheduleOptions } from './schedule-names.js';

export type { RunConfig, RunOptions } from './config-schema.js';

/** What defaults depend on and only the program at hand knows. */
export interface ConfigSurroundings {
  /** The training set counts before the validation pictures are taken from it. */
  readonly pictures: RunConfig['pictures'];
  /** Height and width of a picture in pixels; null where they are of any size; default 32. */
  readonly side?: number | null;
  /** Whether pictures for validation, and for the test, lie beside those to train on; default that of data sets in memory. */
  readonly hasValidation?: boolean;
  readonly hasTest?: boolean;
  readonly numClasses: number;
  /** Names of the classes, to be kept. */
  readonly classes?: readonly string[] | null;
  /** For runs that name no seed. */
  readonly seed: number;
  readonly threads: number;
  readonly device: string;
  readonly versions: RunConfig['versions'];
  /** Which part of the training pictures is for validation, from 1; with `kFold` alone. */
  readonly fold?: number;
}

/** `shapes` without a data folder; with one `imagenet` or `imagefolder` where it holds such, else `cifar10`. */
export function datasetOf(given: RunOptions): RunConfig['dataset'] {
  const { dataset, data, workers, skipBroken } = withRecipe(given);
  if (dataset !== undefined) return dataset;
  if (data == null) return 'shapes';
  // These options are for nothing else.
  return filesIn(data) ?? (workers != null || skipBroken === true ? 'imagefolder' : 'cifar10');
}

/**
 * Options with those of a recipe that are not given. Where another optimizer, schedule or network is given, what the recipe
 * says of its own is left out.
 * @throws UsageError naming the recipes there are.
 */
export function withRecipe(given: RunOptions): RunOptions {
  const { recipe } = given;
  if (recipe == null) return given;
  if (!Object.hasOwn(RECIPES, recipe))
    throw new UsageError(
      `Expected ${RECIPE_NAMES.join(', ')} or list for --recipe but received ${JSON.stringify(recipe)}`,
    );
  const defaults: RunOptions = { ...RECIPES[recipe as RecipeName].options };
  const leaveOut = (fields: readonly (keyof RunOptions)[]): void => {
    for (const field of fields) Reflect.deleteProperty(defaults, field);
  };
  if (given.optimizer !== undefined && given.optimizer !== 'sgd') leaveOut(OPTIMIZER_FIELDS);
  if (given.schedule !== undefined && given.schedule !== 'multistep') leaveOut(SCHEDULE_FIELDS);
  const named = networkNamed(given.model ?? defaults.model ?? '');
  if (named !== undefined && !takesDropRate(named.model)) leaveOut(['dropRate']);
  return { ...defaults, ...withoutUndefined(given) };
}

/**
 * Fills in the defaults: those of the efficient_densenet_pytorch script, of the DenseNet paper where the form of the network
 * decides (with bottleneck: 2k initial features and compression 0.5; without: 16 and 1), and of PyTorch for the rest.
 * @throws UsageError when options exclude each other or a value is out of range.
 */
export function resolveConfig(given: RunOptions, around: ConfigSurroundings): RunConfig {
  const options = withNetwork(withRecipe(given));
  const dataset = datasetOf(options);
  const { train } = around.pictures;
  const facts = datasetParts(dataset).map((name) => DATASET_FACTS[name]);
  const { channels = 3 } = facts[0] ?? {};
  const { hasValidation = false, hasTest = true } = around;
  const usualValidSize = hasValidation ? 0 : usualSize(facts, train);
  const { validationSplit, nEpochs = 300, batchSize = 64, kFold = null, warmupSteps = 0, accumulate = 1 } = options;
  if (hasValidation) refuseSplit(options);
  const ownValidSize = options.validSize ?? (validationSplit == null ? undefined : Math.floor(validationSplit * train));
  const validSize = ownValidSize ?? usualValidSize;
  const { optimizer = 'sgd', schedule = 'multistep' } = options;
  const config = parseConfig(
    withoutUndefined({
      recipe: options.recipe,
      dataset,
      // From wherever the run is resumed or evaluated it is the same folder.
      data: options.data == null ? null : resolve(options.data),
      verify: options.verify ?? true,
      classes: around.classes,
      workers: options.workers,
      skipBroken: options.skipBroken,
      augment: options.augment,
      validSize: kFold === null ? validSize : Math.floor(train / kFold),
      kFold,
      fold: around.fold,
      nEpochs,
      batchSize,
      seed: options.seed ?? around.seed,
      efficient: options.efficient,
      amp: options.amp,
      channelsLast: options.channelsLast,
      cudaGraph: options.cudaGraph,
      deterministic: options.deterministic,
      numClasses: around.numClasses,
      ...networkFields(options, { channels, side: around.side === undefined ? 32 : around.side }),
      weights: options.weights != null && existsSync(options.weights) ? resolve(options.weights) : options.weights,
      freeze: options.freeze,
      pictures: around.pictures,
      optimizer,
      ...fieldsFor(OPTIMIZER_FIELDS, OPTIMIZER_OPTIONS[optimizer] as RunOptions, options, `--optimizer ${optimizer}`),
      schedule,
      scheduleEvery: schedule === 'one-cycle' || warmupSteps > 0 ? 'step' : options.scheduleEvery,
      ...fieldsFor(
        SCHEDULE_FIELDS,
        scheduleOptions(schedule, nEpochs) as RunOptions,
        options,
        `--schedule ${schedule}`,
      ),
      warmupEpochs: options.warmupEpochs,
      warmupSteps: options.warmupSteps,
      warmupFactor: options.warmupFactor,
      labelSmoothing: options.labelSmoothing,
      accumulate: options.accumulate,
      clipGradNorm: options.clipGradNorm,
      ema: options.ema,
      earlyStop: options.earlyStop,
      device: options.device ?? around.device,
      threads: options.threads ?? around.threads,
      versions: around.versions,
    }),
  );
  if (kFold === null) checkValidSize(config.validSize, train, ownValidSize === undefined);
  else if (kFold > train)
    throw new UsageError(
      `Expected at most ${train} (the training pictures there are) for --k-fold but received ${kFold}`,
    );
  if (config.earlyStop !== null && config.validSize === 0 && !hasValidation) throw new UsageError(NO_VALIDATION);
  if (config.validSize === 0 && !hasValidation && !hasTest)
    throw new UsageError('Expected --valid-size above 0: the folder holds no val and no test to validate on');
  const stepsPerEpoch = Math.ceil(Math.ceil((train - config.validSize) / batchSize) / accumulate);
  checkWarmupSteps(config, stepsPerEpoch);
  return config;
}

/** Pictures to keep for validation where nobody says how many: those that are usual, else a tenth. */
function usualSize(facts: readonly { readonly validSize?: number }[], train: number): number {
  const sizes = facts.map(({ validSize }) => validSize);
  if (sizes.every((size) => size !== undefined)) return sizes.reduce((sum, size) => sum + size, 0);
  return Math.floor(train / 10);
}

function refuseSplit({ validSize, validationSplit, kFold }: RunOptions): void {
  const given = Object.entries({ validSize, validationSplit, kFold }).find(([, value]) => value != null);
  if (given === undefined) return;
  const [field, value] = given;
  throw new UsageError(
    `Expected no ${optionText(field as keyof RunOptions, value)}: the folder holds pictures for validation, in val`,
  );
}

function checkWarmupSteps({ warmupSteps, nEpochs, milestones }: RunConfig, stepsPerEpoch: number): void {
  if (warmupSteps === 0) return;
  const steps = nEpochs * stepsPerEpoch;
  if (warmupSteps >= steps)
    throw new UsageError(
      `Expected fewer than the ${steps} steps of the run for --warmup-steps but received ${warmupSteps}`,
    );
  const early = milestones?.find((epoch) => epoch * stepsPerEpoch <= warmupSteps);
  if (early !== undefined)
    throw new UsageError(`Expected --milestones after the ${warmupSteps} steps of the warm-up but received ${early}`);
}

const NO_VALIDATION = 'Expected validation pictures with --early-stop: --valid-size above 0';

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
export function checkOptions(given: RunOptions): void {
  const options = withNetwork(withRecipe(given));
  const dataset = datasetOf(options);
  const files = datasetParts(dataset).flatMap((name) => DATASET_FACTS[name].files ?? []);
  if (!isEmbedded(dataset) && options.data == null) {
    throw new UsageError(`Expected --data DIR with --dataset ${dataset}: the folder of ${files.join('; and of ')}`);
  }
  if (isEmbedded(dataset) && options.data != null) {
    throw new UsageError(`Expected no --data with --dataset ${dataset}: its pictures are generated`);
  }
  const forFiles = [
    options.workers == null ? [] : flagOf('workers'),
    options.skipBroken === true ? flagOf('skipBroken') : [],
  ].flat();
  if (forFiles[0] !== undefined && !isInFiles(dataset))
    throw new UsageError(`Expected no ${forFiles[0]} with --dataset ${dataset}: it is for folders of pictures`);
  if (options.validSize !== undefined && options.validationSplit !== undefined)
    throw new UsageError('Expected one of --valid-size and --validation-split but received both');
  const validation = options.validSize === undefined ? options.validationSplit : options.validSize;
  if (options.kFold != null && validation !== undefined)
    throw new UsageError(
      'Expected no --valid-size and no --validation-split with --k-fold: each part is for validation once',
    );
  if (options.earlyStop != null && options.kFold == null && validation === 0) throw new UsageError(NO_VALIDATION);
  checkNetworkOptions(options);
  checkLearning(options);
  checkCudaGraph(options);
}

function checkLearning(options: RunOptions): void {
  const { optimizer = 'sgd', schedule = 'multistep', nEpochs = 300, warmupEpochs = 0, warmupSteps = 0 } = options;
  fieldsFor(OPTIMIZER_FIELDS, OPTIMIZER_OPTIONS[optimizer] as RunOptions, options, `--optimizer ${optimizer}`);
  fieldsFor(SCHEDULE_FIELDS, scheduleOptions(schedule, nEpochs) as RunOptions, options, `--schedule ${schedule}`);
  const momentum = options.momentum ?? 0.9;
  if (optimizer === 'sgd' && (options.nesterov ?? true) && (momentum <= 0 || (options.dampening ?? 0) !== 0)) {
    throw new UsageError(
      'Nesterov momentum requires a momentum and zero dampening: add --no-nesterov, or change --momentum or --dampening',
    );
  }
  if (options.scheduleEvery === 'step' && schedule === 'plateau')
    throw new UsageError(
      'Expected --schedule-every epoch with --schedule plateau: it waits for the validation of an epoch',
    );
  if (options.scheduleEvery === 'epoch' && schedule === 'one-cycle')
    throw new UsageError('Expected --schedule-every step with --schedule one-cycle: its cycle is made of steps');
  if (warmupEpochs > 0 && warmupSteps > 0)
    throw new UsageError('Expected one of --warmup-epochs and --warmup-steps but received both');
  if (warmupSteps > 0 && options.scheduleEvery === 'epoch')
    throw new UsageError('Expected --schedule-every step with --warmup-steps: the learning rate moves with each step');
  if (warmupEpochs + warmupSteps > 0 && (schedule === 'plateau' || schedule === 'one-cycle'))
    throw new UsageError(
      `Expected no ${warmupSteps > 0 ? '--warmup-steps' : '--warmup-epochs'} with --schedule ${schedule}: ${schedule === 'plateau' ? 'PyTorch chains no other schedule with it' : 'it rises by itself'}`,
    );
  // A run that goes on has its default.
  if (warmupEpochs + warmupSteps === 0 && (options.warmupFactor ?? WARMUP_FACTOR) !== WARMUP_FACTOR)
    throw new UsageError(
      'Expected --warmup-epochs or --warmup-steps with --warmup-factor: there is no warm-up without',
    );
  if (warmupEpochs >= nEpochs)
    throw new UsageError(
      `Expected fewer than the ${nEpochs} epochs of the run for --warmup-epochs but received ${warmupEpochs}`,
    );
  const early = options.milestones?.find((epoch) => epoch <= warmupEpochs);
  if (early !== undefined && warmupEpochs > 0)
    throw new UsageError(`Expected --milestones after the ${warmupEpochs} epochs of the warm-up but received ${early}`);
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

function withoutUndefined<T extends object>(bag: T): T {
  return Object.fromEntries(Object.entries(bag).filter(([, value]) => value !== undefined)) as T;
}
