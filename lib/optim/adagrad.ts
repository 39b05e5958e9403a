import { Complex, ops, Tensor } from '../tensor/index.js';
import { directionOf, directionsOf, each, eachFused_, eachWith, eachWith_, type Operand, uncount } from './foreach.js';
import type { ParamGroup, Params } from './optimizer.js';
import { numberIn, over, scalarIn, times } from './rates.js';
import { type Batch, type Entry, realEntry, StatefulOptimizer } from './stateful-optimizer.js';
import { scalingOn } from './step-path.js';
import { checkLeast0, checkRate, type CommonOptions, withDefaults } from './step-options.js';

/** Options of {@link Adagrad}, for the whole optimizer or for a group. The learning rate is 0.01 by default. */
export interface AdagradOptions extends Omit<CommonOptions, 'capturable'> {
  /** How fast the learning rate falls; default 0. */
  lrDecay?: number;
  /** Added to the denominator; default 1e-10. */
  eps?: number;
  /** L2 penalty; default 0. */
  weightDecay?: number;
  /** What the sums of squares begin with; default 0. */
  initialAccumulatorValue?: number;
  /** One kernel for the whole step; null means no. */
  fused?: boolean | null;
}

/** A group of {@link Adagrad}: its tensors and every option. */
export type AdagradGroup = ParamGroup & Required<AdagradOptions>;

type Name = 'step' | 'sum';

const NAMES: readonly Name[] = ['step', 'sum'];

const DEFAULTS: Required<AdagradOptions> = {
  lr: 1e-2,
  lrDecay: 0,
  eps: 1e-10,
  weightDecay: 0,
  initialAccumulatorValue: 0,
  foreach: null,
  maximize: false,
  differentiable: false,
  fused: null,
};

/**
 * Gradients divided by the root of the sum of their squares.
 * @see torch.optim.Adagrad
 */
export class Adagrad extends StatefulOptimizer<AdagradGroup, AdagradOptions, Name> {
  /**
   * @param params tensors, `namedParameters()`, or groups `{ params, ...options }`.
   * @throws TorchError `value`, `type` or `runtime` in PyTorch's words.
   */
  constructor(params: Params<AdagradOptions>, options: AdagradOptions = {}) {
    const all = withDefaults('Adagrad', options, DEFAULTS);
    checkRate(all.lr);
    checkLeast0('lr_decay value', all.lrDecay);
    checkLeast0('weight_decay value', all.weightDecay);
    checkLeast0('initial_accumulator_value value', all.initialAccumulatorValue);
    checkLeast0('epsilon value', all.eps);
    super('Adagrad', params, all);
    for (const group of this.paramGroups) for (const param of group.params) this.makeState(param, null, group);
  }

  /** @internal */
  protected override stateNames(): readonly Name[] {
    return NAMES;
  }

  /** @internal */
  protected override newState(param: Tensor, _grad: Tensor | null, group: AdagradGroup): Record<Name, Tensor> {
    const { initialAccumulatorValue: start } = this.defaults;
    const fill = param.dtype.startsWith('complex') ? new Complex(start, start) : start;
    return { step: this.newStep(param, group), sum: ops.fullLike(param, fill) };
  }

  protected override lateOptions(): Record<string, unknown> {
    return { foreach: null, maximize: false, differentiable: false, fused: null };
  }

  /** @internal */
  protected override single(entry: Entry<Name>, group: AdagradGroup): void {
    entry.state.step.add_(1);
    const step = entry.state.step.item();
    const { param, grad, state } = realEntry({ ...entry, grad: directionOf(entry.param, entry.grad, group) });
    const rate = over(scalarIn(group.lr), 1 + (step - 1) * group.lrDecay);
    state.sum.addcmul_(grad, grad, { value: 1 });
    param.addcdiv_(grad, state.sum.sqrt().add_(group.eps), { value: -numberIn(rate) });
  }

  /** @internal */
  protected override multi({ params, grads: given, states }: Batch<Name>, group: AdagradGroup): void {
    const { step: steps, sum: sums } = states;
    eachWith_('add', steps, 1);
    const { grads, own } = directionsOf(params, given, group);
    const down = times(scalarIn(group.lr), -1);
    const rates = steps.map((step) => over(down, 1 + (step.item() - 1) * group.lrDecay)) as Operand;
    eachFused_('addcmul', sums, grads, grads, 1);
    const roots = each('sqrt', sums);
    eachWith_('add', roots, group.eps);
    if (own) eachWith_('mul', grads, rates);
    eachFused_('addcdiv', params, own ? grads : eachWith('mul', grads, rates), roots);
  }

  /** @internal */
  protected override fusedStep({ params, grads, states }: Batch<Name>, group: AdagradGroup): void {
    const { lrDecay, weightDecay, eps, maximize } = group;
    const device = params[0]!.device;
    const lr = group.lr instanceof Tensor && group.lr.device !== 'cpu' ? group.lr.to(device) : group.lr;
    const scaling = scalingOn(this, device);
    eachWith_('add', states.step, 1);
    const operator = lr instanceof Tensor ? '_fused_adagrad_.tensor_lr' : '_fused_adagrad_';
    ops.aten(operator, params, grads, states.sum, states.step, {
      lr,
      lrDecay,
      weightDecay,
      eps,
      maximize,
      ...scaling,
    });
    uncount(states.step, scaling);
  }
}
