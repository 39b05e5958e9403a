import { enableGrad, keep, noGrad, ops, scope, Tensor, tensor, TorchError } from '../tensor/index.js';
import { Optimizer, type ParamGroup, type Params, type TensorState } from './optimizer.js';
import { checkGroup, type CommonOptions } from './step-options.js';
import { checkFusedParam, deviceType, groupByKind, pathOf, pick } from './step-path.js';

/** A group of an optimizer with state: the options that all of them have. */
export type StatefulGroup = ParamGroup &
  Required<Omit<CommonOptions, 'capturable'>> & { capturable?: boolean; fused?: boolean | null };

/** A tensor to change, its gradient, and its state under PyTorch's names. */
export interface Entry<Name extends string> {
  readonly param: Tensor;
  readonly grad: Tensor;
  readonly state: Record<Name, Tensor>;
}

/** The same of all tensors of a device and dtype, side by side. */
export interface Batch<Name extends string> {
  readonly params: Tensor[];
  readonly grads: Tensor[];
  readonly states: Record<Name, Tensor[]>;
}

/**
 * Base of the optimizers that keep tensors beside each parameter: it gathers the parameters that have a gradient, makes
 * their state when it is first needed, and takes the path that PyTorch would take.
 */
export abstract class StatefulOptimizer<
  Group extends StatefulGroup,
  Options extends object,
  Name extends string,
> extends Optimizer<Group, Options> {
  /** @param what names the class in messages. */
  protected constructor(
    protected readonly what: string,
    params: Params<Options>,
    defaults: Omit<Group, 'params' | 'paramNames' | 'initialLr'>,
  ) {
    super(defaults);
    this.addAll(params);
    const { fused, foreach, differentiable } = defaults as unknown as StatefulGroup;
    if (fused === true) {
      this.stepSupportsAmpScaling = true;
      if (differentiable) throw new TorchError('runtime', '`fused` does not support `differentiable`');
      if (foreach === true) throw new TorchError('runtime', '`fused` and `foreach` cannot be `True` together.');
    }
    if (differentiable) {
      throw new TorchError('notImplemented', `${what}: differentiable is not supported; leave it out`);
    }
  }

  /** @internal The states that a group's tensors have, in PyTorch's order. */
  protected abstract stateNames(group: Group): readonly Name[];

  /** @internal The state of a tensor before its first step. Runs in a scope. */
  protected abstract newState(param: Tensor, grad: Tensor | null, group: Group): Partial<Record<Name, Tensor>>;

  /** @internal The step of one tensor. Runs in a scope of its own. */
  protected abstract single(entry: Entry<Name>, group: Group): void;

  /** @internal The step of many tensors of a kind, complex ones as real. Runs in a scope of its own. */
  protected abstract multi(batch: Batch<Name>, group: Group): void;

  /** @internal The step of many tensors of a kind in one kernel, where there is one. */
  protected fusedStep(_batch: Batch<Name>, _group: Group): void {
    throw new TorchError('notImplemented', `${this.what} has no fused kernel`);
  }

  /** PyTorch's words for `capturable` on a device that captures no graphs. */
  protected capturableNeeds(foreach: boolean): { readonly what: string; readonly xla: boolean } {
    return { what: 'params and state_steps', xla: !foreach };
  }

  /**
   * One step.
   * @param closure computes the loss anew, gradients included, before the step.
   * @returns what `closure` returned, else null.
   * @throws TorchError `runtime` in PyTorch's words for sparse gradients, and for options that exclude one another.
   */
  step(closure?: () => Tensor): Tensor | null {
    this.stepped = true;
    const loss = closure === undefined ? null : enableGrad(closure);
    noGrad(() =>
      scope(() => {
        for (const group of this.paramGroups) this.#stepGroup(group);
      }),
    );
    return loss;
  }

  #stepGroup(group: Group): void {
    checkGroup(this.what, group, this.defaults);
    const names = this.stateNames(group);
    const entries: Entry<Name>[] = [];
    for (const param of group.params) {
      const { grad } = param;
      if (grad === null) continue;
      if (grad.layout !== 'strided') throw new TorchError('runtime', this.sparseRefusal());
      if (group.fused === true) checkFusedParam(param);
      entries.push({ param, grad, state: this.#stateOf(param, grad, group, names) });
    }
    const params = entries.map(({ param }) => param);
    const path = this.choosePath(group, params);
    if (group.capturable === true && params.length > 0) this.#refuseCapturable(params[0]!, path.foreach);
    if (!path.foreach && !path.fused) {
      for (const entry of entries) {
        scope(() => {
          this.single(entry, group);
        });
      }
      return;
    }
    for (const indices of groupByKind(params)) {
      const batch = batchOf(pick(entries, indices), names);
      scope(() => {
        if (path.fused) this.fusedStep(batch, group);
        else this.multi(realBatch(batch), group);
      });
    }
  }

  /** @internal The path of a group; `params` are those that have a gradient. */
  protected choosePath(group: Group, params: readonly Tensor[]): { foreach: boolean; fused: boolean } {
    return pathOf(group, params);
  }

  /** PyTorch's words for a sparse gradient. */
  protected sparseRefusal(): string {
    return `${this.what} does not support sparse gradients`;
  }

  #refuseCapturable(param: Tensor, foreach: boolean): void {
    const { what, xla } = this.capturableNeeds(foreach);
    if (deviceType(param) !== 'cpu') {
      const text = `${this.what}: capturable is for steps within CUDA graphs, which are not supported; leave it out`;
      throw new TorchError('notImplemented', text);
    }
    const devices = `'cuda', 'xpu', 'hpu', 'privateuseone'${xla ? ", 'xla'" : ''}`;
    throw new TorchError('runtime', `If capturable=True, ${what} must be on supported devices: [${devices}].`);
  }

  #stateOf(param: Tensor, grad: Tensor, group: Group, names: readonly Name[]): Record<Name, Tensor> {
    let state = this.state.get(param);
    if (state === undefined || Object.keys(state).length === 0) state = this.makeState(param, grad, group);
    for (const name of names) {
      if (state[name] instanceof Tensor) continue;
      throw new TorchError('value', `Expected a tensor for ${name} in the state of a parameter but received none`);
    }
    return state as Record<Name, Tensor>;
  }

  /** Makes the state of a tensor, which the optimizer owns from then on. */
  protected makeState(param: Tensor, grad: Tensor | null, group: Group): TensorState {
    const state: TensorState = noGrad(() => scope(() => this.newState(param, grad, group)));
    for (const value of Object.values(state)) keep(value as Tensor);
    this.state.set(param, state);
    return state;
  }

  /** Older versions saved numbers where there are tensors now. */
  protected override completeGroup(group: Group): void {
    for (const [name, value] of Object.entries(this.lateOptions())) {
      const options = group as unknown as Record<string, unknown>;
      if (options[name] === undefined) options[name] = value;
    }
    for (const param of group.params) {
      const state = this.state.get(param);
      if (state === undefined) continue;
      for (const name of this.formerNumbers()) {
        const value = state[name];
        if (typeof value !== 'number') continue;
        const device = this.onDevice(group) ? param.device : 'cpu';
        state[name] = keep(tensor(value, { dtype: 'float32', device }));
      }
    }
  }

  /** Options that older versions did not save, with what they meant. */
  protected lateOptions(): Record<string, unknown> {
    return { foreach: null, maximize: false, differentiable: false, capturable: false };
  }

  /** States that older versions saved as numbers. */
  protected formerNumbers(): readonly string[] {
    return ['step'];
  }

  /** Whether counters live on the parameter's device, not on the CPU. */
  protected onDevice(group: Group): boolean {
    return group.capturable === true || group.fused === true;
  }

  /** A counter of steps. */
  protected newStep(param: Tensor, group: Group, value = 0): Tensor {
    return tensor(value, { dtype: 'float32', device: this.onDevice(group) ? param.device : 'cpu' });
  }
}

function batchOf<Name extends string>(entries: readonly Entry<Name>[], names: readonly Name[]): Batch<Name> {
  const states = names.map((name) => [name, entries.map(({ state }) => state[name])] as const);
  return {
    params: entries.map(({ param }) => param),
    grads: entries.map(({ grad }) => grad),
    states: Object.fromEntries(states) as Record<Name, Tensor[]>,
  };
}

/** An entry whose complex tensors are seen as real ones, with a last dimension of two; a real one as it is. */
export function realEntry<Name extends string>(entry: Entry<Name>): Entry<Name> {
  if (!isComplex(entry.param)) return entry;
  const states = Object.entries(entry.state) as [Name, Tensor][];
  return {
    param: realView(entry.param),
    grad: realView(entry.grad),
    state: Object.fromEntries(states.map(([name, state]) => [name, realView(state)])) as Record<Name, Tensor>,
  };
}

function realBatch<Name extends string>(batch: Batch<Name>): Batch<Name> {
  if (!batch.params.some(isComplex)) return batch;
  const states = Object.entries(batch.states) as [Name, Tensor[]][];
  return {
    params: batch.params.map(realView),
    grads: batch.grads.map(realView),
    states: Object.fromEntries(states.map(([name, list]) => [name, list.map(realView)])) as Record<Name, Tensor[]>,
  };
}

function isComplex(tensor: Tensor): boolean {
  return tensor.dtype.startsWith('complex');
}

function realView(tensor: Tensor): Tensor {
  return isComplex(tensor) ? ops.viewAsReal(tensor) : tensor;
}
