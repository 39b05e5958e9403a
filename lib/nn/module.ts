import { type autograd, noGrad, runAsync, scope, Tensor, TorchError, type StateDict } from '../tensor/index.js';
import { isWatched, underWatch } from './call-watcher.js';
import { convertModule, emptyModule, type ModuleToOptions } from './convert.js';
import { Copies } from './copy.js';
import { findBuffer, findParameter, findSubmodule, namedModules, namedTensors } from './lookup.js';
import { checkName, membersOf, Registry, type Members } from './members.js';
import {
  type ForwardHook,
  type ForwardHookOptions,
  type ForwardPreHook,
  type FullBackwardHook,
  type FullBackwardPreHook,
  type HookOptions,
  ModuleHooks,
} from './module-hooks.js';
import { Parameter } from './parameter.js';
import { indentTail } from './python-text.js';
import { loadStateDict, saveStateDict, type IncompatibleKeys, type StateDictLike } from './state-dict.js';
import { StoredTensors } from './stored-tensors.js';

/**
 * Base of every network. Own properties that hold a {@link Parameter} are its parameters, those that hold a Module its
 * children, in the order of their definition; their names are the keys of the state dict.
 * ```ts
 * class Net extends Module {
 *   readonly conv = new Conv2d(3, 8, { kernelSize: 3 });
 *   readonly fc = new Linear(8, 10);
 *   forward(x: Tensor): Tensor {
 *     return this.fc.call(this.conv.call(x).relu().mean([2, 3]));
 *   }
 * }
 * ```
 * @see torch.nn.Module
 */
export abstract class Module {
  /** Whether dropout drops and batch norm uses the statistics of its batch. Set by {@link train} and {@link eval}. */
  training = true;
  readonly #registry = new Registry();
  readonly #stored = new StoredTensors();
  #hooks: ModuleHooks | undefined;

  /** The computation. Call it through {@link call}. */
  abstract forward(...input: unknown[]): unknown;

  /**
   * Runs {@link forward} in a scope of its own: of the tensors made meanwhile, those that it returns and those that
   * the module has stored on itself survive.
   */
  call(...input: Parameters<this['forward']>): ReturnType<this['forward']> {
    const output = scope(() => {
      try {
        if (isWatched()) return underWatch(this, input, () => this.#run(input));
        return this.#run(input);
      } finally {
        this.#stored.update(this);
      }
    });
    return output as ReturnType<this['forward']>;
  }

  #run(input: readonly unknown[]): unknown {
    if (this.#hooks === undefined) return this.forward(...input);
    return this.#hooks.run(this, input, (args) => this.forward(...args));
  }

  /** @internal Whether anybody looks on when it is called. */
  hasHooks(): boolean {
    return isWatched() || (this.#hooks !== undefined && !this.#hooks.isEmpty);
  }

  /** Calls `hook` before every forward. @see torch.nn.Module.register_forward_pre_hook */
  registerForwardPreHook(hook: ForwardPreHook, options: HookOptions = {}): autograd.RemovableHandle {
    return (this.#hooks ??= new ModuleHooks()).forwardPre.add(hook, options);
  }

  /** Calls `hook` after every forward. @see torch.nn.Module.register_forward_hook */
  registerForwardHook(hook: ForwardHook, options: ForwardHookOptions = {}): autograd.RemovableHandle {
    const hooks = (this.#hooks ??= new ModuleHooks());
    if (options.alwaysCall === true) hooks.alwaysCalled.add(hook);
    return hooks.forward.add(hook, options);
  }

  /** Calls `hook` in backward, with the gradients of the inputs and outputs. @see torch.nn.Module.register_full_backward_hook */
  registerFullBackwardHook(hook: FullBackwardHook, options: HookOptions = {}): autograd.RemovableHandle {
    return (this.#hooks ??= new ModuleHooks()).backward.add(hook, options);
  }

  /** Calls `hook` in backward, with the gradients of the outputs. @see torch.nn.Module.register_full_backward_pre_hook */
  registerFullBackwardPreHook(hook: FullBackwardPreHook, options: HookOptions = {}): autograd.RemovableHandle {
    return (this.#hooks ??= new ModuleHooks()).backwardPre.add(hook, options);
  }

  /**
   * {@link call} off the event loop: a thread of libuv's pool computes, without recording gradients, while JavaScript goes on. See
   * `runAsync` for what may be read meanwhile.
   * @returns what {@link forward} returns; its tensors belong to the `scopeAsync` around, or to nobody.
   * @throws TorchError (as a rejection) `runtime` for an input that requires gradients; what {@link call} throws.
   */
  async callAsync(...input: Parameters<this['forward']>): Promise<Awaited<ReturnType<this['forward']>>> {
    for (const [index, each] of (input as unknown[]).entries()) {
      if (!(each instanceof Tensor) || !each.requiresGrad) continue;
      throw new TorchError(
        'runtime',
        `Expected inputs without gradients for callAsync, which records none, but input ${index} requires them: use call(), or give it detach()ed`,
      );
    }
    return runAsync(() => this.call(...input) as Awaited<ReturnType<this['forward']>>);
  }

  /**
   * Makes `tensor` part of the module's state without training it. It becomes the property `name`.
   * @param options.persistent whether state dicts hold it; default true.
   * @throws TorchError `value` for a name that is refused or taken, `type` for a value that is no Tensor.
   */
  registerBuffer(name: string, tensor: Tensor | null, options: { readonly persistent?: boolean } = {}): void {
    this.#checkFree('buffer', name, this.#registry.buffers.has(name));
    if (tensor !== null && !(tensor instanceof Tensor)) {
      throw new TorchError(
        'type',
        `cannot assign '${typeof tensor}' object to buffer '${name}' (Tensor or null required)`,
      );
    }
    this.#registry.buffers.set(name, options.persistent ?? true);
    Reflect.set(this, name, tensor);
    this.#stored.update(this);
  }

  /** Makes `parameter` the property `name`; null holds the name for a parameter that the module does without. */
  registerParameter(name: string, parameter: Parameter | null): void {
    this.#checkFree('parameter', name, this.#registry.parameters.has(name));
    if (parameter !== null && !(parameter instanceof Parameter)) {
      throw new TorchError(
        'type',
        `cannot assign a value that is no Parameter to parameter '${name}' (Parameter or null required)`,
      );
    }
    this.#registry.parameters.add(name);
    Reflect.set(this, name, parameter);
  }

  /** Adds a child under any name, also one that could not be a property (`'0'`). {@link getSubmodule} finds it. */
  addModule(name: string, module: Module | null): this {
    if (module !== null && !isModule(module)) {
      throw new TorchError('type', `${typeof module} is not a Module subclass`);
    }
    this.#checkFree('module', name, this.#registry.children.has(name));
    const known = this.#registry.children.get(name);
    this.#registry.children.set(name, { module, after: known?.after ?? Object.keys(this).length });
    return this;
  }

  /** The same as {@link addModule}. */
  registerModule(name: string, module: Module | null): this {
    return this.addModule(name, module);
  }

  /** Removes a child that {@link addModule} added; the containers' own methods renumber. */
  protected removeModule(name: string): void {
    this.#registry.children.delete(name);
  }

  #checkFree(kind: 'parameter' | 'buffer' | 'module', name: string, known: boolean): void {
    checkName(this, kind, name);
    const taken = Object.hasOwn(this, name) && Reflect.get(this, name) !== undefined;
    if (!known && (taken || (kind !== 'module' && this.#registry.children.has(name)))) {
      throw new TorchError('value', `attribute '${name}' already exists`);
    }
  }

  /** The module's own parameters, buffers and children by name, null for a name that is held but empty. */
  members(): Members {
    return membersOf(this, this.#registry, isModule);
  }

  /** Whether the state dict leaves the buffer `name` out. */
  isPersistent(name: string): boolean {
    return this.#registry.buffers.get(name) ?? false;
  }

  /** Direct children with their names, each once. */
  namedChildren(): [string, Module][] {
    const seen = new Set<Module>();
    const found: [string, Module][] = [];
    for (const [name, child] of this.members().children) {
      if (child === null || seen.has(child)) continue;
      seen.add(child);
      found.push([name, child]);
    }
    return found;
  }

  /** Direct children, each once. */
  children(): Module[] {
    return this.namedChildren().map(([, child]) => child);
  }

  /** This module and all below it with their dotted names, depth first, each once; its own name is `''`. */
  namedModules(): [string, Module][] {
    return namedModules(this);
  }

  /** This module and all below it, depth first, each once. */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** All parameters with their dotted names, in PyTorch's order, each once. */
  namedParameters(): [string, Parameter][] {
    return namedTensors(this, (members) => members.parameters);
  }

  /** All parameters, in PyTorch's order, each once. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** All buffers with their dotted names, each once. */
  namedBuffers(): [string, Tensor][] {
    return namedTensors(this, (members) => members.buffers);
  }

  /** All buffers, each once. */
  buffers(): Tensor[] {
    return this.namedBuffers().map(([, buffer]) => buffer);
  }

  /**
   * The module under a dotted path, `''` for this one.
   * @throws TorchError `value` naming the first part that does not exist.
   */
  getSubmodule(path: string): Module {
    return findSubmodule(this, path);
  }

  /** The parameter under a dotted path. @throws TorchError `value` naming what does not exist. */
  getParameter(path: string): Parameter {
    return findParameter(this, path);
  }

  /** The buffer under a dotted path. @throws TorchError `value` naming what does not exist. */
  getBuffer(path: string): Tensor {
    return findBuffer(this, path);
  }

  /** Calls `fn` with every module below this one, children before their parents, and with this one last. */
  apply(fn: (module: Module) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /**
   * A deep copy: parameters (without their gradients), buffers, children, and what else the module holds in properties.
   * What is shared within the module is shared within the copy. Functions and objects of other classes are not copied.
   * @throws TorchError `runtime` where it holds a tensor that has a history.
   * @see copy.deepcopy
   */
  copy(): this {
    return noGrad(() => scope(() => new Copies(isModule).copy(this)));
  }

  /**
   * An object of this class for {@link copy} to fill. No constructor of a subclass runs: a class with `#private` members,
   * which only its constructor can make, overrides this and calls it.
   */
  bare(): Module {
    return Reflect.construct(Module as unknown as new () => Module, [], this.constructor as new () => Module);
  }

  /** @internal Fills the copy. */
  copyInto(target: Module, copies: Copies): void {
    this.#registry.copyInto(target.#registry, copies);
    target.#hooks = this.#hooks?.copy();
    for (const name of Reflect.ownKeys(this)) {
      const property = Object.getOwnPropertyDescriptor(this, name)!;
      if ('value' in property) property.value = copies.copy<unknown>(property.value);
      Object.defineProperty(target, name, property);
    }
    target.#stored.update(target);
  }

  /** Sets the mode of this module and all below it. */
  train(mode = true): this {
    if (typeof mode !== 'boolean') throw new TorchError('value', 'training mode is expected to be boolean');
    this.training = mode;
    for (const child of this.children()) child.train(mode);
    return this;
  }

  /** `train(false)`. */
  eval(): this {
    return this.train(false);
  }

  /** Lets autograd record, or not record, operations on the parameters. */
  requiresGrad_(requiresGrad = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = requiresGrad;
    return this;
  }

  /** Drops the gradients, or with `setToNull: false` fills them with zeros. */
  zeroGrad(options: { readonly setToNull?: boolean } = {}): void {
    const toNull = options.setToNull ?? true;
    scope(() => {
      for (const parameter of this.parameters()) {
        const grad = parameter.grad;
        if (grad === null) continue;
        if (toNull) {
          parameter.grad = null;
        } else {
          if (!grad.isLeaf) grad.detach_();
          else grad.requiresGrad = false;
          grad.zero_();
        }
      }
    });
  }

  /**
   * Moves or converts all parameters, their gradients and all buffers. The Tensor objects stay the same, their data
   * is exchanged, so that optimizers keep hold of them.
   * @param target a dtype, a device, or both and a memory format.
   * `'meta'` keeps shapes and types alone, without elements.
   * @throws TorchError `type` for a dtype that is neither floating point nor complex; what libtorch says of a move away from `'meta'`.
   */
  to(target: string | ModuleToOptions): this {
    convertModule(this, target);
    return this;
  }

  /**
   * Moves all parameters and buffers without their elements, which are then whatever the memory holds: the way back from `'meta'`.
   * @see torch.nn.Module.to_empty
   */
  toEmpty(options: { readonly device: string }): this {
    emptyModule(this, options.device);
    return this;
  }

  /**
   * The state of this module and all below it: persistent buffers and parameters by PyTorch's names, as aliases that
   * share storage, with each module's version in `metadata`.
   */
  stateDict(): StateDict {
    return saveStateDict(this);
  }

  /**
   * Copies a state dict into parameters and buffers.
   * @param options.strict whether missing and unexpected keys are an error; default true.
   * @returns the keys that were missing and those that were not expected.
   * @throws TorchError `runtime` with PyTorch's report.
   */
  loadStateDict(state: StateDictLike, options: { readonly strict?: boolean } = {}): IncompatibleKeys {
    return loadStateDict(this, state, options.strict ?? true);
  }

  /** Version of the layout of the module's own entries in a state dict. */
  stateVersion(): number {
    return 1;
  }

  /** A chance to mend entries of an older version, or to add to the errors of loading, before they are copied. `entries` is a copy. */
  upgradeState(_entries: Map<string, unknown>, _prefix: string, _version: number | null, _errors: string[]): void {
    // Most layouts never changed.
  }

  /** The name that is printed and reported. */
  className(): string {
    return this.constructor.name;
  }

  /** What stands between the parentheses when the module is printed. */
  extraRepr(): string {
    return '';
  }

  /** Python's `print(model)`. */
  toString(): string {
    const extra = this.extraRepr();
    const lines = extra === '' ? [] : extra.split('\n');
    const plain = lines.length;
    for (const [name, child] of this.members().children) {
      lines.push(`(${name}): ${child === null ? 'None' : indentTail(child.toString())}`);
    }
    if (lines.length === 0) return `${this.className()}()`;
    if (lines.length === 1 && plain === 1) return `${this.className()}(${extra})`;
    return `${this.className()}(\n  ${lines.join('\n  ')}\n)`;
  }
}

function isModule(value: unknown): value is Module {
  return value instanceof Module;
}
