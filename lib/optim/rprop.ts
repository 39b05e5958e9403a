import { Complex, ops, pyNumber, type Tensor } from '../tensor/index.js';
import { each_, eachCopy_, eachFused_, eachWith, eachWith_ } from './foreach.js';
import type { ParamGroup, Params } from './optimizer.js';
import { numberIn } from './rates.js';
import { type Batch, type Entry, realEntry, StatefulOptimizer } from './stateful-optimizer.js';
import { checkRate, type CommonOptions, refuse, withDefaults } from './step-options.js';

/** Options of {@link Rprop}, for the whole optimizer or for a group. The learning rate is 0.01 by default. */
export interface RpropOptions extends CommonOptions {
  /** What step sizes are multiplied by where the gradient turns, and where it does not; default 0.5 and 1.2. */
  etas?: readonly [number, number];
  /** The least and the greatest step size; default 1e-6 and 50. */
  stepSizes?: readonly [number, number];
}

/** A group of {@link Rprop}: its tensors and every option. */
export type RpropGroup = ParamGroup & Required<RpropOptions>;

type Name = 'step' | 'prev' | 'step_size';

const NAMES: readonly Name[] = ['step', 'prev', 'step_size'];

const DEFAULTS: Required<RpropOptions> = {
  lr: 1e-2,
  etas: [0.5, 1.2],
  stepSizes: [1e-6, 50],
  foreach: null,
  maximize: false,
  differentiable: false,
  capturable: false,
};

/**
 * Resilient backpropagation: the sign of the gradient alone counts, and each weight has a step size of its own.
 * @see torch.optim.Rprop
 */
export class Rprop extends StatefulOptimizer<RpropGroup, RpropOptions, Name> {
  /**
   * @param params tensors, `namedParameters()`, or groups `{ params, ...options }`.
   * @throws TorchError `value` or `type` in PyTorch's words.
   */
  constructor(params: Params<RpropOptions>, options: RpropOptions = {}) {
    const all = withDefaults('Rprop', options, DEFAULTS);
    checkRate(all.lr);
    const [less, more] = all.etas;
    if (!(less > 0 && less < 1 && more > 1)) refuse(`Invalid eta values: ${pyNumber(less)}, ${pyNumber(more)}`);
    super('Rprop', params, all);
  }

  /** @internal */
  protected override stateNames(): readonly Name[] {
    return NAMES;
  }

  /** @internal */
  protected override newState(param: Tensor, grad: Tensor | null, group: RpropGroup): Record<Name, Tensor> {
    const lr = numberIn(group.lr);
    // A complex number is two independent real ones: the step size of the second one is no zero.
    const size = param.dtype.startsWith('complex') ? new Complex(lr, lr) : lr;
    return {
      step: this.newStep(param, group),
      prev: ops.zerosLike(param),
      step_size: ops.fullLike(grad ?? param, size),
    };
  }

  protected override capturableNeeds(): { what: string; xla: boolean } {
    return { what: 'params and state_steps', xla: true };
  }

  /** @internal */
  protected override single(entry: Entry<Name>, group: RpropGroup): void {
    const { param, grad: given, state } = realEntry(entry);
    const [less, more] = group.stepSizes;
    state.step.add_(1);
    const grad = group.maximize ? given.neg() : given.clone();
    const factors = factorsOf(grad.mul(state.prev).sign(), group);
    state.step_size.mul_(factors).clamp_(less, more);
    grad.maskedFill_(factors.eq(group.etas[0]), 0);
    param.addcmul_(grad.sign(), state.step_size, { value: -1 });
    state.prev.copy_(grad);
  }

  /** @internal */
  protected override multi({ params, grads, states }: Batch<Name>, group: RpropGroup): void {
    const { step: steps, prev: previous, step_size: sizes } = states;
    const [less, more] = group.stepSizes;
    eachWith_('add', steps, 1);
    const factors = eachWith('mul', grads, previous);
    if (group.maximize) each_('neg', factors);
    // From here on the former gradients hold the present ones, as in PyTorch.
    eachCopy_(previous, grads);
    if (group.maximize) each_('neg', previous);
    each_('sign', factors);
    for (const factor of factors) factorsOf(factor, group);
    eachWith_('mul', sizes, factors);
    for (const size of sizes) size.clamp_(less, more);
    previous.forEach((grad, index) => grad.maskedFill_(factors[index]!.eq(group.etas[0]), 0));
    const signs = previous.map((grad) => grad.sign());
    eachFused_('addcmul', params, signs, sizes, -1);
  }
}

/** The signs, in place, as what step sizes are multiplied by. */
function factorsOf(signs: Tensor, { etas }: RpropGroup): Tensor {
  const [less, more] = etas;
  signs.maskedFill_(signs.gt(0), more);
  signs.maskedFill_(signs.lt(0), less);
  return signs.maskedFill_(signs.eq(0), 1);
}
