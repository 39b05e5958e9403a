import { pyPow } from '../tensor/python-float.js';
import { ops, Tensor, TorchError } from '../tensor/index.js';
import {
  directionOf,
  directionsOf,
  drop,
  each,
  eachFused_,
  eachLerp_,
  eachMaximum_,
  eachWith_,
  uncount,
} from './foreach.js';
import type { ParamGroup, Params } from './optimizer.js';
import { from, numberIn, over, scalarIn, times } from './rates.js';
import { type Batch, type Entry, realEntry, StatefulOptimizer } from './stateful-optimizer.js';
import { checkBetas, checkLeast0, checkRate, type CommonOptions, refuse, withDefaults } from './step-options.js';
import { pathOf, scalingOn, type StepPath } from './step-path.js';

/** Options of {@link AdamW}, for the whole optimizer or for a group. The learning rate is 0.001 by default. */
export interface AdamWOptions extends CommonOptions {
  /** How much of the averages of gradients and of their squares lives on; default 0.9 and 0.999. */
  betas?: readonly [number, number];
  /** Added to the denominator; default 1e-8. */
  eps?: number;
  /** How much smaller weights get in each step; default 0.01, for {@link Adam} 0. */
  weightDecay?: number;
  /** Divide by the largest average of squares so far; default false. */
  amsgrad?: boolean;
  /** One kernel for the whole step; null means no. */
  fused?: boolean | null;
}

/** Options of {@link Adam}, for the whole optimizer or for a group. The learning rate is 0.001 by default. */
export interface AdamOptions extends AdamWOptions {
  /** Weight decay of the weights themselves, as {@link AdamW} has it, in place of an L2 penalty; default false. */
  decoupledWeightDecay?: boolean;
}

/** A group of {@link Adam} or {@link AdamW}: its tensors and every option. */
export type AdamGroup = ParamGroup & Required<AdamOptions>;

type Name = 'step' | 'exp_avg' | 'exp_avg_sq' | 'max_exp_avg_sq';

const DEFAULTS: Required<AdamOptions> = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  amsgrad: false,
  maximize: false,
  foreach: null,
  capturable: false,
  differentiable: false,
  fused: null,
  decoupledWeightDecay: false,
};

const NO_TENSOR_RATE = 'lr as a Tensor is not supported for capturable=False and foreach=True';

/** What {@link Adam} and {@link AdamW} share. */
abstract class AdamFamily<Options extends AdamWOptions> extends StatefulOptimizer<AdamGroup, Options, Name> {
  protected constructor(what: string, params: Params<Options>, options: Required<AdamOptions>) {
    const { lr, betas, eps, weightDecay, foreach, capturable } = options;
    if (lr instanceof Tensor && foreach === true && !capturable) refuse(NO_TENSOR_RATE);
    checkRate(lr);
    checkLeast0('epsilon value', eps);
    checkBetas(betas);
    checkLeast0('weight_decay value', weightDecay);
    super(what, params, options);
  }

  /** @internal */
  protected override stateNames({ amsgrad }: AdamGroup): readonly Name[] {
    return amsgrad ? ['step', 'exp_avg', 'exp_avg_sq', 'max_exp_avg_sq'] : ['step', 'exp_avg', 'exp_avg_sq'];
  }

  /** @internal */
  protected override newState(param: Tensor, _grad: Tensor | null, group: AdamGroup): Partial<Record<Name, Tensor>> {
    const [exp_avg, exp_avg_sq] = [ops.zerosLike(param), ops.zerosLike(param)];
    const state = { step: this.newStep(param, group), exp_avg, exp_avg_sq };
    return group.amsgrad ? { ...state, max_exp_avg_sq: ops.zerosLike(param) } : state;
  }

  protected override lateOptions(): Record<string, unknown> {
    return { ...super.lateOptions(), amsgrad: false, decoupledWeightDecay: false, fused: null };
  }

  protected override sparseRefusal(): string {
    return 'Adam does not support sparse gradients, please consider SparseAdam instead';
  }

  /** @internal */
  protected override choosePath(group: AdamGroup, params: readonly Tensor[]): StepPath {
    const tensorRate = group.lr instanceof Tensor && !group.capturable;
    if (group.foreach === true && tensorRate && params.length > 0) throw new TorchError('runtime', NO_TENSOR_RATE);
    const path = pathOf(group, params);
    return group.foreach === null && tensorRate ? { ...path, foreach: false } : path;
  }

  /** @internal */
  protected override single(entry: Entry<Name>, group: AdamGroup): void {
    const { betas, eps, weightDecay, amsgrad, maximize, decoupledWeightDecay } = group;
    const [beta1, beta2] = betas;
    const lr = scalarIn(group.lr);
    entry.state.step.add_(1);
    if (decoupledWeightDecay && weightDecay !== 0) entry.param.mul_(from(1, times(lr, weightDecay)));
    const direction = { maximize, weightDecay: decoupledWeightDecay ? 0 : weightDecay };
    const { param, grad, state } = realEntry({ ...entry, grad: directionOf(entry.param, entry.grad, direction) });
    const { exp_avg: average, exp_avg_sq: squares, max_exp_avg_sq: largest } = state;
    average.lerp_(grad, 1 - beta1);
    squares.mul_(beta2).addcmul_(grad, grad, { value: 1 - beta2 });
    const step = state.step.item();
    const size = over(lr, 1 - pyPow(beta1, step));
    const root = pyPow(1 - pyPow(beta2, step), 0.5);
    if (amsgrad) ops.aten('maximum.out', largest, squares, { out: largest });
    const denominator = (amsgrad ? largest : squares).sqrt().div(root).add_(eps);
    param.addcdiv_(average, denominator, { value: -numberIn(size) });
  }

  /** @internal */
  protected override multi({ params, grads: given, states }: Batch<Name>, group: AdamGroup): void {
    const { betas, eps, weightDecay, amsgrad, maximize, decoupledWeightDecay } = group;
    const [beta1, beta2] = betas;
    const lr = numberIn(group.lr);
    const { step: steps, exp_avg: averages, exp_avg_sq: squares } = states;
    eachWith_('add', steps, 1);
    if (decoupledWeightDecay && weightDecay !== 0) eachWith_('mul', params, 1 - lr * weightDecay);
    const direction = { maximize, weightDecay: decoupledWeightDecay ? 0 : weightDecay };
    const { grads, own } = directionsOf(params, given, direction);
    eachLerp_(averages, grads, 1 - beta1);
    eachWith_('mul', squares, beta2);
    eachFused_('addcmul', squares, grads, grads, 1 - beta2);
    if (own) drop(grads);
    const counts = steps.map((step) => step.item());
    const sizes = counts.map((count) => (lr / (1 - pyPow(beta1, count))) * -1);
    const roots = counts.map((count) => pyPow(1 - pyPow(beta2, count), 0.5));
    if (amsgrad) eachMaximum_(states.max_exp_avg_sq, squares);
    const denominators = each('sqrt', amsgrad ? states.max_exp_avg_sq : squares);
    eachWith_('div', denominators, roots);
    eachWith_('add', denominators, eps);
    eachFused_('addcdiv', params, averages, denominators, sizes);
  }

  /** @internal */
  protected override fusedStep({ params, grads, states }: Batch<Name>, group: AdamGroup): void {
    const { betas, eps, weightDecay, amsgrad, maximize, decoupledWeightDecay } = group;
    const device = params[0]!.device;
    const lr = group.lr instanceof Tensor && group.lr.device !== 'cpu' ? group.lr.to(device) : group.lr;
    const scaling = scalingOn(this, device);
    eachWith_('add', states.step, 1);
    const name = decoupledWeightDecay ? '_fused_adamw_' : '_fused_adam_';
    const largest = amsgrad ? states.max_exp_avg_sq : [];
    const operator = lr instanceof Tensor ? `${name}.tensor_lr` : name;
    ops.aten(operator, params, grads, states.exp_avg, states.exp_avg_sq, largest, states.step, {
      amsgrad,
      lr,
      beta1: betas[0],
      beta2: betas[1],
      weightDecay,
      eps,
      maximize,
      ...scaling,
    });
    uncount(states.step, scaling);
  }
}

/**
 * Adam, in the same operators and the same order as PyTorch's.
 * ```ts
 * const optimizer = new Adam(model.parameters(), { lr: 3e-4, betas: [0.9, 0.95] });
 * ```
 * @see torch.optim.Adam
 */
export class Adam extends AdamFamily<AdamOptions> {
  /**
   * @param params tensors, `namedParameters()`, or groups `{ params, ...options }`.
   * @throws TorchError `value`, `type` or `runtime` in PyTorch's words.
   */
  constructor(params: Params<AdamOptions>, options: AdamOptions = {}) {
    super('Adam', params, withDefaults('Adam', options, DEFAULTS));
  }
}

/**
 * Adam with weight decay of the weights themselves, which does not enter the averages.
 * @see torch.optim.AdamW
 */
export class AdamW extends AdamFamily<AdamWOptions> {
  /**
   * @param params tensors, `namedParameters()`, or groups `{ params, ...options }`.
   * @throws TorchError `value`, `type` or `runtime` in PyTorch's words.
   */
  constructor(params: Params<AdamWOptions>, options: AdamWOptions = {}) {
    const { decoupledWeightDecay: _, ...defaults } = DEFAULTS;
    const all = withDefaults<AdamWOptions>('AdamW', options, { ...defaults, weightDecay: 1e-2 });
    super('AdamW', params, { ...all, decoupledWeightDecay: true });
  }

  /** A state of {@link Adam} goes on as one of AdamW. */
  protected override completeGroup(group: AdamGroup): void {
    super.completeGroup(group);
    group.decoupledWeightDecay = true;
  }
}
