import { type Tensor, TorchError } from '../tensor/index.js';
import type { Members } from './members.js';
import type { Module } from './module.js';
import type { Parameter } from './parameter.js';

/** `root` and all below it with their dotted names, depth first, each once; the root's own name is `''`. */
export function namedModules(root: Module): [string, Module][] {
  const found: [string, Module][] = [];
  const seen = new Set<Module>();
  const visit = (module: Module, name: string): void => {
    if (seen.has(module)) return;
    seen.add(module);
    found.push([name, module]);
    for (const [key, child] of module.members().children) {
      if (child !== null) visit(child, name === '' ? key : `${name}.${key}`);
    }
  };
  visit(root, '');
  return found;
}

/** What `pick` takes of each module, with dotted names, each once. */
export function namedTensors<T extends Tensor>(
  root: Module,
  pick: (members: Members) => Map<string, T | null>,
): [string, T][] {
  const seen = new Set<T>();
  const found: [string, T][] = [];
  for (const [prefix, module] of namedModules(root)) {
    for (const [name, value] of pick(module.members())) {
      if (value === null || seen.has(value)) continue;
      seen.add(value);
      found.push([prefix === '' ? name : `${prefix}.${name}`, value]);
    }
  }
  return found;
}

/** @see Module.getSubmodule */
export function findSubmodule(root: Module, path: string): Module {
  const parts = path === '' ? [] : path.split('.');
  return parts.reduce<Module>((module, part) => {
    const child = module.members().children.get(part);
    if (child) return child;
    throw new TorchError('value', `${module.className()} has no child \`${part}\` (looking for \`${path}\`)`);
  }, root);
}

/** @see Module.getParameter */
export function findParameter(root: Module, path: string): Parameter {
  const [module, name] = ownerOf(root, path);
  const parameter = module.members().parameters.get(name);
  if (parameter) return parameter;
  throw missing(module, name, 'an nn.Parameter');
}

/** @see Module.getBuffer */
export function findBuffer(root: Module, path: string): Tensor {
  const [module, name] = ownerOf(root, path);
  const buffer = module.members().buffers.get(name);
  if (buffer) return buffer;
  throw missing(module, name, 'a buffer');
}

function ownerOf(root: Module, path: string): [Module, string] {
  const dot = path.lastIndexOf('.');
  return [findSubmodule(root, path.slice(0, Math.max(dot, 0))), path.slice(dot + 1)];
}

function missing(module: Module, name: string, kind: string): TorchError {
  const known = name in module || module.members().children.has(name);
  return new TorchError(
    'value',
    known ? `\`${name}\` is not ${kind}` : `${module.className()} has no attribute \`${name}\``,
  );
}
