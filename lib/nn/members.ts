import { Tensor, TorchError } from '../tensor/index.js';
import type { Copies } from './copy.js';
import type { Module } from './module.js';
import { Parameter } from './parameter.js';

/** The members of one module, in the order in which they were defined; null where a name is held but empty. */
export interface Members {
  readonly parameters: Map<string, Parameter | null>;
  readonly buffers: Map<string, Tensor | null>;
  readonly children: Map<string, Module | null>;
}

/** What a module cannot tell by its properties: registered names, and children that were added under any name. */
export class Registry {
  /** Names given to `registerParameter`: they stay known while their value is null. */
  readonly parameters = new Set<string>();
  /** Names given to `registerBuffer`; the value says whether a state dict holds the buffer. */
  readonly buffers = new Map<string, boolean>();
  /** Children given to `addModule`, with the number of properties that the module had then. */
  readonly children = new Map<string, { module: Module | null; after: number }>();

  /** Makes `target` know the same names, with copies of the children. */
  copyInto(target: Registry, copies: Copies): void {
    for (const name of this.parameters) target.parameters.add(name);
    for (const [name, persistent] of this.buffers) target.buffers.set(name, persistent);
    for (const [name, { module, after }] of this.children) {
      target.children.set(name, { module: copies.copy(module), after });
    }
  }
}

/**
 * Refuses what cannot be a key of a state dict or would hide a method.
 * @throws TorchError `value`.
 */
export function checkName(owner: object, kind: 'parameter' | 'buffer' | 'module', name: unknown): void {
  if (typeof name !== 'string') {
    throw new TorchError('type', `${kind} name should be a string. Got ${name === null ? 'null' : typeof name}`);
  }
  if (name === '') throw new TorchError('value', `${kind} name can't be empty string ""`);
  if (name.includes('.')) {
    throw new TorchError('value', `${kind} name can't contain "."${kind === 'module' ? `, got: ${name}` : ''}`);
  }
  if (name in (Object.getPrototypeOf(owner) as object) || name === 'training') {
    throw new TorchError('value', `attribute '${name}' already exists: a ${kind} cannot have the name of a method`);
  }
}

/**
 * Reads a module's parameters, buffers and children off its own properties. Property order is definition order, which
 * is the order of the keys in a state dict; children of containers are put where they were added among them.
 * @param isModule tells a Module from any other value (passed in, as the class is defined on top of this file).
 */
export function membersOf(module: Module, registry: Registry, isModule: (value: unknown) => value is Module): Members {
  const members: Members = { parameters: new Map(), buffers: new Map(), children: new Map() };
  const added = [...registry.children];
  let next = 0;
  Object.entries(module).forEach(([name, value]: [string, unknown], index) => {
    for (; next < added.length; next++) {
      const [childName, child] = added[next]!;
      if (child.after > index) break;
      members.children.set(childName, child.module);
    }
    if (value instanceof Parameter) {
      checkName(module, 'parameter', name);
      members.parameters.set(name, value);
    } else if (isModule(value)) {
      checkName(module, 'module', name);
      members.children.set(name, value);
    } else if (value === null && registry.parameters.has(name)) {
      members.parameters.set(name, null);
    }
  });
  for (const [childName, child] of added.slice(next)) members.children.set(childName, child.module);
  for (const name of registry.buffers.keys()) {
    members.buffers.set(name, bufferValue(module, name));
  }
  return members;
}

function bufferValue(module: Module, name: string): Tensor | null {
  const value = (module as unknown as Record<string, unknown>)[name];
  if (value === null || value === undefined) return null;
  if (value instanceof Tensor) return value;
  throw new TorchError('type', `cannot assign '${typeof value}' as buffer '${name}' (Tensor or null expected)`);
}
