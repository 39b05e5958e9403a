import { z } from 'zod';
import { EFFICIENT_MODES } from '../models/efficient.js';
import { TRANSITION_POOLS } from '../models/transition-pools.js';
import { datasetParts } from './dataset-names.js';
import { DEFAULT_NETWORK, NETWORK_NAMES } from './network-names.js';
import { OPTIMIZER_NAMES } from './optimizer-names.js';
import { AMP_NAMES } from './precision-names.js';
import { SCHEDULE_NAMES, SCHEDULE_UNITS } from './schedule-names.js';

/** The share of the learning rate that a warm-up begins with. */
export const WARMUP_FACTOR = 0.01;

const positive = z.int().min(1);
const count = z.int().min(0);
const fraction = z.number().gt(0).max(1);
const share = z.number().min(0).lt(1);
const amount = z.number().min(0);
const pair = z.tuple([amount, amount]);

/**
 * Everything that decides the numbers of a run, and what is needed to read its data again. `config.json` holds it; the
 * names are those of the command's options in camelCase. Fields with a default, and those that may be absent, are younger
 * than the others or do not concern every network, optimizer or schedule.
 */
export const runConfigSchema = z.strictObject({
  // Not RECIPE_NAMES: a run goes on when a later release has other recipes.
  recipe: z.string().nullable().default(null),
  // A name, or a mix of them as digits+mnist.
  dataset: z.string().refine(isDataset, { error: 'there is no such data set' }),
  data: z.string().min(1).nullable(),
  verify: z.boolean(),
  // Of data sets whose names do not tell them.
  classes: z.array(z.string()).nullable().default(null),
  // How pictures in files are read.
  workers: count.max(1024).nullable().default(null),
  skipBroken: z.boolean().default(false),
  augment: z.boolean().default(true),
  validSize: count,
  kFold: positive.min(2).nullable().default(null),
  fold: positive.nullable().default(null),
  nEpochs: positive,
  batchSize: positive,
  seed: count,
  model: z.enum(NETWORK_NAMES).default(DEFAULT_NETWORK),
  resize: positive.max(4096).nullable().default(null),
  // A depth builds a module per layer: beyond this it is a slip of the hand, and would take minutes to refuse.
  depth: positive.max(4000).optional(),
  growthRate: positive.max(1e6).optional(),
  bottleneck: z.boolean().optional(),
  compression: fraction.optional(),
  numInitFeatures: positive.max(2e6).optional(),
  dropRate: share.optional(),
  transitionPool: z.enum(TRANSITION_POOLS).optional(),
  // A way of computing, which runs of earlier releases did not name.
  efficient: z.enum(EFFICIENT_MODES).default('none'),
  // How wide the numbers are and how they lie: runs of earlier releases knew float32 alone.
  amp: z.enum(AMP_NAMES).default('none'),
  channelsLast: z.boolean().default(false),
  // Steps that a GPU recorded: the learning rate is float32 there, which is not quite the number.
  cudaGraph: z.boolean().default(false),
  // What runs of earlier releases left to the algorithms that a GPU takes by itself.
  deterministic: z.boolean().default(false),
  numClasses: positive,
  // Runs of earlier releases knew pictures of three channels alone.
  inChannels: positive.default(3),
  weights: z.string().min(1).nullable().default(null),
  freeze: z.array(z.string().min(1)).default([]),
  // What the data were, so that a resumed run goes on with the same.
  pictures: z.strictObject({ train: positive, test: count, sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  optimizer: z.enum(OPTIMIZER_NAMES).default('sgd'),
  lr: amount,
  momentum: amount.optional(),
  dampening: amount.optional(),
  weightDecay: amount.optional(),
  nesterov: z.boolean().optional(),
  betas: pair.optional(),
  eps: amount.optional(),
  amsgrad: z.boolean().optional(),
  alpha: amount.optional(),
  centered: z.boolean().optional(),
  rho: amount.optional(),
  lambd: amount.optional(),
  lrDecay: amount.optional(),
  momentumDecay: amount.optional(),
  etas: pair.optional(),
  schedule: z.enum(SCHEDULE_NAMES).default('multistep'),
  scheduleEvery: z.enum(SCHEDULE_UNITS).default('epoch'),
  milestones: z.array(positive).optional(),
  gamma: fraction.optional(),
  stepSize: positive.optional(),
  minLr: amount.optional(),
  restartEpochs: positive.optional(),
  restartFactor: positive.optional(),
  power: amount.optional(),
  patience: count.optional(),
  riseShare: share.optional(),
  endFactor: z.number().min(0).max(1).optional(),
  warmupEpochs: count.default(0),
  warmupSteps: count.default(0),
  warmupFactor: fraction.default(WARMUP_FACTOR),
  labelSmoothing: share.default(0),
  accumulate: positive.default(1),
  clipGradNorm: z.number().gt(0).nullable().default(null),
  ema: z.number().gt(0).lt(1).nullable().default(null),
  earlyStop: positive.nullable().default(null),
  device: z.string().min(1),
  // OpenMP ends the process when it cannot start the threads it is asked for.
  threads: positive.max(1024),
  versions: z.strictObject({ torchbridge: z.string(), torch: z.string() }),
});

function isDataset(name: string): boolean {
  try {
    return datasetParts(name).length > 0;
  } catch {
    return false;
  }
}

/** The contents of `config.json`. */
export type RunConfig = z.infer<typeof runConfigSchema>;

/** What a caller may choose; everything else has a default. */
export type RunOptions = {
  [K in Exclude<keyof RunConfig, 'versions' | 'numClasses' | 'classes' | 'pictures' | 'fold' | 'model' | 'recipe'>]?:
    RunConfig[K] | undefined;
} & {
  /** A name of `listModels()`, `cifar-densenet` (the default), or the paper's name of one of these, as `densenet-bc-100-12`. */
  readonly model?: string | undefined;
  /** Options that belong together, for those that are not given: `cifar`, `cifar+`, `svhn`, `imagenet`. */
  readonly recipe?: string | undefined;
  /** In place of `validSize`: the share of the training pictures that is kept for validation. */
  readonly validationSplit?: number | undefined;
};
