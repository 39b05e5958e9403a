import { pyPow } from '../tensor/python-float.js';
import { ops, Tensor, tensor } from '../tensor/index.js';
import {
  directionOf,
  directionsOf,
  drop,
  eachAdd,
  eachAdd_,
  eachCopy_,
  eachFused_,
  eachWith,
  eachWith_,
} from './foreach.js';
import type { ParamGroup, Params } from './optimizer.js';
import { numberIn, type Rate, scalarIn, times } from './rates.js';
import { type Batch, type Entry, realEntry, StatefulOptimizer } from './stateful-optimizer.js';
import { checkLeast0, checkRate, type CommonOptions, withDefaults } from './step-options.js';

/** Options of {@link ASGD}, for the whole optimizer or for a group. The learning rate is 0.01 by default. */
export interface ASGDOptions extends CommonOptions {
  /** How much smaller weights get in each step, and how fast the steps do; default 1e-4. */
  lambd?: number;
  /** The power by which steps get smaller; default 0.75. */
  alpha?: number;
  /** The step after which weights are averaged; default 1e6. */
  t0?: number;
  /** L2 penalty; default 0. */
  weightDecay?: number;
}

/** A group of {@link ASGD}: its tensors and every option. */
export type ASGDGroup = ParamGroup & Required<ASGDOptions>;

type Name = 'step' | 'eta' | 'mu' | 'ax';

const NAMES: readonly Name[] = ['step', 'eta', 'mu', 'ax'];

const DEFAULTS: Required<ASGDOptions> = {
  lr: 1e-2,
  lambd: 1e-4,
  alpha: 0.75,
  t0: 1e6,
  weightDecay: 0,
  foreach: null,
  maximize: false,
  differentiable: false,
  capturable: false,
};

/**
 * Averaged stochastic gradient descent: the state `ax` holds the average of the weights since step `t0`.
 * @see torch.optim.ASGD
 */
export class ASGD extends StatefulOptimizer<ASGDGroup, ASGDOptions, Name> {
  /**
   * @param params tensors, `namedParameters()`, or groups `{ params, ...options }`.
   * @throws TorchError `value` or `type` in PyTorch's words.
   */
  constructor(params: Params<ASGDOptions>, options: ASGDOptions = {}) {
    const all = withDefaults('ASGD', options, DEFAULTS);
    checkRate(all.lr);
    checkLeast0('weight_decay value', all.weightDecay);
    super('ASGD', params, all);
  }

  /** @internal */
  protected override stateNames(): readonly Name[] {
    return NAMES;
  }

  /** @internal */
  protected override newState(param: Tensor, _grad: Tensor | null, group: ASGDGroup): Record<Name, Tensor> {
    return {
      step: this.newStep(param, group),
      eta: this.newStep(param, group, numberIn(group.lr)),
      mu: this.newStep(param, group, 1),
      ax: ops.zerosLike(param),
    };
  }

  protected override formerNumbers(): readonly string[] {
    return ['step', 'eta', 'mu'];
  }

  protected override onDevice(): boolean {
    return true;
  }

  protected override capturableNeeds(foreach: boolean): { what: string; xla: boolean } {
    return { what: 'params, mus, etas, and state_steps', xla: !foreach };
  }

  /** @internal */
  protected override single(entry: Entry<Name>, group: ASGDGroup): void {
    const { lambd, alpha, t0 } = group;
    const { param, grad: given, state } = realEntry(entry);
    const { step: count, eta, mu, ax } = state;
    count.add_(1);
    const grad = directionOf(param, given, group);
    const size = eta.item();
    param.mul_(1 - lambd * size);
    param.add_(grad, { alpha: -size });
    if (mu.item() !== 1) ax.add_(param.sub(ax).mul_(mu));
    else ax.copy_(param);
    const step = count.item();
    const lr = scalarIn(group.lr);
    eta.copy_(asTensor(etaAfter(lr, times(times(lr, lambd), step), alpha)));
    mu.copy_(asTensor(1 / Math.max(1, step - t0)));
  }

  /** @internal */
  protected override multi({ params, grads: given, states }: Batch<Name>, group: ASGDGroup): void {
    const { lambd, alpha, t0 } = group;
    const { step: steps, eta: etas, mu: mus, ax: axs } = states;
    eachWith_('add', steps, 1);
    const direction = directionsOf(params, given, group);
    let { grads } = direction;
    if (group.weightDecay !== 0) eachAdd_(grads, params, lambd);
    else grads = eachAdd(grads, params, lambd);
    eachFused_('addcmul', params, grads, etas, -1);
    drop(grads);
    const apart = eachWith('sub', params, axs);
    eachFused_('addcmul', axs, apart, mus);
    drop(apart);
    const lr = scalarIn(group.lr);
    const scale = times(lr, lambd);
    // Here PyTorch counts with tensors, in their own precision.
    const newEtas = steps.map((step) => asTensor(etaAfter(lr, step.mul(scale), alpha)).to(step.device));
    const newMus = steps.map((step) => asTensor(1 / Math.max(1, step.item() - t0)).to(step.device));
    eachCopy_(etas, newEtas);
    eachCopy_(mus, newMus);
  }
}

/** `lr / (1 + growth) ** alpha`, as Python computes it. */
function etaAfter(lr: Rate, growth: Rate, alpha: number): Rate {
  if (!(growth instanceof Tensor)) return numberIn(lr) / pyPow(1 + growth, alpha);
  const base = growth.add(1).pow(alpha);
  // Python divides a number by a tensor as the tensor's reciprocal times the number.
  return lr instanceof Tensor ? lr.div(base) : base.reciprocal().mul(lr);
}

function asTensor(rate: Rate): Tensor {
  return rate instanceof Tensor ? rate : tensor(rate, { dtype: 'float32' });
}
