import { pyPow } from '../tensor/python-float.js';
import { ops, type Tensor } from '../tensor/index.js';
import { directionOf, directionsOf, each, each_, eachFused_, eachLerp_, eachMaximum_, eachWith_ } from './foreach.js';
import type { ParamGroup, Params } from './optimizer.js';
import { numberIn, over, scalarIn } from './rates.js';
import { type Batch, type Entry, realEntry, StatefulOptimizer } from './stateful-optimizer.js';
import { checkBetas, checkLeast0, checkRate, type CommonOptions, withDefaults } from './step-options.js';

/** Options of {@link Adamax}, for the whole optimizer or for a group. The learning rate is 0.002 by default. */
export interface AdamaxOptions extends CommonOptions {
  /** How much of the average of gradients and of the infinity norm lives on; default 0.9 and 0.999. */
  betas?: readonly [number, number];
  /** Added to the absolute gradient; default 1e-8. */
  eps?: number;
  /** L2 penalty; default 0. */
  weightDecay?: number;
}

/** A group of {@link Adamax}: its tensors and every option. */
export type AdamaxGroup = ParamGroup & Required<AdamaxOptions>;

type Name = 'step' | 'exp_avg' | 'exp_inf';

const NAMES: readonly Name[] = ['step', 'exp_avg', 'exp_inf'];

const DEFAULTS: Required<AdamaxOptions> = {
  lr: 2e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  foreach: null,
  maximize: false,
  differentiable: false,
  capturable: false,
};

/**
 * Adam by the infinity norm of the gradients.
 * @see torch.optim.Adamax
 */
export class Adamax extends StatefulOptimizer<AdamaxGroup, AdamaxOptions, Name> {
  /**
   * @param params tensors, `namedParameters()`, or groups `{ params, ...options }`.
   * @throws TorchError `value` or `type` in PyTorch's words.
   */
  constructor(params: Params<AdamaxOptions>, options: AdamaxOptions = {}) {
    const all = withDefaults('Adamax', options, DEFAULTS);
    checkRate(all.lr);
    checkLeast0('epsilon value', all.eps);
    checkBetas(all.betas);
    checkLeast0('weight_decay value', all.weightDecay);
    super('Adamax', params, all);
  }

  /** @internal */
  protected override stateNames(): readonly Name[] {
    return NAMES;
  }

  /** @internal */
  protected override newState(param: Tensor, _grad: Tensor | null, group: AdamaxGroup): Record<Name, Tensor> {
    const [exp_avg, exp_inf] = [ops.zerosLike(param), ops.zerosLike(param)];
    return { step: this.newStep(param, group), exp_avg, exp_inf };
  }

  /** @internal */
  protected override single(entry: Entry<Name>, group: AdamaxGroup): void {
    const { betas, eps } = group;
    const [beta1, beta2] = betas;
    entry.state.step.add_(1);
    const { param, grad, state } = realEntry({ ...entry, grad: directionOf(entry.param, entry.grad, group) });
    const { exp_avg: average, exp_inf: norm } = state;
    average.lerp_(grad, 1 - beta1);
    ops.aten('maximum.out', norm.mul_(beta2), grad.abs().add_(eps), { out: norm });
    const correction = 1 - pyPow(beta1, state.step.item());
    param.addcdiv_(average, norm, { value: -numberIn(over(scalarIn(group.lr), correction)) });
  }

  /** @internal */
  protected override multi({ params, grads: given, states }: Batch<Name>, group: AdamaxGroup): void {
    const { betas, eps } = group;
    const [beta1, beta2] = betas;
    const lr = numberIn(group.lr);
    const { step: steps, exp_avg: averages, exp_inf: norms } = states;
    eachWith_('add', steps, 1);
    const direction = directionsOf(params, given, group);
    let { grads } = direction;
    eachLerp_(averages, grads, 1 - beta1);
    eachWith_('mul', norms, beta2);
    if (direction.own) each_('abs', grads);
    else grads = each('abs', grads);
    eachWith_('add', grads, eps);
    eachMaximum_(norms, grads);
    const sizes = steps.map((step) => (lr / (1 - pyPow(beta1, step.item()))) * -1);
    eachFused_('addcdiv', params, averages, norms, sizes);
  }
}
