import { TorchError } from '../tensor/index.js';
import { Module } from './module.js';

/**
 * Modules by name, in the order in which they were set.
 * @see torch.nn.ModuleDict
 */
export class ModuleDict extends Module {
  constructor(modules: ReadonlyMap<string, Module> | Readonly<Record<string, Module>> = {}) {
    super();
    const entries = modules instanceof Map ? modules.entries() : Object.entries(modules as Record<string, Module>);
    for (const [name, module] of entries as Iterable<[string, Module]>) this.set(name, module);
  }

  /** Number of modules. */
  get size(): number {
    return this.members().children.size;
  }

  /** The module of this name; undefined where there is none. */
  get(name: string): Module | undefined {
    return this.members().children.get(name) ?? undefined;
  }

  /** Whether there is a module of this name. */
  has(name: string): boolean {
    return this.members().children.has(name);
  }

  /** Adds a module, or puts it in the place of the one of this name. */
  set(name: string, module: Module): this {
    return this.addModule(name, module);
  }

  /** Removes a module. @returns whether there was one. */
  delete(name: string): boolean {
    const known = this.has(name);
    this.removeModule(name);
    return known;
  }

  /** The names, in order. */
  keys(): string[] {
    return [...this.members().children.keys()];
  }

  /** The modules, in order. */
  values(): Module[] {
    return this.entries().map(([, module]) => module);
  }

  /** Names and modules, in order. */
  entries(): [string, Module][] {
    return [...this.members().children].filter((entry): entry is [string, Module] => entry[1] !== null);
  }

  /** Names and modules, in order. */
  [Symbol.iterator](): IterableIterator<[string, Module]> {
    return this.entries()[Symbol.iterator]();
  }

  /** A dictionary computes nothing by itself. @throws TorchError `notImplemented` always. */
  forward(..._input: unknown[]): unknown {
    throw new TorchError('notImplemented', `Module [${this.className()}] is missing the required "forward" function`);
  }
}
