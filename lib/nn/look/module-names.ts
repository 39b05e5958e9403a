import type { Module } from '../module.js';

/** Names modules by where they stand: the first that is seen by its class, those below it by the path. */
export class ModuleNames {
  readonly #names = new Map<Module, string>();

  of(module: Module): string {
    let name = this.#names.get(module);
    if (name === undefined) {
      name = module.className();
      for (const [path, each] of module.namedModules())
        if (!this.#names.has(each)) this.#names.set(each, path === '' ? name : `${name}.${path}`);
    }
    return name;
  }
}
