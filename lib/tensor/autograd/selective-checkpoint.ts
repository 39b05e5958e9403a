import { native } from '../../native/load.js';
import { TorchError } from '../errors.js';
import { operatorIndex, operatorName } from '../operators.js';
import { refusePromise, TensorBase } from '../scope.js';
import { intercept, type Interceptor, wrap, writeTape } from '../tape.js';
import type { Tensor } from '../tensor.js';
import type { FunctionWrapper } from './checkpoint-options.js';

/** What becomes of an operator's results in a selective checkpoint. @see torch.utils.checkpoint.CheckpointPolicy */
export const CheckpointPolicy = {
  /** They are kept; an operator that changes its arguments is refused. */
  MUST_SAVE: 0,
  /** They are kept; an operator that changes its arguments runs again. */
  PREFER_SAVE: 1,
  MUST_RECOMPUTE: 2,
  PREFER_RECOMPUTE: 3,
} as const;
export type CheckpointPolicy = (typeof CheckpointPolicy)[keyof typeof CheckpointPolicy];

export interface SelectiveCheckpointContext {
  /** Policies are asked in the first run only. */
  readonly isRecompute: false;
}

/**
 * Says what becomes of one call of an operator; true means MUST_SAVE, false PREFER_RECOMPUTE.
 * @param operator its name as the program calls it: `conv2d`, `linear`, `relu_`; with its namespace where that is not aten.
 */
export type CheckpointPolicyFunction = (
  context: SelectiveCheckpointContext,
  operator: string,
  ...args: readonly unknown[]
) => CheckpointPolicy | boolean;

/** A kept tensor: where C++ keeps it, and what must be as it was. */
class Kept {
  constructor(
    readonly index: number,
    readonly requiresGrad: boolean,
    readonly version: number,
  ) {}
}

const recompute = Symbol('recompute');
const consumed = Symbol('consumed');

/** What each operator gave, call by call. */
type Storage = Map<number, unknown[]>;

// Detached by checkpoints themselves, another number of times in each run.
const ignored = new Set(['detach']);
const mismatch =
  'This can happen if the operations in the checkpointed region are nondeterministic or depend on global state that changed between forward and backward.';

/** The tensors that C++ kept for the running recomputation. */
let keptTensors: readonly (TensorBase | null)[] = [];

/** @internal */
export function withKeptTensors<T>(tensors: readonly (TensorBase | null)[], fn: () => T): T {
  const before = keptTensors;
  keptTensors = tensors;
  try {
    return fn();
  } finally {
    keptTensors = before;
  }
}

function mapTensors(value: unknown, map: (tensor: Tensor) => unknown): unknown {
  if (value instanceof TensorBase) return map(value as Tensor);
  return Array.isArray(value) ? value.map((each: unknown) => mapTensors(each, map)) : value;
}

function store(result: unknown): unknown {
  const tensors: Tensor[] = [];
  const shape = mapTensors(result, (tensor) => {
    // Without its history: the graph would keep itself alive.
    tensors.push(tensor.detach());
    return new Kept(tensors.length - 1, tensor.requiresGrad, native.version(tensor.handle));
  });
  writeTape(tensors);
  const first = native.checkpointKeep();
  for (const each of tensors) each.dispose();
  return shift(shape, first);
}

function shift(shape: unknown, by: number): unknown {
  if (shape instanceof Kept) return new Kept(shape.index + by, shape.requiresGrad, shape.version);
  return Array.isArray(shape) ? shape.map((each: unknown) => shift(each, by)) : shape;
}

function fetch(stored: unknown, allowMutation: boolean): unknown {
  if (Array.isArray(stored)) return stored.map((each: unknown) => fetch(each, allowMutation));
  if (!(stored instanceof Kept)) return stored;
  const tensor = keptTensors[stored.index] as Tensor | null | undefined;
  if (tensor === null || tensor === undefined) throw new TorchError('runtime', extraTime);
  const changed = native.version(tensor.handle) !== stored.version;
  if (changed && !allowMutation) {
    throw new TorchError('runtime', 'Tensor cached during selective activation checkpoint has been mutated');
  }
  // What was changed in place will be so again, and other operators that are kept have saved it as it is: they get a copy.
  const given = changed ? tensor.clone() : tensor;
  // Not a leaf: what follows may change it in place.
  return stored.requiresGrad ? wrap(native.withNode(given.handle)) : given.detach();
}

const extraTime =
  'Trying to backward an extra time. You are only allowed to backward once on any region computed under selective activation checkpoint.';

function caching(policy: CheckpointPolicyFunction, storage: Storage): Interceptor {
  return (operator, given, run) => {
    const name = operatorName(operator);
    if (ignored.has(name)) return run();
    const answer = policy({ isRecompute: false }, name, ...given);
    refusePromise(answer, 'the policy of a selective checkpoint');
    const wanted = answer === true ? CheckpointPolicy.MUST_SAVE : answer;
    let entries = storage.get(operator);
    if (entries === undefined) storage.set(operator, (entries = []));
    if (wanted !== CheckpointPolicy.MUST_SAVE && wanted !== CheckpointPolicy.PREFER_SAVE) {
      entries.push(recompute);
      return run();
    }
    if (name.endsWith('_') || givesOut(given)) {
      if (wanted === CheckpointPolicy.MUST_SAVE) {
        throw new TorchError(
          'value',
          `Expected an operator that only gives new tensors for MUST_SAVE but received ${name}, which changes its arguments`,
        );
      }
      entries.push(recompute);
      return run();
    }
    // What it saves for its own backward stays as it is, so that it need not run again.
    native.pushSavedHooks(null);
    let result: unknown;
    try {
      result = run();
    } finally {
      native.popSavedHooks();
    }
    entries.push(store(result));
    return result;
  };
}

function givesOut(given: readonly unknown[]): boolean {
  const last = given.at(-1);
  return typeof last === 'object' && last !== null && !(last instanceof TensorBase) && 'out' in last;
}

function cached(storage: Storage, allowMutation: boolean): Interceptor {
  const counts = new Map<number, number>();
  return (operator, _given, run) => {
    const name = operatorName(operator);
    if (ignored.has(name)) return run();
    const index = counts.get(operator) ?? 0;
    counts.set(operator, index + 1);
    const entries = storage.get(operator);
    if (entries === undefined) {
      throw new TorchError('runtime', `${name} encountered during backward but not found in storage. ${mismatch}`);
    }
    const entry = entries[index];
    if (index >= entries.length) {
      throw new TorchError(
        'runtime',
        `${name} invocation index ${index} encountered during backward but not found in storage. ${mismatch}`,
      );
    }
    if (entry === consumed) throw new TorchError('runtime', extraTime);
    if (entry === recompute) return run();
    entries[index] = consumed;
    return fetch(entry, allowMutation);
  };
}

/**
 * The two wrappers of a checkpoint that keeps the results of some operators, so that they do not run again: for the option
 * `contextFn`. Operators are those that the program calls (`linear`, not the `addmm` inside it), outside of checkpoints further in.
 * ```ts
 * const contextFn = () => createSelectiveCheckpointContexts(['conv2d', 'matmul']);
 * const y = checkpoint((x: Tensor) => block.call(x), input, { useReentrant: false, contextFn });
 * ```
 * @param policy asked before each call of an operator; or the names of those to keep.
 * @param options.allowCacheEntryMutation does not refuse kept results that were changed in place; default false.
 * @throws TorchError `runtime` in backward, when another operator runs than at first, or for a second backward.
 * @see torch.utils.checkpoint.create_selective_checkpoint_contexts
 */
export function createSelectiveCheckpointContexts(
  policy: CheckpointPolicyFunction | readonly string[],
  options: { allowCacheEntryMutation?: boolean | undefined } = {},
): readonly [FunctionWrapper, FunctionWrapper] {
  let decide: CheckpointPolicyFunction;
  if (typeof policy === 'function') {
    decide = policy;
  } else if (Array.isArray(policy)) {
    const kept = new Set((policy as readonly string[]).map((name) => operatorName(operatorIndex(name))));
    decide = (_, operator) => kept.has(operator);
  } else {
    throw new TorchError('type', 'policy_fn_or_list must be either a function or a list of ops.');
  }
  const storage: Storage = new Map();
  return [
    (fn) => intercept(caching(decide, storage), fn),
    (fn) => intercept(cached(storage, options.allowCacheEntryMutation ?? false), fn),
  ];
}
