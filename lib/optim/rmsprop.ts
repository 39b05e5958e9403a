import { ops, type Tensor } from '../tensor/index.js';
import { directionOf, directionsOf, each, each_, eachAdd_, eachFused_, eachLerp_, eachWith_ } from './foreach.js';
import type { ParamGroup, Params } from './optimizer.js';
import { numberIn } from './rates.js';
import { type Batch, type Entry, realEntry, StatefulOptimizer } from './stateful-optimizer.js';
import { checkLeast0, checkRate, type CommonOptions, withDefaults } from './step-options.js';

/** Options of {@link RMSprop}, for the whole optimizer or for a group. The learning rate is 0.01 by default. */
export interface RMSpropOptions extends CommonOptions {
  /** How much of the last steps lives on; default 0. */
  momentum?: number;
  /** How much of the average of squares lives on; default 0.99. */
  alpha?: number;
  /** Added to the denominator; default 1e-8. */
  eps?: number;
  /** Divide by the variance of the gradients in place of their squares; default false. */
  centered?: boolean;
  /** L2 penalty; default 0. */
  weightDecay?: number;
}

/** A group of {@link RMSprop}: its tensors and every option. */
export type RMSpropGroup = ParamGroup & Required<RMSpropOptions>;

type Name = 'step' | 'square_avg' | 'momentum_buffer' | 'grad_avg';

const DEFAULTS: Required<RMSpropOptions> = {
  lr: 1e-2,
  momentum: 0,
  alpha: 0.99,
  eps: 1e-8,
  centered: false,
  weightDecay: 0,
  capturable: false,
  foreach: null,
  maximize: false,
  differentiable: false,
};

/**
 * Gradients divided by the root of the average of their squares.
 * @see torch.optim.RMSprop
 */
export class RMSprop extends StatefulOptimizer<RMSpropGroup, RMSpropOptions, Name> {
  /**
   * @param params tensors, `namedParameters()`, or groups `{ params, ...options }`.
   * @throws TorchError `value` or `type` in PyTorch's words.
   */
  constructor(params: Params<RMSpropOptions>, options: RMSpropOptions = {}) {
    const all = withDefaults('RMSprop', options, DEFAULTS);
    checkRate(all.lr);
    checkLeast0('epsilon value', all.eps);
    checkLeast0('momentum value', all.momentum);
    checkLeast0('weight_decay value', all.weightDecay);
    checkLeast0('alpha value', all.alpha);
    super('RMSprop', params, all);
  }

  /** @internal */
  protected override stateNames({ momentum, centered }: RMSpropGroup): readonly Name[] {
    const names: Name[] = ['step', 'square_avg'];
    if (momentum > 0) names.push('momentum_buffer');
    if (centered) names.push('grad_avg');
    return names;
  }

  /** @internal */
  protected override newState(param: Tensor, _grad: Tensor | null, group: RMSpropGroup): Partial<Record<Name, Tensor>> {
    const state: Partial<Record<Name, Tensor>> = { step: this.newStep(param, group), square_avg: ops.zerosLike(param) };
    if (group.momentum > 0) state.momentum_buffer = ops.zerosLike(param);
    if (group.centered) state.grad_avg = ops.zerosLike(param);
    return state;
  }

  protected override lateOptions(): Record<string, unknown> {
    return { ...super.lateOptions(), momentum: 0, centered: false };
  }

  protected override capturableNeeds(): { what: string; xla: boolean } {
    return { what: 'params and state_steps', xla: true };
  }

  /** @internal */
  protected override single(entry: Entry<Name>, group: RMSpropGroup): void {
    const { alpha, eps, momentum, centered } = group;
    const rate = numberIn(group.lr);
    entry.state.step.add_(1);
    const { param, grad, state } = realEntry({ ...entry, grad: directionOf(entry.param, entry.grad, group) });
    const { square_avg: squares, momentum_buffer: buffer, grad_avg: mean } = state;
    squares.mul_(alpha).addcmul_(grad, grad, { value: 1 - alpha });
    if (centered) mean.lerp_(grad, 1 - alpha);
    const root = centered ? squares.addcmul(mean, mean, { value: -1 }).sqrt_() : squares.sqrt();
    root.add_(eps);
    if (momentum > 0) param.add_(buffer.mul_(momentum).addcdiv_(grad, root), { alpha: -rate });
    else param.addcdiv_(grad, root, { value: -rate });
  }

  /** @internal */
  protected override multi({ params, grads: given, states }: Batch<Name>, group: RMSpropGroup): void {
    const { alpha, eps, momentum, centered } = group;
    const rate = numberIn(group.lr);
    const { step: steps, square_avg: squares, momentum_buffer: buffers, grad_avg: means } = states;
    eachWith_('add', steps, 1);
    const { grads } = directionsOf(params, given, group);
    eachWith_('mul', squares, alpha);
    eachFused_('addcmul', squares, grads, grads, 1 - alpha);
    let roots: Tensor[];
    if (centered) {
      eachLerp_(means, grads, 1 - alpha);
      roots = ops.aten<Tensor[]>('_foreach_addcmul.Scalar', squares, means, means, -1);
      each_('sqrt', roots);
    } else {
      roots = each('sqrt', squares);
    }
    eachWith_('add', roots, eps);
    if (momentum > 0) {
      eachWith_('mul', buffers, momentum);
      eachFused_('addcdiv', buffers, grads, roots);
      eachAdd_(params, buffers, -rate);
    } else {
      eachFused_('addcdiv', params, grads, roots, -rate);
    }
  }
}
