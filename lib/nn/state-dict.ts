import { noGrad, OrderedDict, scope, Tensor, TorchError, type StateDict } from '../tensor/index.js';
import type { Module } from './module.js';
import { pyClass, pySize, pyString } from './python-text.js';

/** What {@link Module.loadStateDict} takes: names and tensors, as a map or a plain object, with or without versions. */
export type StateDictLike = ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>;

/** Keys of a module without an entry in a state dict, and entries of a state dict without a place in the module. */
export interface IncompatibleKeys {
  readonly missingKeys: string[];
  readonly unexpectedKeys: string[];
}

/** @see Module.stateDict */
export function saveStateDict(root: Module): StateDict {
  const state: StateDict = new OrderedDict<Tensor>();
  const metadata = new Map<string, Map<string, unknown>>();
  const save = (module: Module, prefix: string): void => {
    metadata.set(prefix.slice(0, -1), new Map([['version', module.stateVersion()]]));
    const { parameters, buffers, children } = module.members();
    for (const [name, parameter] of parameters) {
      if (parameter !== null) state.set(prefix + name, parameter.detach());
    }
    for (const [name, buffer] of buffers) {
      if (buffer !== null && module.isPersistent(name)) state.set(prefix + name, buffer.detach());
    }
    for (const [name, child] of children) {
      if (child !== null) save(child, `${prefix}${name}.`);
    }
  };
  save(root, '');
  state.metadata = metadata;
  return state;
}

/** Collects what one pass over the modules finds. */
interface Report extends IncompatibleKeys {
  readonly errors: string[];
}

/** @see Module.loadStateDict */
export function loadStateDict(root: Module, given: StateDictLike, strict: boolean): IncompatibleKeys {
  const entries = asEntries(given);
  const metadata = given instanceof OrderedDict ? given.metadata : undefined;
  const report: Report = { missingKeys: [], unexpectedKeys: [], errors: [] };
  const load = (module: Module, local: Map<string, unknown>, prefix: string): void => {
    module.upgradeState(local, prefix, versionOf(metadata, prefix.slice(0, -1)), report.errors);
    loadOwn(module, local, prefix, report);
    for (const [name, child] of module.members().children) {
      if (child === null) continue;
      const childPrefix = `${prefix}${name}.`;
      load(child, new Map([...local].filter(([key]) => key.startsWith(childPrefix))), childPrefix);
    }
  };
  scope(() => {
    load(root, entries, '');
  });
  const { missingKeys, unexpectedKeys, errors } = report;
  if (strict) {
    if (unexpectedKeys.length > 0) errors.unshift(`Unexpected key(s) in state_dict: ${quoted(unexpectedKeys)}. `);
    if (missingKeys.length > 0) errors.unshift(`Missing key(s) in state_dict: ${quoted(missingKeys)}. `);
  }
  if (errors.length > 0) {
    throw new TorchError(
      'runtime',
      `Error(s) in loading state_dict for ${root.className()}:\n\t${errors.join('\n\t')}`,
    );
  }
  return { missingKeys, unexpectedKeys };
}

function loadOwn(module: Module, local: Map<string, unknown>, prefix: string, report: Report): void {
  const { parameters, buffers, children } = module.members();
  const own = new Map<string, Tensor>();
  for (const [name, parameter] of parameters) if (parameter !== null) own.set(name, parameter);
  for (const [name, buffer] of buffers) if (buffer !== null && module.isPersistent(name)) own.set(name, buffer);

  for (const [name, target] of own) {
    const key = prefix + name;
    if (local.has(key)) copyInto(key, target, local.get(key), report.errors);
    else report.missingKeys.push(key);
  }
  for (const key of local.keys()) {
    if (!key.startsWith(prefix)) continue;
    const rest = key.slice(prefix.length);
    const dot = rest.indexOf('.');
    const expected = dot < 0 ? own.has(rest) : children.has(rest.slice(0, dot));
    if (!expected) report.unexpectedKeys.push(key);
  }
}

function copyInto(key: string, target: Tensor, value: unknown, errors: string[]): void {
  if (!(value instanceof Tensor)) {
    errors.push(
      `While copying the parameter named "${key}", expected torch.Tensor or Tensor-like object from checkpoint ` +
        `but received ${pyClass(value)}`,
    );
    return;
  }
  const shape = target.shape;
  // PyTorch before 0.4 had no scalars: it wrote them with one dimension.
  const source = shape.length === 0 && value.shape.length === 1 && value.shape[0] === 1 ? value.select(0, 0) : value;
  if (source.shape.join() !== shape.join() || source.shape.length !== shape.length) {
    errors.push(
      `size mismatch for ${key}: copying a param with shape ${pySize(source.shape)} from checkpoint, ` +
        `the shape in current model is ${pySize(shape)}.`,
    );
    return;
  }
  try {
    noGrad(() => target.copy_(source));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    errors.push(
      `While copying the parameter named "${key}", whose dimensions in the model are ${pySize(shape)} and ` +
        `whose dimensions in the checkpoint are ${pySize(source.shape)}, an exception occurred : (${pyString(message)},).`,
    );
  }
}

function asEntries(given: unknown): Map<string, unknown> {
  if (given instanceof Map) {
    for (const key of (given as Map<unknown, unknown>).keys()) {
      if (typeof key !== 'string')
        throw new TorchError('type', `Expected the keys of state_dict to be strings, got ${pyClass(key)}.`);
    }
    return new Map<string, unknown>(given as Map<string, unknown>);
  }
  const isPlain = typeof given === 'object' && given !== null && Object.getPrototypeOf(given) === Object.prototype;
  if (!isPlain) throw new TorchError('type', `Expected state_dict to be dict-like, got ${pyClass(given)}.`);
  return new Map(Object.entries(given as Record<string, unknown>));
}

function versionOf(metadata: Map<string, Map<string, unknown>> | undefined, path: string): number | null {
  const version = metadata?.get(path)?.get('version');
  return typeof version === 'number' ? version : null;
}

function quoted(keys: readonly string[]): string {
  return keys.map((key) => `"${key}"`).join(', ');
}
