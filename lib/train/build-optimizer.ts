import {
  Adadelta,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  ASGD,
  NAdam,
  type Optimizer,
  RAdam,
  RMSprop,
  Rprop,
  SGD,
} from '../optim/index.js';
import type { Tensor } from '../tensor/index.js';
import type { RunConfig } from './config-schema.js';
import { OPTIMIZER_FIELDS, OPTIMIZER_OPTIONS, type OptimizerName } from './optimizer-names.js';

const CLASSES = {
  sgd: SGD,
  adam: Adam,
  adamw: AdamW,
  adamax: Adamax,
  nadam: NAdam,
  radam: RAdam,
  rmsprop: RMSprop,
  adagrad: Adagrad,
  adadelta: Adadelta,
  asgd: ASGD,
  rprop: Rprop,
} as const satisfies Record<OptimizerName, unknown>;

/** The optimizer of a configuration, over the parameters that are to be trained. @throws TorchError in PyTorch's words. */
export function buildOptimizer(parameters: readonly Tensor[], config: RunConfig): Optimizer {
  const make = CLASSES[config.optimizer] as new (params: readonly Tensor[], options: object) => Optimizer;
  const taken = OPTIMIZER_FIELDS.filter((field) => field in OPTIMIZER_OPTIONS[config.optimizer]);
  const given = taken.map((field) => [field, config[field]] as const).filter(([, value]) => value !== undefined);
  // A recorded step reads its learning rate on the device, as the fused kernel can.
  return new make(parameters, { ...Object.fromEntries(given), ...(config.cudaGraph && { fused: true }) });
}
