import { TorchError } from '../errors.js';
import { isOptions } from '../tape.js';

/** Runs a function under something, and returns what it returns. */
export type FunctionWrapper = <T>(fn: () => T) => T;

export interface CheckpointOptions {
  /**
   * Which of PyTorch's two implementations: false (recommended) records the graph and recomputes inside it; true runs the function
   * without recording, and a backward of its own inside backward. Left out it is true, with PyTorch's warning.
   */
  useReentrant?: boolean | undefined;
  /** Recomputes with the random numbers of the first run; default true. */
  preserveRngState?: boolean | undefined;
  /** `'none'` does not compare shapes, dtypes and devices of what is recomputed; default `'default'`. Not with reentrance. */
  determinismCheck?: 'default' | 'none' | undefined;
  /** Ends a recomputation as soon as everything needed is there; default true. See {@link setCheckpointEarlyStop}. */
  earlyStop?: boolean | undefined;
  /**
   * An error about a recomputation that differs lists the operators of both runs, with their stacks; default false. Slow. Not with
   * reentrance, nor beside `contextFn`. See {@link setCheckpointDebugEnabled}.
   */
  debug?: boolean | undefined;
  /** Gives two wrappers: the function runs under the first, its recomputation under the second. Not with reentrance. */
  contextFn?: (() => readonly [FunctionWrapper, FunctionWrapper]) | undefined;
  /** A last argument of the function: an object of named values. Not with reentrance. */
  kwargs?: Readonly<Record<string, unknown>> | undefined;
}

const names = new Set([
  'useReentrant',
  'preserveRngState',
  'determinismCheck',
  'earlyStop',
  'contextFn',
  'debug',
  'kwargs',
] satisfies (keyof CheckpointOptions)[] as string[]);

/** Whether a last argument is the options: a plain object with nothing but their names. */
function isCheckpointOptions(value: unknown): value is CheckpointOptions {
  if (!isOptions(value)) return false;
  const given = Object.keys(value);
  const unknown = given.filter((name) => !names.has(name));
  if (unknown.length === 0) return true;
  if (unknown.length === given.length) return false;
  throw new TorchError('value', `Unexpected keyword arguments: ${unknown.join(',')}`);
}

/** What follows the function: its inputs, and the options when they stand last. */
export function splitOptions(rest: readonly unknown[]): { args: readonly unknown[]; options: CheckpointOptions } {
  const last = rest.at(-1);
  const options = isCheckpointOptions(last) ? last : undefined;
  return { args: options === undefined ? rest : rest.slice(0, -1), options: options ?? {} };
}

export function checkOptions(options: CheckpointOptions): void {
  const { determinismCheck = 'default' } = options;
  if (!['default', 'none'].includes(determinismCheck)) {
    throw new TorchError(
      'value',
      `determinism_check should be one of ['default', 'none'], but got ${determinismCheck}`,
    );
  }
}

export function checkReentrantOptions(options: CheckpointOptions): void {
  const given = Object.keys(options.kwargs ?? {});
  if (given.length > 0) throw new TorchError('value', `Unexpected keyword arguments: ${given.join(',')}`);
  if (options.contextFn !== undefined || (options.debug ?? false)) {
    throw new TorchError('value', 'Passing `context_fn` or `debug` is only supported when use_reentrant=False.');
  }
}
