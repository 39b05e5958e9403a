import { Tensor } from '../../tensor/index.js';
import { operatorName } from '../../tensor/operators.js';
import { intercept, isOptions } from '../../tensor/tape.js';
import { watchCalls } from '../call-watcher.js';
import type { Module } from '../module.js';
import { callWith } from './examine.js';

/** A call of a module. */
export interface TracedCall {
  readonly module: Module;
  /** Dotted path from the network. */
  readonly path: string;
}

/** An operator that depends on a network's input. */
export interface TracedOperator {
  /** PyTorch's name without the overload, such as `conv2d`. */
  readonly name: string;
  /** What made the tensors it was given, in their order: positions in the trace, or -1 for the network's input. */
  readonly sources: readonly number[];
  /** Sizes of those tensors. */
  readonly sourceShapes: readonly (readonly number[])[];
  /** What it was given, tensors as their sizes; named arguments are the last. */
  readonly args: readonly unknown[];
  /** Sizes of its first result. */
  readonly shape: readonly number[];
  /** The calls of modules within which it ran, the network's own first. */
  readonly calls: readonly TracedCall[];
}

/**
 * Runs a network and tells which operators its modules called one after the other, and which of them made what each was given.
 * Operators that have nothing to do with the input are left out.
 */
export function traceOperators(net: Module, inputs: readonly Tensor[]): TracedOperator[] {
  const trace: TracedOperator[] = [];
  const makers = new Map<Tensor, number>(inputs.map((input) => [input, -1]));
  const paths = new Map(net.namedModules().map(([path, module]) => [module, path]));
  const calls: TracedCall[] = [];
  const watcher = {
    enter: (module: Module) => void calls.push({ module, path: paths.get(module) ?? '' }),
    end: () => void calls.pop(),
  };
  const note = (operator: number, given: readonly unknown[], run: () => unknown): unknown => {
    const known = tensorsIn(given).filter((each) => makers.has(each));
    const sources = known.map((each) => makers.get(each)!);
    const sourceShapes = known.map((each) => each.shape);
    const args = known.length > 0 ? given.map(plain) : [];
    const result = run();
    const [first, ...others] = tensorsIn([result]);
    if (known.length === 0 || first === undefined) return result;
    for (const each of [first, ...others]) makers.set(each, trace.length);
    trace.push({ name: operatorName(operator), sources, sourceShapes, args, shape: first.shape, calls: [...calls] });
    return result;
  };
  intercept(note, () => watchCalls(watcher, () => callWith(net, inputs)));
  return trace;
}

/** Tensors among values, in lists and named arguments too, in their order. */
function tensorsIn(values: readonly unknown[]): Tensor[] {
  return values.flatMap((value) => {
    if (value instanceof Tensor) return [value];
    if (Array.isArray(value)) return tensorsIn(value as unknown[]);
    return isOptions(value) ? tensorsIn(Object.values(value)) : [];
  });
}

function plain(value: unknown): unknown {
  if (value instanceof Tensor) return value.shape;
  return Array.isArray(value) ? (value as unknown[]).map(plain) : value;
}
