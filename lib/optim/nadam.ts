import { pyPow } from '../tensor/python-float.js';
import { ops, type Tensor } from '../tensor/index.js';
import { directionOf, directionsOf, each, eachFused_, eachLerp_, eachWith_ } from './foreach.js';
import type { ParamGroup, Params } from './optimizer.js';
import { from, numberIn, over, scalarIn, times } from './rates.js';
import { type Batch, type Entry, realEntry, StatefulOptimizer } from './stateful-optimizer.js';
import { checkBetas, checkLeast0, checkRate, type CommonOptions, withDefaults } from './step-options.js';

/** Options of {@link NAdam}, for the whole optimizer or for a group. The learning rate is 0.002 by default. */
export interface NAdamOptions extends CommonOptions {
  /** How much of the averages of gradients and of their squares lives on; default 0.9 and 0.999. */
  betas?: readonly [number, number];
  /** Added to the denominator; default 1e-8. */
  eps?: number;
  /** L2 penalty, or with `decoupledWeightDecay` how much smaller weights get in each step; default 0. */
  weightDecay?: number;
  /** How fast the momentum grows to its full size; default 0.004. */
  momentumDecay?: number;
  /** Weight decay of the weights themselves, in place of an L2 penalty; default false. */
  decoupledWeightDecay?: boolean;
}

/** A group of {@link NAdam}: its tensors and every option. */
export type NAdamGroup = ParamGroup & Required<NAdamOptions>;

type Name = 'step' | 'mu_product' | 'exp_avg' | 'exp_avg_sq';

const NAMES: readonly Name[] = ['step', 'mu_product', 'exp_avg', 'exp_avg_sq'];

const DEFAULTS: Required<NAdamOptions> = {
  lr: 2e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  momentumDecay: 4e-3,
  decoupledWeightDecay: false,
  maximize: false,
  foreach: null,
  capturable: false,
  differentiable: false,
};

/**
 * Adam with Nesterov momentum.
 * @see torch.optim.NAdam
 */
export class NAdam extends StatefulOptimizer<NAdamGroup, NAdamOptions, Name> {
  /**
   * @param params tensors, `namedParameters()`, or groups `{ params, ...options }`.
   * @throws TorchError `value` or `type` in PyTorch's words.
   */
  constructor(params: Params<NAdamOptions>, options: NAdamOptions = {}) {
    const all = withDefaults('NAdam', options, DEFAULTS);
    checkRate(all.lr);
    checkLeast0('epsilon value', all.eps);
    checkBetas(all.betas);
    checkLeast0('weight_decay value', all.weightDecay);
    checkLeast0('momentum_decay value', all.momentumDecay);
    super('NAdam', params, all);
  }

  /** @internal */
  protected override stateNames(): readonly Name[] {
    return NAMES;
  }

  /** @internal */
  protected override newState(param: Tensor, _grad: Tensor | null, group: NAdamGroup): Record<Name, Tensor> {
    return {
      step: this.newStep(param, group),
      mu_product: this.newStep(param, group, 1),
      exp_avg: ops.zerosLike(param),
      exp_avg_sq: ops.zerosLike(param),
    };
  }

  protected override lateOptions(): Record<string, unknown> {
    return { ...super.lateOptions(), decoupledWeightDecay: false };
  }

  protected override formerNumbers(): readonly string[] {
    return ['step', 'mu_product'];
  }

  protected override capturableNeeds(foreach: boolean): { what: string; xla: boolean } {
    return { what: `params, mu_products${foreach ? ',' : ''} and state_steps`, xla: !foreach };
  }

  /** @internal */
  protected override single(entry: Entry<Name>, group: NAdamGroup): void {
    const { betas, eps, weightDecay, decoupledWeightDecay, maximize } = group;
    const [beta1, beta2] = betas;
    const lr = scalarIn(group.lr);
    const { param, grad: given, state } = realEntry(entry);
    const { exp_avg: average, exp_avg_sq: squares, mu_product: product } = state;
    state.step.add_(1);
    const step = state.step.item();
    if (decoupledWeightDecay && weightDecay !== 0) param.mul_(from(1, times(lr, weightDecay)));
    const grad = directionOf(param, given, { maximize, weightDecay: decoupledWeightDecay ? 0 : weightDecay });
    const [mu, next] = [muAt(step, group), muAt(step + 1, group)];
    product.mul_(mu);
    average.lerp_(grad, 1 - beta1);
    squares.mul_(beta2).addcmul_(grad, grad, { value: 1 - beta2 });
    const denominator = squares
      .div(1 - pyPow(beta2, step))
      .sqrt()
      .add_(eps);
    const now = product.item();
    const down = times(lr, -1);
    param.addcdiv_(grad, denominator, { value: numberIn(over(times(down, 1 - mu), 1 - now)) });
    param.addcdiv_(average, denominator, { value: numberIn(over(times(down, next), 1 - now * next)) });
  }

  /** @internal */
  protected override multi({ params, grads: given, states }: Batch<Name>, group: NAdamGroup): void {
    const { betas, eps, weightDecay, decoupledWeightDecay, maximize } = group;
    const [beta1, beta2] = betas;
    const lr = numberIn(group.lr);
    const { step: steps, exp_avg: averages, exp_avg_sq: squares, mu_product: products } = states;
    eachWith_('add', steps, 1);
    if (decoupledWeightDecay && weightDecay !== 0)
      eachWith_('mul', params, from(1, times(scalarIn(group.lr), weightDecay)));
    const direction = { maximize, weightDecay: decoupledWeightDecay ? 0 : weightDecay };
    const { grads } = directionsOf(params, given, direction);
    eachLerp_(averages, grads, 1 - beta1);
    eachWith_('mul', squares, beta2);
    eachFused_('addcmul', squares, grads, grads, 1 - beta2);
    const denominators = each('sqrt', squares);
    const counts = steps.map((step) => step.item());
    const mus = counts.map((count) => muAt(count, group));
    eachWith_('mul', products, mus);
    eachWith_(
      'div',
      denominators,
      counts.map((count) => pyPow(1 - pyPow(beta2, count), 0.5)),
    );
    eachWith_('add', denominators, eps);
    const now = products.map((product) => product.item());
    const ofGrads = mus.map((mu, index) => ((lr * (1 - mu)) / (1 - now[index]!)) * -1);
    const ofAverages = counts.map((count, index) => {
      const next = muAt(count + 1, group);
      return ((lr * next) / (1 - now[index]! * next)) * -1;
    });
    eachFused_('addcdiv', params, grads, denominators, ofGrads);
    eachFused_('addcdiv', params, averages, denominators, ofAverages);
  }
}

/** The momentum of a step. */
function muAt(step: number, { betas, momentumDecay }: NAdamGroup): number {
  return betas[0] * (1 - 0.5 * pyPow(0.96, step * momentumDecay));
}
