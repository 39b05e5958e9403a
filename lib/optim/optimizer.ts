import { Tensor, TorchError, scope } from '../tensor/index.js';
import { meantOption } from '../tensor/option-bag.js';
import {
  loadOptimizerState,
  packOptimizerState,
  type OptimizerStateDict,
  type OptimizerStateLike,
} from './state-dict.js';

/** Tensors with the options by which they are optimized. */
export interface ParamGroup {
  params: Tensor[];
  /** Their names, when the optimizer was given names. */
  paramNames?: string[];
  /** Learning rate. */
  lr: number | Tensor;
  /** The learning rate before any scheduler changed it; set by the first scheduler. */
  initialLr?: number | Tensor;
}

/** A tensor to optimize, alone or with its name as `namedParameters()` gives it. */
export type Param = Tensor | readonly [string, Tensor];

/** What an optimizer is made of: tensors, named tensors, or groups that have options of their own. */
export type Params<Options> = Iterable<Param> | Iterable<GivenGroup<Options>>;

/** A group as the caller writes it: options that are left out come from the optimizer's defaults. */
export type GivenGroup<Options> = { params: Tensor | Iterable<Param> } & Partial<Options>;

/** State of one tensor, under PyTorch's names. */
export type TensorState = Record<string, unknown>;

/**
 * Base of the optimizers: groups of tensors, their options and their state.
 * @see torch.optim.Optimizer
 */
export abstract class Optimizer<Group extends ParamGroup = ParamGroup, Options = object> {
  /** Groups in the order in which they were added. */
  readonly paramGroups: Group[] = [];
  /** State of each tensor that has any; owned by the optimizer. */
  state = new Map<Tensor, TensorState>();
  /** Whether {@link step} has been called since a scheduler follows; schedulers warn when it has not. */
  stepped = false;
  /** Whether {@link step} heeds {@link gradScale} and {@link foundInf}, as fused steps do; a GradScaler asks. */
  stepSupportsAmpScaling = false;
  /** What a fused step divides the gradients by; set by a GradScaler for the time of a step. */
  gradScale: Tensor | null = null;
  /** Float32 of no dimension, above 0 where a fused step is to change nothing; set by a GradScaler for the time of a step. */
  foundInf: Tensor | null = null;
  #followed = false;

  /** @param defaults options of a group that does not say otherwise, in the order of PyTorch's state dict. */
  protected constructor(readonly defaults: Omit<Group, 'params' | 'paramNames' | 'initialLr'>) {}

  /** Adds all groups; for the constructors of subclasses, once they have checked their options. */
  protected addAll(params: Params<Options>): void {
    if (params instanceof Tensor) {
      throw new TorchError(
        'type',
        'params argument given to the optimizer should be an iterable of Tensors or dicts, but got a Tensor',
      );
    }
    if (!isIterable(params)) throw new TorchError('type', `'${typeName(params)}' object is not iterable`);
    const items = [...params];
    if (items.length === 0) throw new TorchError('value', 'optimizer got an empty parameter list');
    const [first] = items;
    if (isGroup(first)) {
      for (const group of items) this.addParamGroup(group as GivenGroup<Options>);
    } else {
      this.addParamGroup({ params: items } as unknown as GivenGroup<Options>);
    }
  }

  /**
   * Adds tensors with options of their own; what is left out comes from the defaults.
   * @throws TorchError `type` or `value` in PyTorch's words.
   */
  addParamGroup(given: GivenGroup<Options>): void {
    if (!isGroup(given))
      throw new TorchError('type', `param_group must be an object with params, but got ${typeName(given)}`);
    // A group may carry names of the caller's own, but Python's spelling of an option would have no effect.
    for (const name of Object.keys(given)) {
      const meant = name in this.defaults ? undefined : meantOption(name, Object.keys(this.defaults));
      if (meant !== undefined)
        throw new TorchError('type', `a parameter group has no option ${name}; did you mean ${meant}?`);
    }
    const { tensors, names } = readParams(given.params);
    const group = { ...(given as object), params: tensors } as unknown as Group;
    if (names !== null) group.paramNames = names;
    for (const tensor of tensors) {
      if (!tensor.isLeaf) throw new TorchError('value', "can't optimize a non-leaf Tensor");
    }
    const options = group as unknown as Record<string, unknown>;
    for (const [name, value] of Object.entries(this.defaults)) {
      if (options[name] === undefined) options[name] = value;
    }
    if (new Set(tensors).size !== tensors.length) {
      process.emitWarning('optimizer contains a parameter group with duplicate parameters');
    }
    for (const other of this.paramGroups) {
      if ((other.paramNames === undefined) !== (group.paramNames === undefined)) {
        throw new TorchError(
          'value',
          'all optimizer param groups should be with/without names. ' +
            `cannot add param group ${group.paramNames === undefined ? 'without names' : 'with names'} to the optimizer`,
        );
      }
    }
    const known = new Set(this.paramGroups.flatMap((other) => other.params));
    if (tensors.some((tensor) => known.has(tensor))) {
      throw new TorchError('value', 'some parameters appear in more than one parameter group');
    }
    this.paramGroups.push(group);
  }

  /** Called by the schedulers: only steps that come after the first of them count as {@link stepped}. */
  followSteps(): void {
    if (!this.#followed) this.stepped = false;
    this.#followed = true;
  }

  /** Changes the tensors by their gradients. */
  abstract step(closure?: () => Tensor): Tensor | null;

  /**
   * Drops the gradients of all tensors.
   * @param options.setToNull false fills them with zeros instead; default true.
   */
  zeroGrad(options: { readonly setToNull?: boolean } = {}): void {
    const toNull = options.setToNull ?? true;
    scope(() => {
      for (const { params } of this.paramGroups) {
        for (const param of params) {
          const grad = param.grad;
          if (grad === null) continue;
          if (toNull) {
            param.grad = null;
          } else {
            if (!grad.isLeaf) grad.detach_();
            else grad.requiresGrad = false;
            grad.zero_();
          }
        }
      }
    });
  }

  /** Options and state in PyTorch's layout and names; tensors are aliases that share storage. */
  stateDict(): OptimizerStateDict {
    return packOptimizerState(this);
  }

  /**
   * Takes over options and state. Tensors are converted to dtype and device of the parameter they belong to.
   * @param state what {@link stateDict} returned, or Python's, read from a file.
   * @throws TorchError `value` when its groups do not match this optimizer's.
   */
  loadStateDict(state: OptimizerStateLike): void {
    loadOptimizerState(this, state);
    for (const group of this.paramGroups) this.completeGroup(group);
  }

  /** Fills in options that older versions did not save. */
  protected completeGroup(_group: Group): void {
    // The base has none.
  }
}

function readParams(given: unknown): { tensors: Tensor[]; names: string[] | null } {
  if (given instanceof Set) {
    throw new TorchError(
      'type',
      'optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will ' +
        'change between runs. Please use a list instead.',
    );
  }
  if (!(given instanceof Tensor) && !isIterable(given)) {
    throw new TorchError('type', `'${typeName(given)}' object is not iterable`);
  }
  const items: unknown[] = given instanceof Tensor ? [given] : [...given];
  const names: string[] = [];
  const values = items.map((item) => {
    if (!Array.isArray(item)) return item;
    names.push(String(item[0]));
    return item[1] as unknown;
  });
  if (names.length !== 0 && names.length !== values.length) {
    throw new TorchError('value', 'all optimizer params should be with/without names. Some param names are missing');
  }
  const tensors = values.map((value) => {
    if (value instanceof Tensor) return value;
    throw new TorchError('type', `optimizer can only optimize Tensors, but one of the params is ${typeName(value)}`);
  });
  return { tensors, names: names.length === 0 ? null : names };
}

function isGroup(value: unknown): value is { params: unknown } {
  return typeof value === 'object' && value !== null && !(value instanceof Tensor) && 'params' in value;
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? value.constructor.name : typeof value;
}
