import { keep, noGrad, Tensor, TorchError } from '../tensor/index.js';
import type { ParamGroup } from './optimizer.js';

/** A learning rate: a number, or a tensor of one element that is changed in place. */
export type Rate = number | Tensor;

/** `rate + value`, in the tensor's own precision where it is one. */
export const plus = (rate: Rate, value: number): Rate => (rate instanceof Tensor ? rate.add(value) : rate + value);

/** `rate - value`. */
export const minus = (rate: Rate, value: number): Rate => (rate instanceof Tensor ? rate.sub(value) : rate - value);

/** `rate * value`. */
export const times = (rate: Rate, value: number): Rate => (rate instanceof Tensor ? rate.mul(value) : rate * value);

/** `rate / value`. */
export const over = (rate: Rate, value: number): Rate => (rate instanceof Tensor ? rate.div(value) : rate / value);

/** `one + other`. */
export function sum(one: Rate, other: Rate): Rate {
  if (typeof other === 'number') return plus(one, other);
  return typeof one === 'number' ? other.add(one) : one.add(other);
}

/** Gives a group its learning rate. A tensor is filled in place, so that whoever else holds it sees the change. */
export function setRate(group: ParamGroup, rate: Rate): void {
  const { lr } = group;
  if (!(lr instanceof Tensor)) group.lr = numberIn(rate);
  else if (!(rate instanceof Tensor)) lr.fill_(rate);
  else if (rate !== lr) lr.fill_(rate.ndim === 0 ? rate : rate.squeeze());
}

/** A copy that outlives the scope. */
export function copyRate(rate: Rate): Rate {
  return rate instanceof Tensor ? keep(noGrad(() => rate.clone())) : rate;
}

/** A handle that outlives the scheduler's own. */
export function aliasRate(rate: Rate): Rate {
  return rate instanceof Tensor ? rate.detach() : rate;
}

/** Lets go of copies. */
export function disposeRates(rates: readonly Rate[]): void {
  for (const rate of rates) if (rate instanceof Tensor) rate.dispose();
}

/** A scheduler's state as maps or objects hold it. */
export type SchedulerStateLike = ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>;

/** @returns the entries of a state. */
export function stateEntries(given: SchedulerStateLike): ReadonlyMap<string, unknown> {
  return given instanceof Map ? (given as Map<string, unknown>) : new Map(Object.entries(given));
}

/** The number of this name in a state, or `otherwise` where it has none. @throws TorchError `type`. */
export function numberOf(state: ReadonlyMap<string, unknown>, name: string, otherwise: number): number {
  const value = state.get(name);
  return value === undefined ? otherwise : checkNumber(value, name);
}

/** Nothing of a file is converted: the text of nested lists may have no end. */
export function checkNumber(value: unknown, name: string): number {
  if (typeof value === 'number') return value;
  throw new TorchError('type', `expected ${name} of a scheduler's state dict to be a number`);
}

/** Copies of the learning rates of this name in a state. @throws TorchError `type`. */
export function ratesOf(state: ReadonlyMap<string, unknown>, name: string): Rate[] | undefined {
  const value = state.get(name);
  if (value === undefined) return undefined;
  if (!Array.isArray(value))
    throw new TorchError('type', `expected ${name} of a scheduler's state dict to be an array`);
  return value.map((rate: unknown) => (rate instanceof Tensor ? copyRate(rate) : checkNumber(rate, name)));
}

/** The number itself, or the tensor's element. */
export const numberIn = (rate: Rate): number => (rate instanceof Tensor ? rate.item() : rate);

/** A tensor of one element without dimensions, as operators take it. */
export const scalarIn = (rate: Rate): Rate => (rate instanceof Tensor && rate.ndim !== 0 ? rate.squeeze() : rate);

/** `value - rate`. */
export const from = (value: number, rate: Rate): Rate =>
  rate instanceof Tensor ? rate.neg().add(value) : value - rate;
