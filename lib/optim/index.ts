export { Optimizer, type GivenGroup, type Param, type ParamGroup, type Params, type TensorState } from './optimizer.js';
export type { OptimizerStateDict, OptimizerStateLike } from './state-dict.js';
export { SGD, type SGDGroup, type SGDOptions } from './sgd.js';
export {
  LRScheduler,
  MultiStepLR,
  StepLR,
  type Rate,
  type MultiStepLROptions,
  type StepLROptions,
} from './lr-scheduler.js';
