import { keep, Tensor, TorchError } from '../tensor/index.js';
import { Tuple } from '../tensor/tuple.js';
import type { Optimizer, ParamGroup, TensorState } from './optimizer.js';

/** An optimizer's state in PyTorch's own layout and names. */
export interface OptimizerStateDict {
  /** State of each tensor that has any, by its number. */
  state: Map<number, TensorState>;
  /** Options of each group, in snake_case, with the numbers of its tensors as `params`. */
  param_groups: Record<string, unknown>[];
}

/** The same as an object or as the maps that a file is read into. */
export type OptimizerStateLike = OptimizerStateDict | ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>;

/** @see Optimizer.stateDict */
export function packOptimizerState<Group extends ParamGroup>(optimizer: Optimizer<Group>): OptimizerStateDict {
  const numbers = new Map<Tensor, number>();
  let start = 0;
  const groups = optimizer.paramGroups.map((group) => {
    group.params.forEach((param, index) => {
      if (!numbers.has(param)) numbers.set(param, start + index);
    });
    start += group.params.length;
    const packed: Record<string, unknown> = {};
    // The defaults give the order of PyTorch's keys, whatever the order in which the caller wrote his options.
    const names = new Set([...Object.keys(optimizer.defaults), ...Object.keys(group)]);
    names.delete('params');
    const defaults: Readonly<Record<string, unknown>> = optimizer.defaults;
    for (const name of names) {
      const value = (group as unknown as Record<string, unknown>)[name];
      // Pairs such as betas are tuples in Python, where names of parameters are a list.
      packed[snakeCase(name)] =
        Array.isArray(value) && Array.isArray(defaults[name]) ? Tuple.make(value) : alias(value);
    }
    packed['params'] = group.params.map((param) => numbers.get(param));
    return packed;
  });
  const state = new Map<number, TensorState>();
  for (const [param, values] of optimizer.state) {
    const number = numbers.get(param);
    if (number === undefined) continue;
    state.set(number, Object.fromEntries(Object.entries(values).map(([name, value]) => [name, alias(value)])));
  }
  return { state, param_groups: groups };
}

function alias(value: unknown): unknown {
  return value instanceof Tensor ? value.detach() : value;
}

/** @see Optimizer.loadStateDict */
export function loadOptimizerState<Group extends ParamGroup>(
  optimizer: Optimizer<Group>,
  given: OptimizerStateLike,
): void {
  const top = entriesOf(given, 'state dict');
  const saved = listOf(top.get('param_groups'), 'param_groups').map((group) => entriesOf(group, 'parameter group'));
  const groups = optimizer.paramGroups;
  if (groups.length !== saved.length) {
    throw new TorchError('value', 'loaded state dict has a different number of parameter groups');
  }
  const owners = new Map<number, Owner>();
  groups.forEach((group, index) => {
    const numbers = listOf(saved[index]?.get('params'), 'params');
    if (numbers.length !== group.params.length) {
      throw new TorchError(
        'value',
        "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
      );
    }
    const onDevice = saved[index]?.get('capturable') === true || saved[index]?.get('fused') === true;
    numbers.forEach((number, position) =>
      owners.set(numberOf(number, 'params'), { param: group.params[position]!, onDevice }),
    );
  });

  const state = new Map<Tensor, TensorState>();
  for (const [number, values] of entriesOf(top.get('state'), 'state', numberOf)) {
    const owner = owners.get(number);
    if (owner === undefined) continue;
    const own = [...entriesOf(values, 'state of a parameter')];
    state.set(owner.param, Object.fromEntries(own.map(([name, value]) => [name, adopt(name, value, owner)])));
  }
  const former = optimizer.state;
  optimizer.state = state;
  for (const values of former.values()) {
    for (const value of Object.values(values)) if (value instanceof Tensor) value.dispose();
  }
  groups.forEach((group, index) => {
    replaceOptions(group, saved[index]!);
  });
}

/** As in PyTorch the saved options take the place of all others, only names of parameters outlive. */
function replaceOptions(group: ParamGroup, saved: Map<string, unknown>): void {
  const { params, paramNames } = group;
  const target = group as unknown as Record<string, unknown>;
  for (const name of Object.keys(target)) Reflect.deleteProperty(target, name);
  group.params = params;
  if (paramNames !== undefined) group.paramNames = paramNames;
  for (const [name, value] of saved) {
    if (name !== 'params') target[camelCase(name)] = value instanceof Tensor ? keep(value.clone()) : value;
  }
}

/** The parameter that a saved state belongs to. */
interface Owner {
  readonly param: Tensor;
  /** Whether the saved group counted steps on the parameter's device. */
  readonly onDevice: boolean;
}

/**
 * A handle of the optimizer's own on a saved tensor, with dtype and device of its parameter. Counters of steps keep
 * theirs: bfloat16 could not count beyond 256.
 */
function adopt(name: string, value: unknown, { param, onDevice }: Owner): unknown {
  if (!(value instanceof Tensor)) return value;
  const isFloating = /^b?float/.test(param.dtype);
  const dtype = name === 'step' ? (onDevice ? 'float32' : value.dtype) : isFloating ? param.dtype : value.dtype;
  const device = name === 'step' && !onDevice ? value.device : param.device;
  const moved = value.to({ device, dtype });
  const own = keep(moved.detach());
  if (moved !== value) moved.dispose();
  return own;
}

type Key<T> = (name: unknown, what: string) => T;

function entriesOf(value: unknown, what: string): Map<string, unknown>;
function entriesOf<T>(value: unknown, what: string, key: Key<T>): Map<T, unknown>;
function entriesOf(value: unknown, what: string, key: Key<unknown> = textOf): Map<unknown, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TorchError(
      'type',
      `expected the ${what} to be a Map or an object, but got ${value === null ? 'null' : typeof value}`,
    );
  }
  const entries: Iterable<[unknown, unknown]> = value instanceof Map ? value : Object.entries(value);
  return new Map([...entries].map(([name, item]) => [key(name, what), item]));
}

function textOf(name: unknown, what: string): string {
  if (typeof name === 'string') return name;
  throw new TorchError('type', `expected the keys of the ${what} to be strings, but got ${typeof name}`);
}

/** The number of a parameter; objects have it as text. Lists of a file are never converted: they may have no end. */
function numberOf(value: unknown, what: string): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number)) return number;
  throw new TorchError('type', `expected ${what} of an optimizer's state dict to hold whole numbers`);
}

function listOf(value: unknown, what: string): unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  throw new TorchError('type', `expected ${what} of an optimizer's state dict to be an array, but got ${typeof value}`);
}

/** `weightDecay` to `weight_decay`. */
function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `weight_decay` to `weightDecay`. */
function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
