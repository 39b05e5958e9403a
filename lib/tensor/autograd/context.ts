import { native } from '../../native/load.js';
import { TorchError } from '../errors.js';
import { currentScope, detachFromScope, TensorBase } from '../scope.js';
import { wrap, writeTape } from '../tape.js';
import type { Tensor } from '../tensor.js';

/** What the bridge knows of one call of a custom function. */
export interface CallState {
  /** The addon's number of the node. */
  id: number;
  /** Whether the graph records the call. */
  executable: boolean;
  /** Whether each argument is a tensor. */
  isTensor: readonly boolean[];
  needsInputGrad: readonly boolean[];
  toSave: readonly unknown[];
  forForward: readonly (Tensor | null)[] | undefined;
  dirty: readonly unknown[];
  flat: readonly unknown[];
  materialize: boolean;
  forwardDone: boolean;
  /** Tensors that properties of the context hold: they live as long as the node. */
  owned: TensorBase[];
}

const states = new WeakMap<FunctionCtx, CallState>();

export function stateOf(ctx: FunctionCtx): CallState {
  const state = states.get(ctx);
  if (state === undefined) throw new TorchError('type', 'Expected the context of a custom function');
  return state;
}

/**
 * What forward leaves for backward. Any other property that forward sets on it is there in backward too; tensors among them
 * live as long as the graph does (an output of the function must go through {@link saveForBackward} instead).
 * @see torch.autograd.function.FunctionCtx
 */
export class FunctionCtx {
  /** @internal */
  constructor(state: CallState) {
    states.set(this, state);
  }

  /** Whether each argument of forward needs a gradient; false for what is no tensor. */
  get needsInputGrad(): readonly boolean[] {
    return stateOf(this).needsInputGrad;
  }

  /**
   * Saves inputs, outputs or intermediate tensors (null stays null) for backward. Changing one in place before backward is an
   * error there; backward frees them, unless it retains the graph.
   */
  saveForBackward(...tensors: readonly (Tensor | null | undefined)[]): void {
    stateOf(this).toSave = tensors;
  }

  /** Gives tensors to `jvp`, as {@link savedTensors}. */
  saveForForward(...tensors: readonly (Tensor | null)[]): void {
    for (const tensor of tensors) {
      if (tensor !== null && !(tensor instanceof TensorBase)) {
        throw new TorchError(
          'type',
          'save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes on ctx.',
        );
      }
    }
    stateOf(this).forForward = tensors;
  }

  /**
   * What {@link saveForBackward} saved, as it was then.
   * @throws TorchError `runtime` when one was changed in place meanwhile, or backward has freed them.
   */
  get savedTensors(): Tensor[] {
    const state = stateOf(this);
    // Null stands for null where it was saved; the usual case has none, and would otherwise need a check at every use.
    if (state.forForward !== undefined) return state.forForward as Tensor[];
    if (!state.forwardDone || !state.executable) return [];
    return native.functionSaved(state.id).map((slot) => (slot < 0 ? null : wrap(slot))) as Tensor[];
  }

  /** Says that forward has changed these inputs in place; they must be among its outputs. */
  markDirty(...inputs: readonly Tensor[]): void {
    stateOf(this).dirty = inputs;
  }

  /** Says that these outputs have no derivative. */
  markNonDifferentiable(...outputs: readonly Tensor[]): void {
    stateOf(this).flat = outputs;
  }

  /** Whether backward gets zeros instead of null for outputs that no gradient reaches; default true. */
  setMaterializeGrads(value: boolean): void {
    stateOf(this).materialize = value;
  }
}

/** What a saved-tensor hook has packed, and the tensors in it that live as long as the graph holds it. */
export class Packed {
  owned: readonly TensorBase[] = [];
  constructor(
    readonly value: unknown,
    readonly unpack: (value: unknown) => unknown,
  ) {}
}

/** Tensors that something in the graph owned, after that has gone: their objects are emptied. */
export function emptyEnded(): void {
  for (const ended of native.takeEnded() as (FunctionCtx | Packed)[]) {
    const owner = ended instanceof Packed ? ended : stateOf(ended);
    for (const tensor of owner.owned) tensor.dispose();
    owner.owned = [];
  }
}

/**
 * Makes the tensors in the context's properties the node's own: those of the running scope as they are, those of scopes around it
 * through a handle of their own (the property is exchanged).
 * @param outputs stay what they are: owned by the node that they themselves own, they could never be freed.
 */
export function ownStored(ctx: FunctionCtx, outputs: ReadonlySet<unknown>): void {
  const state = stateOf(ctx);
  const fresh: TensorBase[] = [];
  const own = (value: unknown): unknown => {
    if (!(value instanceof TensorBase) || value.isDisposed || value.owner === null || outputs.has(value)) return value;
    const mine = value.owner === currentScope() ? value : wrap(native.share(value.handle));
    detachFromScope(mine);
    fresh.push(mine);
    return mine;
  };
  const record = ctx as unknown as Record<string, unknown>;
  for (const [name, value] of Object.entries(record)) {
    if (value instanceof TensorBase) {
      const mine = own(value);
      if (mine !== value) record[name] = mine;
    } else if (Array.isArray(value)) {
      record[name] = value.map(own);
    }
  }
  if (fresh.length === 0) return;
  state.owned.push(...fresh);
  writeTape(fresh);
  native.functionOwn(state.id);
}
