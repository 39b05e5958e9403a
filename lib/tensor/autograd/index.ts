/** Gradients for users: custom functions, hooks, checks, anomaly mode, forward mode. @see torch.autograd */
export { backward, type BackwardAllOptions, backwardAsync, grad, type GradOptions } from '../autograd.js';
export {
  type AnomalyOptions,
  detectAnomaly,
  ForwardCall,
  isAnomalyCheckNanEnabled,
  isAnomalyEnabled,
  setDetectAnomaly,
} from './anomaly.js';
export { FunctionCtx } from './context.js';
export {
  CustomFunction as Function,
  customFunction,
  type Derivatives,
  type FunctionDefinition,
  type Gradient,
  type Gradients,
  onceDifferentiable,
  type SplitDefinition,
} from './custom-function.js';
export * as forwardAd from './forward-ad.js';
export * as functional from './functional.js';
export { gradcheck, type GradcheckOptions, gradgradcheck, type GradgradcheckOptions } from './gradcheck.js';
export { getGradientEdge, type GradientEdge, Node } from './graph-node.js';
export { GradcheckError } from './jacobians.js';
export {
  type NodeHook,
  type NodePreHook,
  type PostAccumulateGradHook,
  RemovableHandle,
  type TensorHook,
} from './hooks.js';
