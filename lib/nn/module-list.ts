import { TorchError } from '../tensor/index.js';
import { Module } from './module.js';
import { indentTail } from './python-text.js';

/**
 * A list of modules; their positions are their names.
 * @see torch.nn.ModuleList
 */
export class ModuleList extends Module {
  constructor(modules: Iterable<Module> = []) {
    super();
    this.extend(modules);
  }

  /** Number of modules. */
  get length(): number {
    return this.members().children.size;
  }

  /** The module at a position; negative positions count from the end. */
  at(index: number): Module {
    const module = [...this].at(index);
    if (module === undefined || !Number.isInteger(index))
      throw new TorchError('index', `index ${index} is out of range`);
    return module;
  }

  /** Adds a module at the end. */
  append(module: Module): this {
    return this.addModule(String(this.length), module);
  }

  /** Adds modules at the end. */
  extend(modules: Iterable<Module>): this {
    for (const module of modules) this.append(module);
    return this;
  }

  /** Puts a module before position `index`; those behind it move up by one. */
  insert(index: number, module: Module): this {
    const modules = [...this];
    modules.splice(index, 0, module);
    return this.replaceAll(modules);
  }

  /** Takes the module at a position out; those behind it move down by one. */
  pop(index = -1): Module {
    const module = this.at(index);
    const modules = [...this];
    modules.splice(index, 1);
    this.replaceAll(modules);
    return module;
  }

  private replaceAll(modules: readonly Module[]): this {
    for (const name of this.members().children.keys()) this.removeModule(name);
    return this.extend(modules);
  }

  /** The modules, in order. */
  *[Symbol.iterator](): IterableIterator<Module> {
    for (const module of this.members().children.values()) if (module !== null) yield module;
  }

  /** A list computes nothing. @throws TorchError `notImplemented` always. */
  forward(): never {
    throw new TorchError('notImplemented', 'Module [ModuleList] is missing the required "forward" function');
  }

  /** As other modules, with runs of equal lines drawn together: `(0-2): 3 x ReLU()`. */
  override toString(): string {
    const runs: { text: string; first: number; last: number }[] = [];
    for (const [index, module] of [...this].entries()) {
      const text = module.toString();
      const run = runs.at(-1);
      if (run?.text === text) run.last = index;
      else runs.push({ text, first: index, last: index });
    }
    if (runs.length === 0) return `${this.className()}()`;
    const lines = runs.map(({ text, first, last }) =>
      indentTail(first === last ? `(${first}): ${text}` : `(${first}-${last}): ${last - first + 1} x ${text}`),
    );
    return `${this.className()}(\n  ${lines.join('\n  ')}\n)`;
  }
}
