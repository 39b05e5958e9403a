import { native } from '../native/load.js';
import { TorchError } from './errors.js';
import { callOperator, type OperatorArgument, writeArguments } from './tape.js';

const indices = new Map<string, number>();
const names = new Map<number, string>();

/** The index of an operator by PyTorch's own name (`add`, `add.Tensor`, `ns::op`). */
export function operatorIndex(name: string): number {
  let index = indices.get(name);
  if (index === undefined) {
    index = native.findOperator(name);
    if (index < 0) throw new TorchError('value', `Expected the name of an operator of libtorch but received "${name}"`);
    indices.set(name, index);
    if (!names.has(index)) names.set(index, name.replace(/^aten::/, '').replace(/\..*$/, ''));
  }
  return index;
}

/** The name of an operator that {@link operatorIndex} has found, without its overload and `aten::`. */
export const operatorName = (index: number): string => names.get(index) ?? '';

/**
 * Calls any operator of libtorch by its raw name: `aten('add.Tensor', a, b, { alpha: 2 })`. Without an overload the first one
 * that takes the arguments is called. A last plain object holds named arguments in camelCase, `null` is Python's None.
 * @returns a Tensor, a number, boolean or text, an array of them (lists, several results), or undefined.
 * @throws TorchError `type` when no overload takes the arguments (the message lists them); what libtorch finds wrong.
 */
export function aten<Result = unknown>(
  name: string,
  ...args: (OperatorArgument | Readonly<Record<string, OperatorArgument>>)[]
): Result {
  return callOperator(operatorIndex(name), args) as Result;
}

/**
 * Which overload a call of `aten` with these arguments would run; it is not run. For those who wonder why a result has its
 * dtype, and for tests.
 * @returns its full name, such as `aten::add.Tensor`.
 * @throws TorchError `type` when none takes the arguments.
 */
export function overloadOf(
  name: string,
  ...args: (OperatorArgument | Readonly<Record<string, OperatorArgument>>)[]
): string {
  const operator = operatorIndex(name);
  writeArguments(args);
  return native.resolve(operator);
}
