/** Options of an optimizer that a run may choose, under the names of `lib/optim`. */
export interface OptimizerOptions {
  readonly lr: number;
  readonly momentum?: number;
  readonly dampening?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly amsgrad?: boolean;
  readonly alpha?: number;
  readonly centered?: boolean;
  readonly rho?: number;
  readonly lambd?: number;
  readonly lrDecay?: number;
  readonly momentumDecay?: number;
  readonly etas?: readonly [number, number];
}

const betas = [0.9, 0.999] as const;

/**
 * What each optimizer takes, with PyTorch's defaults; those of SGD are the efficient_densenet_pytorch script's. Nothing here
 * loads libtorch.
 */
const OPTIONS = {
  sgd: { lr: 0.1, momentum: 0.9, dampening: 0, nesterov: true, weightDecay: 1e-4 },
  adam: { lr: 1e-3, betas, eps: 1e-8, weightDecay: 0, amsgrad: false },
  adamw: { lr: 1e-3, betas, eps: 1e-8, weightDecay: 1e-2, amsgrad: false },
  adamax: { lr: 2e-3, betas, eps: 1e-8, weightDecay: 0 },
  nadam: { lr: 2e-3, betas, eps: 1e-8, weightDecay: 0, momentumDecay: 4e-3 },
  radam: { lr: 1e-3, betas, eps: 1e-8, weightDecay: 0 },
  rmsprop: { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false },
  adagrad: { lr: 1e-2, lrDecay: 0, eps: 1e-10, weightDecay: 0 },
  adadelta: { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0 },
  asgd: { lr: 1e-2, lambd: 1e-4, alpha: 0.75, weightDecay: 0 },
  rprop: { lr: 1e-2, etas: [0.5, 1.2] },
} as const satisfies Record<string, OptimizerOptions>;

/** Names of the optimizers. */
export type OptimizerName = keyof typeof OPTIONS;

/** All names, for options and schemas. */
export const OPTIMIZER_NAMES = Object.keys(OPTIONS) as [OptimizerName, ...OptimizerName[]];

/** What each takes, and the defaults. */
export const OPTIMIZER_OPTIONS: Readonly<Record<OptimizerName, OptimizerOptions>> = OPTIONS;

/** Every option of any optimizer. */
export const OPTIMIZER_FIELDS = [
  'lr',
  'momentum',
  'dampening',
  'nesterov',
  'weightDecay',
  'betas',
  'eps',
  'amsgrad',
  'alpha',
  'centered',
  'rho',
  'lambd',
  'lrDecay',
  'momentumDecay',
  'etas',
] as const satisfies readonly (keyof OptimizerOptions)[];
