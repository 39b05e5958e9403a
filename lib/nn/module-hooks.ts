import { autograd, isGradEnabled, keep, Tensor, TorchError } from '../tensor/index.js';
import type { Module } from './module.js';

/** Runs before forward; what it returns (an array, or one argument) takes the place of the arguments. */
export type ForwardPreHook = (module: Module, args: readonly unknown[]) => unknown;
/** Runs after forward; what it returns takes the place of the output. */
export type ForwardHook = (module: Module, args: readonly unknown[], output: unknown) => unknown;
/** Gradients of a module's inputs or outputs, null for what is no tensor or has none. */
export type ModuleGradients = readonly (Tensor | null)[];
/** Runs when the gradients of a module's inputs are known; those that it returns take their place. */
export type FullBackwardHook = (
  module: Module,
  gradInput: ModuleGradients,
  gradOutput: ModuleGradients,
) => ModuleGradients | null | undefined;
/** Runs before the gradients of a module's inputs are computed; those that it returns take the place of the outputs' gradients. */
export type FullBackwardPreHook = (module: Module, gradOutput: ModuleGradients) => ModuleGradients | null | undefined;

export interface HookOptions {
  /** Before the hooks that are there already. */
  readonly prepend?: boolean | undefined;
}
export interface ForwardHookOptions extends HookOptions {
  /** Also when forward, or another hook, throws. */
  readonly alwaysCall?: boolean | undefined;
}

/** Hooks of one kind, in the order in which they run. */
class HookList<Hook> {
  readonly #entries = new Map<symbol, Hook>();

  add(hook: Hook, options: HookOptions): autograd.RemovableHandle {
    if (typeof hook !== 'function')
      throw new TorchError('type', `Expected a function for the hook but received ${typeof hook}`);
    const key = Symbol('hook');
    if (options.prepend === true) {
      const rest = [...this.#entries];
      this.#entries.clear();
      this.#entries.set(key, hook);
      for (const [each, other] of rest) this.#entries.set(each, other);
    } else {
      this.#entries.set(key, hook);
    }
    return new autograd.RemovableHandle(() => this.#entries.delete(key));
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  copyFrom(other: HookList<Hook>): void {
    for (const hook of other.all()) this.add(hook, {});
  }

  all(): Hook[] {
    return [...this.#entries.values()];
  }
}

/** The hooks of one module, and a call of its forward between them. */
export class ModuleHooks {
  readonly forwardPre = new HookList<ForwardPreHook>();
  readonly forward = new HookList<ForwardHook>();
  readonly backward = new HookList<FullBackwardHook>();
  readonly backwardPre = new HookList<FullBackwardPreHook>();
  readonly alwaysCalled = new Set<ForwardHook>();

  get isEmpty(): boolean {
    return this.forwardPre.isEmpty && this.forward.isEmpty && this.backward.isEmpty && this.backwardPre.isEmpty;
  }

  /** For a copy of the module: the same functions, each to be removed there by nobody but the copy. */
  copy(): ModuleHooks {
    const made = new ModuleHooks();
    made.forwardPre.copyFrom(this.forwardPre);
    made.forward.copyFrom(this.forward);
    made.backward.copyFrom(this.backward);
    made.backwardPre.copyFrom(this.backwardPre);
    for (const hook of this.alwaysCalled) made.alwaysCalled.add(hook);
    return made;
  }

  run(module: Module, input: readonly unknown[], forward: (args: readonly unknown[]) => unknown): unknown {
    let args = input;
    let output: unknown;
    const called = new Set<ForwardHook>();
    try {
      for (const hook of this.forwardPre.all()) {
        const result = hook(module, args);
        if (result !== undefined && result !== null) args = Array.isArray(result) ? (result as unknown[]) : [result];
      }
      const watched =
        this.backward.isEmpty && this.backwardPre.isEmpty
          ? undefined
          : new BackwardHook(module, this.backward.all(), this.backwardPre.all());
      if (watched !== undefined) args = watched.watchInputs(args);
      output = forward(args);
      for (const hook of this.forward.all()) {
        called.add(hook);
        output = hook(module, args, output) ?? output;
      }
      return watched === undefined ? output : watched.watchOutputs(output);
    } catch (error) {
      for (const hook of this.forward.all()) {
        if (!this.alwaysCalled.has(hook) || called.has(hook)) continue;
        try {
          output = hook(module, args, output) ?? output;
        } catch (other) {
          process.emitWarning(
            `module forward hook with alwaysCall raised an exception that was silenced as another error was raised in forward: ${String(other)}`,
            'TorchbridgeWarning',
          );
        }
      }
      throw error;
    }
  }
}

/** Lets gradients through, and gives the graph a node on which to see them. */
class BackwardHookFunction extends autograd.Function {
  static forward(ctx: autograd.FunctionCtx, ...tensors: Tensor[]): Tensor[] {
    ctx.markNonDifferentiable(...tensors.filter((each) => !each.requiresGrad));
    return tensors;
  }
  static backward(_ctx: autograd.FunctionCtx, ...gradients: Tensor[]): Tensor[] {
    return gradients;
  }
}

/** Places of the tensors among values, null where the graph does not record them. */
type Places = readonly number[] | null;

const pack = (places: readonly number[], values: ModuleGradients, length: number): (Tensor | null)[] => {
  const packed = new Array<Tensor | null>(length).fill(null);
  for (const [index, place] of places.entries()) packed[place] = values[index] ?? null;
  return packed;
};

/** One call of a module under backward hooks, as torch.utils.hooks.BackwardHook. */
class BackwardHook {
  #gradOutputs: ModuleGradients | null = null;
  #inputs: Places = null;
  #inputCount = 0;
  #outputs: Places = null;
  #outputCount = 0;

  constructor(
    private readonly module: Module,
    private readonly hooks: readonly FullBackwardHook[],
    private readonly preHooks: readonly FullBackwardPreHook[],
  ) {}

  watchInputs(args: readonly unknown[]): readonly unknown[] {
    this.#inputCount = args.length;
    const [watched, places] = this.#apply(args, (node) => {
      node.registerHook((gradInputs) => this.#onInputs(gradInputs));
    });
    this.#inputs = places;
    return watched;
  }

  watchOutputs(output: unknown): unknown {
    const several = Array.isArray(output);
    const outputs: readonly unknown[] = several ? (output as unknown[]) : [output];
    this.#outputCount = outputs.length;
    const [watched, places] = this.#apply(outputs, (node) => {
      node.registerHook((_, gradOutputs) => this.#onOutputs(gradOutputs));
    });
    this.#outputs = places;
    return several ? watched : watched[0];
  }

  #apply(values: readonly unknown[], onNode: (node: autograd.Node) => void): [readonly unknown[], Places] {
    const places = values.flatMap((each, index) => (each instanceof Tensor ? [index] : []));
    const tensors = places.map((place) => values[place] as Tensor);
    if (!isGradEnabled() || !tensors.some((each) => each.requiresGrad)) return [values, null];
    const fresh = BackwardHookFunction.apply(...tensors);
    const node = fresh.map((each) => each.gradFn).find((each) => each?.name === 'BackwardHookFunctionBackward');
    if (!node) throw new TorchError('internal', 'the graph has no node for backward hooks');
    onNode(node);
    const watched = [...values];
    for (const [index, place] of places.entries()) watched[place] = fresh[index];
    return [watched, places];
  }

  #onInputs(gradInputs: ModuleGradients): ModuleGradients | null {
    // Without them the gradient came by a way around the output, as in a double backward.
    if (this.#gradOutputs === null || this.#inputs === null) return null;
    let result: ModuleGradients = pack(this.#inputs, gradInputs, this.#inputCount);
    for (const hook of this.hooks) {
      const given = hook(this.module, result, this.#gradOutputs);
      if (given === null || given === undefined) continue;
      const list = Array.isArray(given) ? (given as ModuleGradients) : [given as unknown as Tensor];
      if (list.length !== result.length) {
        throw new TorchError(
          'runtime',
          `Backward hook returned an invalid number of grad_input, got ${list.length}, but expected ${result.length}`,
        );
      }
      result = list;
    }
    this.#forget();
    return this.#inputs.map((place) => result[place] ?? null);
  }

  #onOutputs(gradOutputs: ModuleGradients): ModuleGradients | null {
    const places = this.#outputs ?? [];
    let given: ModuleGradients = pack(places, gradOutputs, this.#outputCount);
    for (const hook of this.preHooks) {
      const result = hook(this.module, given);
      if (result === null || result === undefined) continue;
      const list = Array.isArray(result) ? (result as ModuleGradients) : [result as unknown as Tensor];
      if (list.length !== given.length) {
        throw new TorchError(
          'runtime',
          `Backward pre hook returned an invalid number of grad_output, got ${list.length}, but expected ${given.length}`,
        );
      }
      given = list;
    }
    if (this.#inputs === null) {
      const none = pack([], [], this.#inputCount);
      for (const hook of this.hooks) {
        const result = hook(this.module, none, given);
        if (result && !result.every((each) => each === null)) {
          throw new TorchError(
            'runtime',
            'Backward hook for Modules where no input requires gradient should always return None or None for all gradients.',
          );
        }
      }
      this.#forget();
    } else {
      this.#remember(given);
    }
    return places.map((place) => given[place] ?? null);
  }

  /** The inputs' hook comes in a later callback, when the tensors of this one are gone: it gets handles of its own. */
  #remember(gradOutputs: ModuleGradients): void {
    this.#forget();
    this.#gradOutputs = gradOutputs.map((each) => (each === null ? null : keep(new Tensor(each))));
  }

  #forget(): void {
    for (const each of this.#gradOutputs ?? []) each?.dispose();
    this.#gradOutputs = null;
  }
}
