import { ops, Tensor } from '../tensor/index.js';

/** Tensors of one device and dtype. */
export type Tensors = readonly Tensor[];

/** What each tensor of a list is combined with: one for all, or one for each. */
export type Operand = number | readonly number[] | Tensor | Tensors;

type Binary = 'add' | 'sub' | 'mul' | 'div';
type Unary = 'neg' | 'abs' | 'sqrt' | 'sign' | 'reciprocal';

function overloadOf(operand: Operand): string {
  if (typeof operand === 'number') return 'Scalar';
  if (operand instanceof Tensor) return 'Tensor';
  return operand.some((item) => item instanceof Tensor) ? 'List' : 'ScalarList';
}

/** `torch._foreach_sqrt` and the like: new tensors. */
export const each = (name: Unary, list: Tensors): Tensor[] => ops.aten<Tensor[]>(`_foreach_${name}`, list);

/** `torch._foreach_sqrt_` and the like: in place. */
export function each_(name: Unary, list: Tensors): void {
  ops.aten(`_foreach_${name}_`, list);
}

/** `torch._foreach_mul` and the like: new tensors. */
export const eachWith = (name: Binary, list: Tensors, operand: Operand): Tensor[] =>
  ops.aten<Tensor[]>(`_foreach_${name}.${overloadOf(operand)}`, list, operand);

/** `torch._foreach_mul_` and the like: in place. */
export function eachWith_(name: Binary, list: Tensors, operand: Operand): void {
  ops.aten(`_foreach_${name}_.${overloadOf(operand)}`, list, operand);
}

/** `list + alpha * other`: new tensors. */
export const eachAdd = (list: Tensors, other: Tensors, alpha: number): Tensor[] =>
  ops.aten<Tensor[]>('_foreach_add.List', list, other, { alpha });

/** `list += alpha * other`. */
export function eachAdd_(list: Tensors, other: Tensors, alpha: number): void {
  ops.aten('_foreach_add_.List', list, other, { alpha });
}

/** `list += weight * (other - list)`. */
export function eachLerp_(list: Tensors, other: Tensors, weight: number): void {
  ops.aten('_foreach_lerp_.Scalar', list, other, weight);
}

/** `list += value * one * other`, with `addcdiv` `list += value * one / other`; a value for all, or one for each. */
export function eachFused_(
  name: 'addcmul' | 'addcdiv',
  list: Tensors,
  one: Tensors,
  other: Tensors,
  value: number | readonly number[] = 1,
): void {
  ops.aten(`_foreach_${name}_.${overloadOf(value)}`, list, one, other, value);
}

/** `list = max(list, other)`. */
export function eachMaximum_(list: Tensors, other: Tensors): void {
  ops.aten('_foreach_maximum_.List', list, other);
}

/** Copies each tensor of `from`. */
export function eachCopy_(list: Tensors, from: Tensors): void {
  ops.aten('_foreach_copy_', list, from);
}

/** Takes back the step that was counted, where an infinite gradient made it one that changed nothing. */
export function uncount(steps: Tensors, { foundInf }: { readonly foundInf: Tensor | null }): void {
  if (foundInf !== null) eachWith_('sub', steps, Array<Tensor>(steps.length).fill(foundInf));
}

/** Releases tensors that nothing needs any more, where Python's would end. */
export function drop(list: Tensors): void {
  for (const tensor of list) tensor.dispose();
}

/** What turns a gradient into the direction of descent. */
export interface Direction {
  readonly maximize: boolean;
  readonly weightDecay: number;
}

/** The direction of one tensor: its gradient, turned round to climb, with the L2 penalty. */
export function directionOf(param: Tensor, given: Tensor, { maximize, weightDecay }: Direction): Tensor {
  const grad = maximize ? given.neg() : given;
  return weightDecay === 0 ? grad : grad.add(param, { alpha: weightDecay });
}

/**
 * The directions of many tensors.
 * @returns the gradients themselves where nothing changes them: `own` says whether they may be written to.
 */
export function directionsOf(
  params: Tensors,
  given: Tensor[],
  { maximize, weightDecay }: Direction,
): { grads: Tensor[]; own: boolean } {
  if (!maximize && weightDecay === 0) return { grads: given, own: false };
  if (!maximize) return { grads: eachAdd(given, params, weightDecay), own: true };
  const grads = each('neg', given);
  if (weightDecay !== 0) eachAdd_(grads, params, weightDecay);
  return { grads, own: true };
}
