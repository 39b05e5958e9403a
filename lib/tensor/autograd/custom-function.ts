import { native } from '../../native/load.js';
import { TorchError } from '../errors.js';
import { refusePromise, scope, TensorBase } from '../scope.js';
import { readNumbers, wrap, writeTape } from '../tape.js';
import type { Tensor } from '../tensor.js';
import { noGrad, isGradEnabled } from '../grad-mode.js';
import { Callback, giveBack, onCallback } from './callbacks.js';
import { type CallState, emptyEnded, FunctionCtx, ownStored, stateOf } from './context.js';
import { typeName } from './type-name.js';

/** What backward gives for one argument. */
export type Gradient = Tensor | null | undefined;
/** One gradient an argument of forward (null for what is no tensor, or gets none); a single one may stand without a list. */
export type Gradients = Gradient | readonly Gradient[];

/** The derivatives of a custom function. */
export interface Derivatives<Ctx extends FunctionCtx> {
  readonly name?: string;
  /** @param gradOutputs one an output, zeros where none reaches it (or null, see `setMaterializeGrads`) */
  backward?(ctx: Ctx, ...gradOutputs: Tensor[]): Gradients;
  /** Forward mode. @param tangents one an argument, null for what is no tensor */
  jvp?(ctx: Ctx, ...tangents: (Tensor | null)[]): Gradients;
}

/** A function with a derivative of its own. */
export interface FunctionDefinition<
  Ctx extends FunctionCtx,
  Args extends readonly unknown[],
  Output,
> extends Derivatives<Ctx> {
  forward(ctx: Ctx, ...args: Args): Output;
}

/** The other form: forward knows no context, `setupContext` fills it afterwards. */
export interface SplitDefinition<
  Ctx extends FunctionCtx,
  Args extends readonly unknown[],
  Output,
> extends Derivatives<Ctx> {
  forward(...args: Args): Output;
  setupContext(ctx: Ctx, inputs: Args, output: Output): void;
}

interface AnyDefinition extends Derivatives<FunctionCtx> {
  forward(...args: readonly unknown[]): unknown;
  setupContext?(ctx: FunctionCtx, inputs: readonly unknown[], output: unknown): void;
}

const definitions = new WeakMap<FunctionCtx, { definition: AnyDefinition; name: string }>();

function definitionOf(ctx: FunctionCtx): { definition: AnyDefinition; name: string } {
  const found = definitions.get(ctx);
  if (found === undefined) throw new TorchError('internal', 'the context belongs to no custom function');
  return found;
}

const isTensor = (value: unknown): value is TensorBase => value instanceof TensorBase;
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : [value]);

function checkTensors(values: readonly unknown[], message: (index: number, type: string) => string): void {
  for (const [index, value] of values.entries()) {
    if (!isTensor(value)) throw new TorchError('type', message(index, typeName(value)));
  }
}

/** Runs forward as PyTorch does: without recording, then ties its outputs to the node. */
export function applyFunction(definition: AnyDefinition, args: readonly unknown[], name: string): unknown {
  emptyEnded();
  return scope(() => {
    const state: CallState = {
      id: -1,
      executable: false,
      isTensor: args.map(isTensor),
      needsInputGrad: [],
      toSave: [],
      forForward: undefined,
      dirty: [],
      flat: [],
      materialize: true,
      forwardDone: false,
      owned: [],
    };
    const ctx = new FunctionCtx(state);
    definitions.set(ctx, { definition, name });
    writeTape(args.map((each) => (isTensor(each) ? each : null)));
    state.id = native.functionBegin(ctx, name);
    const [executable = 0, ...needs] = readNumbers(args.length + 1);
    state.executable = executable !== 0;
    state.needsInputGrad = needs.map((each) => each !== 0);
    let running = true;
    try {
      const split = definition.setupContext !== undefined;
      const raw = split ? definition.forward(...args) : definition.forward(ctx, ...args);
      refusePromise(raw, `the forward of ${name}`);
      definition.setupContext?.(ctx, args, raw);
      const outputs = listOf(raw);
      writeOutputs(state, outputs, name);
      running = false;
      const slots = native.functionEnd(state.id, state.materialize, split);
      state.forForward = undefined;
      state.forwardDone = true;
      if (state.executable) ownStored(ctx, new Set(outputs));
      const wrapped = outputs.map((output, index) => {
        const slot = slots[index] ?? -1;
        return slot < 0 ? output : wrap(slot);
      });
      return Array.isArray(raw) ? wrapped : wrapped[0];
    } finally {
      if (running) native.functionAbort(state.id);
    }
  });
}

function writeOutputs(state: CallState, outputs: readonly unknown[], name: string): void {
  checkTensors(
    state.dirty,
    (index, type) => `mark_dirty can only accept variables, but argument ${index} is of type ${type}`,
  );
  checkTensors(state.flat, (_, type) => `mark_non_differentiable only accepts variable arguments, but got ${type}`);
  const saved = state.executable ? state.toSave : [];
  for (const [index, value] of saved.entries()) {
    if (value === null || value === undefined || isTensor(value)) continue;
    throw new TorchError(
      'type',
      `save_for_backward can only save variables, but argument ${index} is of type ${typeName(value)}`,
    );
  }
  if (outputs.some((each) => isTensor(each) && each.isDisposed)) {
    throw new TorchError('disposed', `the forward of ${name} returned a tensor that was released`);
  }
  writeTape(
    outputs.map((each) => (isTensor(each) ? each : null)),
    state.dirty,
    state.flat,
    saved,
  );
  state.toSave = [];
  state.dirty = [];
  state.flat = [];
}

onCallback(Callback.Backward, (object, gradients) => {
  const ctx = object as FunctionCtx;
  const { definition, name } = definitionOf(ctx);
  if (definition.backward === undefined) {
    throw new TorchError(
      'notImplemented',
      'You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD.',
    );
  }
  const result = definition.backward(ctx, ...(gradients as Tensor[]));
  refusePromise(result, `the backward of ${name}`);
  const list = listOf(result);
  const expected = stateOf(ctx).isTensor;
  if (
    list.length > expected.length &&
    list.slice(expected.length).every((each) => each === null || each === undefined)
  ) {
    list.length = expected.length;
  }
  if (list.length !== expected.length) {
    throw new TorchError(
      'runtime',
      `function ${name} returned an incorrect number of gradients (expected ${expected.length}, got ${list.length})`,
    );
  }
  const kept: (TensorBase | null)[] = [];
  for (const [index, each] of list.entries()) {
    const none = each === null || each === undefined;
    if (expected[index] !== true) {
      if (none) continue;
      throw new TorchError(
        'runtime',
        `function ${name} returned a gradient different than None at position ${index + 1}, but the corresponding forward input was not a Variable`,
      );
    }
    if (!none && !isTensor(each)) {
      throw new TorchError('runtime', `expected Variable or None (got ${typeName(each)})`);
    }
    kept.push(none ? null : each);
  }
  giveBack(kept);
  ownStored(ctx, new Set(list));
});

onCallback(Callback.Jvp, (object, tangents) => {
  const ctx = object as FunctionCtx;
  const { definition } = definitionOf(ctx);
  if (definition.jvp === undefined) {
    throw new TorchError(
      'notImplemented',
      'You must implement the jvp function for custom autograd.Function to use it with forward mode AD.',
    );
  }
  let next = 0;
  const given = stateOf(ctx).isTensor.map((tensor) => (tensor ? (tangents[next++] ?? null) : null));
  const list = listOf(definition.jvp(ctx, ...(given as (Tensor | null)[])));
  giveBack(
    list.map((each, index) => {
      if (each === null || each === undefined) return null;
      if (isTensor(each)) return each;
      throw new TorchError('runtime', `expected Variable or None (got ${typeName(each)}) for grad output ${index}.`);
    }),
  );
});

/**
 * Base of functions with a derivative of their own: a subclass has static `forward` and `backward` (and `jvp`, for forward mode).
 * ```ts
 * class Exp extends autograd.Function {
 *   static forward(ctx: autograd.FunctionCtx, x: Tensor): Tensor {
 *     const y = x.exp();
 *     ctx.saveForBackward(y);
 *     return y;
 *   }
 *   static backward(ctx: autograd.FunctionCtx, gradient: Tensor): Tensor {
 *     return gradient.mul(ctx.savedTensors[0]!);
 *   }
 * }
 * const y = Exp.apply(x);
 * ```
 * forward runs without recording; what it makes and neither returns, saves nor stores on the context is freed when it ends.
 * backward is recorded when `createGraph` is on. Arguments may be anything; only tensors that stand directly among them are
 * differentiated. Several outputs are an array.
 * @see torch.autograd.Function
 */
export abstract class CustomFunction {
  /** Functions are static: an instance has no forward to call. */
  protected call(): never {
    throw new TorchError(
      'runtime',
      'Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function with static forward method.',
    );
  }

  /** Calls the function. The node is named after the class: `ExpBackward`. */
  static apply<Ctx extends FunctionCtx, Args extends unknown[], Output>(
    this: SplitDefinition<Ctx, Args, Output> & { readonly name: string },
    ...args: Args
  ): Output;
  static apply<Ctx extends FunctionCtx, Args extends unknown[], Output>(
    this: FunctionDefinition<Ctx, Args, Output> & { readonly name: string },
    ...args: Args
  ): Output;
  static apply(this: unknown, ...args: unknown[]): unknown {
    const definition = this as AnyDefinition & { readonly name: string };
    if (typeof definition.forward !== 'function') {
      throw new TorchError('notImplemented', 'You must implement the forward function for custom autograd.Function.');
    }
    return applyFunction(definition, args, `${definition.name}Backward`);
  }
}

/**
 * The same from an object: returns the function to call.
 * ```ts
 * const exp = autograd.customFunction({ name: 'Exp', forward(ctx, x: Tensor) { … }, backward(ctx, gradient) { … } });
 * const y = exp(x);
 * ```
 */
export function customFunction<Args extends unknown[], Output, Ctx extends FunctionCtx = FunctionCtx>(
  definition: FunctionDefinition<Ctx, Args, Output>,
): (...args: Args) => Output {
  const name = `${definition.name ?? 'CustomFunction'}Backward`;
  return (...args) => applyFunction(definition, args, name) as Output;
}

/**
 * Marks a backward that cannot be differentiated itself: it runs without recording, and a second derivative through it is an error.
 * ```ts
 * static backward = autograd.onceDifferentiable((ctx: autograd.FunctionCtx, gradient: Tensor) => …);
 * ```
 * @see torch.autograd.function.once_differentiable
 */
export function onceDifferentiable<Ctx extends FunctionCtx, Given extends unknown[]>(
  backward: (ctx: Ctx, ...gradOutputs: Given) => Gradients,
): (ctx: Ctx, ...gradOutputs: Given) => Gradients {
  return (ctx, ...gradOutputs) => {
    const outputs = noGrad(() => backward(ctx, ...gradOutputs));
    const recorded = isGradEnabled() && gradOutputs.some((each) => isTensor(each) && native.requiresGrad(each.handle));
    if (!recorded) return outputs;
    const fakes = listOf(outputs).map((each) => {
      if (!isTensor(each)) return each;
      const fake = (each as Tensor).detach();
      fake.requiresGrad = true;
      return fake;
    });
    return applyFunction(delayedError, fakes, 'Error') as Gradients;
  };
}

const delayedError: AnyDefinition = {
  forward: (_ctx, ...tensors: readonly unknown[]) => tensors,
  backward: () => {
    throw new TorchError(
      'runtime',
      'trying to differentiate twice a function that was marked with @once_differentiable',
    );
  },
};
