import { pyPow } from '../tensor/python-float.js';
import { ops, type Tensor } from '../tensor/index.js';
import {
  directionOf,
  directionsOf,
  drop,
  each,
  each_,
  eachFused_,
  eachLerp_,
  eachWith_,
  type Operand,
} from './foreach.js';
import type { ParamGroup, Params } from './optimizer.js';
import { from, over, type Rate, scalarIn, times } from './rates.js';
import { type Batch, type Entry, realEntry, StatefulOptimizer } from './stateful-optimizer.js';
import { checkBetas, checkLeast0, checkRate, type CommonOptions, withDefaults } from './step-options.js';

/** Options of {@link RAdam}, for the whole optimizer or for a group. The learning rate is 0.001 by default. */
export interface RAdamOptions extends CommonOptions {
  /** How much of the averages of gradients and of their squares lives on; default 0.9 and 0.999. */
  betas?: readonly [number, number];
  /** Added to the denominator; default 1e-8. */
  eps?: number;
  /** L2 penalty, or with `decoupledWeightDecay` how much smaller weights get in each step; default 0. */
  weightDecay?: number;
  /** Weight decay of the weights themselves, in place of an L2 penalty; default false. */
  decoupledWeightDecay?: boolean;
}

/** A group of {@link RAdam}: its tensors and every option. */
export type RAdamGroup = ParamGroup & Required<RAdamOptions>;

type Name = 'step' | 'exp_avg' | 'exp_avg_sq';

const NAMES: readonly Name[] = ['step', 'exp_avg', 'exp_avg_sq'];

const DEFAULTS: Required<RAdamOptions> = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  maximize: false,
  foreach: null,
  capturable: false,
  decoupledWeightDecay: false,
  differentiable: false,
};

/**
 * Adam whose first steps do without the squares of the gradients, until these are known well enough.
 * @see torch.optim.RAdam
 */
export class RAdam extends StatefulOptimizer<RAdamGroup, RAdamOptions, Name> {
  /**
   * @param params tensors, `namedParameters()`, or groups `{ params, ...options }`.
   * @throws TorchError `value` or `type` in PyTorch's words.
   */
  constructor(params: Params<RAdamOptions>, options: RAdamOptions = {}) {
    const all = withDefaults('RAdam', options, DEFAULTS);
    checkRate(all.lr);
    checkLeast0('epsilon value', all.eps);
    checkBetas(all.betas);
    checkLeast0('weight_decay value', all.weightDecay);
    super('RAdam', params, all);
  }

  /** @internal */
  protected override stateNames(): readonly Name[] {
    return NAMES;
  }

  /** @internal */
  protected override newState(param: Tensor, _grad: Tensor | null, group: RAdamGroup): Record<Name, Tensor> {
    const [exp_avg, exp_avg_sq] = [ops.zerosLike(param), ops.zerosLike(param)];
    return { step: this.newStep(param, group), exp_avg, exp_avg_sq };
  }

  protected override lateOptions(): Record<string, unknown> {
    return { ...super.lateOptions(), decoupledWeightDecay: false };
  }

  /** @internal */
  protected override single(entry: Entry<Name>, group: RAdamGroup): void {
    const { betas, eps, weightDecay, decoupledWeightDecay, maximize } = group;
    const [beta1, beta2] = betas;
    const lr = scalarIn(group.lr);
    const { param, grad: given, state } = realEntry(entry);
    const { exp_avg: average, exp_avg_sq: squares } = state;
    state.step.add_(1);
    const step = state.step.item();
    if (decoupledWeightDecay && weightDecay !== 0) param.mul_(from(1, times(lr, weightDecay)));
    const grad = directionOf(param, given, { maximize, weightDecay: decoupledWeightDecay ? 0 : weightDecay });
    average.lerp_(grad, 1 - beta1);
    squares.mul_(beta2).addcmul_(grad, grad, { value: 1 - beta2 });
    const correction2 = 1 - pyPow(beta2, step);
    let update = average.div(1 - pyPow(beta1, step)).mul(lr);
    const rectified = rectification(step, beta2);
    if (rectified !== null) {
      // Python divides a number by a tensor as the tensor's reciprocal times the number.
      const adaptive = squares.sqrt().add_(eps).reciprocal().mul(pyPow(correction2, 0.5));
      update = update.mul(adaptive).mul(rectified);
    }
    param.add_(update, { alpha: -1 });
  }

  /** @internal */
  protected override multi({ params, grads: given, states }: Batch<Name>, group: RAdamGroup): void {
    const { betas, eps, weightDecay, decoupledWeightDecay, maximize } = group;
    const [beta1, beta2] = betas;
    const lr = scalarIn(group.lr);
    const { step: steps, exp_avg: averages, exp_avg_sq: squares } = states;
    eachWith_('add', steps, 1);
    if (decoupledWeightDecay && weightDecay !== 0) eachWith_('mul', params, from(1, times(lr, weightDecay)));
    const direction = { maximize, weightDecay: decoupledWeightDecay ? 0 : weightDecay };
    const { grads, own } = directionsOf(params, given, direction);
    eachLerp_(averages, grads, 1 - beta1);
    eachWith_('mul', squares, beta2);
    eachFused_('addcmul', squares, grads, grads, 1 - beta2);
    if (own) drop(grads);
    const counts = steps.map((step) => step.item());
    const rectified = counts.map((count) => rectification(count, beta2));
    const corrections = counts.map((count) => 1 - pyPow(beta1, count));
    const size = (factor: number, index: number): Rate => over(times(lr, factor), corrections[index]!);
    const plain = rectified.map((factor, index) => times(size(factor === null ? 1 : 0, index), -1));
    const adaptive = rectified.map((factor, index) => {
      const root = pyPow(1 - pyPow(beta2, counts[index]!), 0.5);
      return times(times(size(factor ?? 0, index), root), -1);
    });
    const buffer = each('sqrt', squares);
    eachWith_('add', buffer, eps);
    eachWith_('div', buffer, adaptive as Operand);
    each_('reciprocal', buffer);
    eachWith_('add', buffer, plain as Operand);
    eachFused_('addcmul', params, averages, buffer);
  }
}

/** How far the squares of the gradients are to be trusted; null when not at all. */
function rectification(step: number, beta2: number): number | null {
  const most = 2 / (1 - beta2) - 1;
  const power = pyPow(beta2, step);
  const length = most - (2 * step * power) / (1 - power);
  if (!(length > 5)) return null;
  return pyPow(((length - 4) * (length - 2) * most) / ((most - 4) * (most - 2) * length), 0.5);
}
