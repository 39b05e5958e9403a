/** What the functions of functional.ts say in strict mode, in PyTorch's words. */

export type Kind = 'outputs' | 'gradInputs' | 'jacobian' | 'hessian';
export const independent: Record<Kind, (index: number) => string> = {
  outputs: (index) =>
    `Output ${index} of the user-provided function does not require gradients. The outputs must be computed in a differentiable manner from the input when running in strict mode.`,
  gradInputs: (index) =>
    `The gradient with respect to input ${index} is independent of the inputs of the user-provided function. This is not allowed in strict mode.`,
  jacobian: (index) =>
    `While computing the hessian, found that the jacobian of the user-provided function with respect to input ${index} is independent of the input. This is not allowed in strict mode. You should ensure that your function is twice differentiable and that the jacobian depends on the inputs (this would be violated by a linear function for example).`,
  hessian: (index) =>
    `The hessian of the user-provided function with respect to input ${index} is independent of the input. This is not allowed in strict mode. You should ensure that your function is thrice differentiable and that the hessian depends on the inputs.`,
};

export type Stage = 'back' | 'backTrick' | 'doubleBack' | 'doubleBackTrick';
export const missing: Record<Stage, (index: number) => string> = {
  back: (index) =>
    `The output of the user-provided function is independent of input ${index}. This is not allowed in strict mode.`,
  backTrick: (index) =>
    `The gradient with respect to the input is independent of entry ${index} in the grad_outputs when using the double backward trick to compute forward mode gradients. This is not allowed in strict mode.`,
  doubleBack: (index) =>
    `The jacobian of the user-provided function is independent of input ${index}. This is not allowed in strict mode.`,
  doubleBackTrick: (index) =>
    `The hessian of the user-provided function is independent of entry ${index} in the grad_jacobian. This is not allowed in strict mode as it prevents from using the double backward trick to replace forward mode AD.`,
};
