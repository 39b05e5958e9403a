import { TorchError } from '../tensor/index.js';
import type { Optimizer, ParamGroup } from './optimizer.js';
import { refuse } from './step-options.js';

/** A value for each group. @throws TorchError `value` in PyTorch's words for another number of them. */
export function forEachGroup(name: string, optimizer: Optimizer, given: number | readonly number[]): number[] {
  const { length } = optimizer.paramGroups;
  if (typeof given === 'number') return optimizer.paramGroups.map(() => given);
  if (given.length === length) return [...given];
  return refuse(
    `${name} must have the same length as optimizer.param_groups. ` +
      `${name} has ${given.length} values, param_groups has ${length}.`,
  );
}

/** Whether momentum is the first of `betas`. @throws TorchError `value` where there is none to cycle. */
export function cyclesBetas(optimizer: Optimizer): boolean {
  if (!('momentum' in optimizer.defaults) && !('betas' in optimizer.defaults)) {
    refuse('optimizer must support momentum or beta1 with `cycle_momentum` option enabled');
  }
  return 'betas' in optimizer.defaults;
}

/** Gives a group its momentum. */
export function setMomentum(group: ParamGroup, useBeta1: boolean, momentum: number): void {
  const options = group as unknown as Record<string, unknown>;
  if (useBeta1) options['betas'] = [momentum, ...(options['betas'] as readonly number[]).slice(1)];
  else options['momentum'] = momentum;
}

/** The number of this name that a scheduler has left in a group. @throws TorchError `value` where there is none. */
export function numberOfGroup(group: ParamGroup, name: string): number {
  const value = (group as unknown as Record<string, unknown>)[name];
  if (typeof value === 'number') return value;
  throw new TorchError('value', `Expected a number for ${name} of a parameter group but received ${typeof value}`);
}
