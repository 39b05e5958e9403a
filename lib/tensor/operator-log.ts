import { native } from '../native/load.js';
import { refusePromise } from './scope.js';

/** What an operator was given: sizes for a tensor, a list for a list, null for what is neither number nor truth. */
export type LoggedArgument = number | boolean | null | readonly LoggedArgument[];

/** An operator that libtorch has dispatched. */
export interface LoggedOperator {
  /** PyTorch's name without the overload, such as `aten::convolution`. */
  readonly name: string;
  /** Sequence number of the node of autograd that ran it; -1 outside of backward. */
  readonly node: number;
  /** In the schema's order, defaults included. */
  readonly args: readonly LoggedArgument[];
}

/** A moment within {@link logOperators}. */
export interface LogMark {
  /** Operators logged before. */
  readonly size: number;
  /** Number of the next node of autograd. */
  readonly node: number;
}

/**
 * @internal runs `fn` and tells which of the named operators libtorch dispatched meanwhile, on this thread and on those that run its
 * backward. Operators that one of them calls itself are left out.
 * @param names as in {@link LoggedOperator}.
 * @param fn is given a function that tells where the log stands.
 */
export function logOperators<T>(
  names: Iterable<string>,
  fn: (mark: () => LogMark) => T,
): { readonly result: T; readonly operators: LoggedOperator[] } {
  const log = native.beginOperatorLog([...names].join('\n'));
  let text = '[]';
  let result: T;
  try {
    result = fn(() => ({ size: native.operatorLogSize(log), node: native.sequenceNumber() }));
    refusePromise(result, 'a count of operators');
  } finally {
    text = native.endOperatorLog();
  }
  const entries = JSON.parse(text) as [string, number, LoggedArgument[]][];
  return { result, operators: entries.map(([name, node, args]) => ({ name, node, args })) };
}
