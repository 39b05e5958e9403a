import { isTemporary, type Tensor } from '../tensor/index.js';

/**
 * Lets go of a step on the way to `next`, as reassigning a variable does in Python. What a module has stored, what
 * somebody keeps, what comes from outside the running call, and `next` itself stay.
 * @returns `next`.
 */
export function replaceBy(step: Tensor, next: Tensor): Tensor {
  if (step !== next && isTemporary(step)) step.dispose();
  return next;
}
