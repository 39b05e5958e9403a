import { TensorBase } from '../scope.js';
import { isOptions } from '../tape.js';

/** Stands in a list of arguments for a tensor that C++ holds: the `index`-th of the inputs, or of the others. */
class Hole {
  constructor(
    readonly index: number,
    readonly direct: boolean,
  ) {}
}

/** A function's arguments, taken apart so that their tensors can be held without the JavaScript objects. */
export interface HeldArguments {
  readonly template: readonly unknown[];
  /** Tensors that stand directly among the arguments. */
  readonly inputs: readonly TensorBase[];
  /** Tensors in arrays and plain objects. */
  readonly held: readonly TensorBase[];
}

export function takeApart(args: readonly unknown[]): HeldArguments {
  const inputs: TensorBase[] = [];
  const held: TensorBase[] = [];
  const inside = (value: unknown): unknown => {
    if (value instanceof TensorBase) return new Hole(held.push(value) - 1, false);
    const before = held.length;
    if (Array.isArray(value)) {
      const list = value.map(inside);
      return held.length > before ? list : value;
    }
    if (!isOptions(value)) return value;
    const entries = Object.entries(value).map(([key, each]) => [key, inside(each)] as const);
    return held.length > before ? Object.fromEntries(entries) : value;
  };
  const template = args.map((each) =>
    each instanceof TensorBase ? new Hole(inputs.push(each) - 1, true) : inside(each),
  );
  return { template, inputs, held };
}

/** The arguments again, with other objects for the same tensors. */
export function putTogether(
  template: readonly unknown[],
  inputs: readonly (TensorBase | null)[],
  held: readonly (TensorBase | null)[],
): unknown[] {
  const fill = (value: unknown): unknown => {
    if (value instanceof Hole) return (value.direct ? inputs : held)[value.index];
    if (held.length === 0) return value;
    if (Array.isArray(value)) return value.map(fill);
    if (!isOptions(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fill(each)]));
  };
  return template.map(fill);
}
