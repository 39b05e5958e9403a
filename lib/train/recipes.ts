import type { RunOptions } from './config-schema.js';

/** Options that belong together. */
export interface Recipe {
  /** A line for `--recipe list`. */
  readonly about: string;
  /** Defaults, which given options replace. */
  readonly options: RunOptions;
}

const common = { batchSize: 64, lr: 0.1, momentum: 0.9, weightDecay: 1e-4, nesterov: true } as const;

/** How the DenseNet paper trained on each of its data sets. Where no milestones stand, the learning rate falls at 1/2 and 3/4 of the epochs. */
export const RECIPES = {
  cifar: {
    about: 'CIFAR as it is: dropout 0.2, no augmentation, 300 epochs',
    options: { ...common, nEpochs: 300, augment: false, dropRate: 0.2 },
  },
  'cifar+': {
    about: 'CIFAR with augmentation (crops and mirror images), no dropout, 300 epochs',
    options: { ...common, nEpochs: 300, augment: true, dropRate: 0 },
  },
  svhn: {
    about: 'SVHN: dropout 0.2, no augmentation, 40 epochs',
    options: { ...common, dataset: 'svhn', nEpochs: 40, augment: false, dropRate: 0.2 },
  },
  imagenet: {
    about: 'densenet121 as for ImageNet: batches of 256, 90 epochs, the learning rate divided by 10 after 30 and 60',
    options: { ...common, model: 'densenet121', batchSize: 256, nEpochs: 90, milestones: [30, 60] },
  },
} as const satisfies Record<string, Recipe>;

/** Names of the recipes. */
export type RecipeName = keyof typeof RECIPES;

/** All names, for options and schemas. */
export const RECIPE_NAMES = Object.keys(RECIPES) as [RecipeName, ...RecipeName[]];
