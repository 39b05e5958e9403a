import { ops, pyNumber, type Tensor } from '../tensor/index.js';
import { directionOf, directionsOf, each_, eachAdd_, eachFused_, eachWith, eachWith_ } from './foreach.js';
import type { ParamGroup, Params } from './optimizer.js';
import { numberIn } from './rates.js';
import { type Batch, type Entry, realEntry, StatefulOptimizer } from './stateful-optimizer.js';
import { checkLeast0, checkRate, type CommonOptions, refuse, withDefaults } from './step-options.js';

/** Options of {@link Adadelta}, for the whole optimizer or for a group. The learning rate is 1 by default. */
export interface AdadeltaOptions extends CommonOptions {
  /** How much of the averages of squares lives on; default 0.9. */
  rho?: number;
  /** Added under the roots; default 1e-6. */
  eps?: number;
  /** L2 penalty; default 0. */
  weightDecay?: number;
}

/** A group of {@link Adadelta}: its tensors and every option. */
export type AdadeltaGroup = ParamGroup & Required<AdadeltaOptions>;

type Name = 'step' | 'square_avg' | 'acc_delta';

const NAMES: readonly Name[] = ['step', 'square_avg', 'acc_delta'];

const DEFAULTS: Required<AdadeltaOptions> = {
  lr: 1,
  rho: 0.9,
  eps: 1e-6,
  weightDecay: 0,
  maximize: false,
  capturable: false,
  foreach: null,
  differentiable: false,
};

/**
 * Steps whose size follows from the sizes of the steps before.
 * @see torch.optim.Adadelta
 */
export class Adadelta extends StatefulOptimizer<AdadeltaGroup, AdadeltaOptions, Name> {
  /**
   * @param params tensors, `namedParameters()`, or groups `{ params, ...options }`.
   * @throws TorchError `value` or `type` in PyTorch's words.
   */
  constructor(params: Params<AdadeltaOptions>, options: AdadeltaOptions = {}) {
    const all = withDefaults('Adadelta', options, DEFAULTS);
    checkRate(all.lr);
    if (!(all.rho >= 0 && all.rho <= 1)) refuse(`Invalid rho value: ${pyNumber(all.rho)}`);
    checkLeast0('epsilon value', all.eps);
    checkLeast0('weight_decay value', all.weightDecay);
    super('Adadelta', params, all);
  }

  /** @internal */
  protected override stateNames(): readonly Name[] {
    return NAMES;
  }

  /** @internal */
  protected override newState(param: Tensor, _grad: Tensor | null, group: AdadeltaGroup): Record<Name, Tensor> {
    const [square_avg, acc_delta] = [ops.zerosLike(param), ops.zerosLike(param)];
    return { step: this.newStep(param, group), square_avg, acc_delta };
  }

  protected override capturableNeeds(): { what: string; xla: boolean } {
    return { what: 'params and state_steps', xla: false };
  }

  /** @internal */
  protected override single(entry: Entry<Name>, group: AdadeltaGroup): void {
    const { rho, eps } = group;
    entry.state.step.add_(1);
    const { grad, state } = realEntry({ ...entry, grad: directionOf(entry.param, entry.grad, group) });
    const { square_avg: squares, acc_delta: deltas } = state;
    squares.mul_(rho).addcmul_(grad, grad, { value: 1 - rho });
    const root = squares.add(eps).sqrt_();
    const delta = deltas.add(eps).sqrt_().div_(root).mul_(grad);
    deltas.mul_(rho).addcmul_(delta, delta, { value: 1 - rho });
    const { param } = entry;
    param.add_(param.dtype.startsWith('complex') ? ops.viewAsComplex(delta) : delta, { alpha: -numberIn(group.lr) });
  }

  /** @internal */
  protected override multi({ params, grads: given, states }: Batch<Name>, group: AdadeltaGroup): void {
    const { rho, eps } = group;
    const { step: steps, square_avg: squares, acc_delta: sums } = states;
    eachWith_('add', steps, 1);
    const { grads } = directionsOf(params, given, group);
    eachWith_('mul', squares, rho);
    eachFused_('addcmul', squares, grads, grads, 1 - rho);
    const roots = eachWith('add', squares, eps);
    each_('sqrt', roots);
    const deltas = eachWith('add', sums, eps);
    each_('sqrt', deltas);
    eachWith_('div', deltas, roots);
    eachWith_('mul', deltas, grads);
    eachWith_('mul', sums, rho);
    eachFused_('addcmul', sums, deltas, deltas, 1 - rho);
    eachAdd_(params, deltas, -numberIn(group.lr));
  }
}
