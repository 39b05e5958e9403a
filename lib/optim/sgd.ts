import { enableGrad, keep, noGrad, pyNumber, scope, Tensor, TorchError } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { Optimizer, type ParamGroup, type Params } from './optimizer.js';
import { multiTensorSgd, fusedSgd, singleTensorSgd, type SgdBatch } from './sgd-steps.js';
import { checkFusedParam, pathOf } from './step-path.js';

/** Options of {@link SGD}, for the whole optimizer or for a group. */
export interface SGDOptions {
  /** Learning rate, or a tensor of one element that may be changed between steps; default 0.001. */
  lr?: number | Tensor;
  /** How much of the last steps lives on; default 0. */
  momentum?: number;
  /** How much less of the gradient enters the momentum; default 0. */
  dampening?: number;
  /** L2 penalty; default 0. */
  weightDecay?: number;
  /** Look ahead along the momentum; default false. */
  nesterov?: boolean;
  /** Climb instead of descend; default false. */
  maximize?: boolean;
  /** Treat all tensors of a kind in one operator; null decides by device. */
  foreach?: boolean | null;
  /** Not supported; only false. */
  differentiable?: boolean;
  /** One kernel for the whole step; null means no. */
  fused?: boolean | null;
}

/** A group of {@link SGD}: its tensors and every option. */
export type SGDGroup = ParamGroup & Required<SGDOptions>;

const OPTIONS: OptionNames<SGDOptions> = {
  lr: false,
  momentum: false,
  dampening: false,
  weightDecay: false,
  nesterov: false,
  maximize: false,
  foreach: false,
  differentiable: false,
  fused: false,
};

/**
 * Stochastic gradient descent with momentum, in the same operators and the same order as PyTorch's.
 * ```ts
 * const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 });
 * ```
 * As in PyTorch, `foreach` with Nesterov momentum and without weight decay changes the gradients themselves.
 * @see torch.optim.SGD
 */
export class SGD extends Optimizer<SGDGroup, SGDOptions> {
  #checkFused = true;

  /**
   * @param params tensors, `namedParameters()`, or groups `{ params, ...options }`.
   * @throws TorchError `value`, `type` or `runtime` in PyTorch's words.
   */
  constructor(params: Params<SGDOptions>, options: SGDOptions = {}) {
    checkOptionBag('SGD', options, OPTIONS);
    const defaults = {
      lr: options.lr ?? 1e-3,
      momentum: options.momentum ?? 0,
      dampening: options.dampening ?? 0,
      weightDecay: options.weightDecay ?? 0,
      nesterov: options.nesterov ?? false,
      maximize: options.maximize ?? false,
      foreach: options.foreach ?? null,
      differentiable: options.differentiable ?? false,
      fused: options.fused ?? null,
    };
    checkOptions(defaults);
    super(defaults);
    this.addAll(params);
    if (defaults.fused === true) {
      this.stepSupportsAmpScaling = true;
      if (defaults.differentiable) throw new TorchError('runtime', '`fused` does not support `differentiable`');
      if (defaults.foreach === true) {
        throw new TorchError('runtime', '`fused` and `foreach` cannot be `True` together.');
      }
    }
    if (defaults.differentiable) {
      throw new TorchError('notImplemented', 'SGD: differentiable is not supported; leave it out');
    }
  }

  /**
   * One step.
   * @param closure computes the loss anew, gradients included, before the step.
   * @returns what `closure` returned, else null.
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

  #stepGroup(group: SGDGroup): void {
    const batch: SgdBatch = { params: [], grads: [], buffers: [] };
    for (const param of group.params) {
      const { grad } = param;
      if (grad === null) continue;
      if (group.fused === true && this.#checkFused) {
        checkFusedParam(param);
        this.#checkFused = false;
      }
      batch.params.push(param);
      batch.grads.push(grad);
      if (group.momentum !== 0) {
        const buffer = this.state.get(param)?.['momentum_buffer'];
        batch.buffers.push(buffer instanceof Tensor ? buffer : null);
      }
    }
    const { foreach, fused } = pathOf(group, batch.params);
    if (fused) fusedSgd(batch, group, this);
    else (foreach ? multiTensorSgd : singleTensorSgd)(batch, group);

    batch.buffers.forEach((buffer, index) => {
      const param = batch.params[index]!;
      const state = this.state.get(param);
      if (state?.['momentum_buffer'] === buffer) return;
      if (buffer !== null) keep(buffer);
      if (state === undefined) this.state.set(param, { momentum_buffer: buffer });
      else state['momentum_buffer'] = buffer;
    });
  }

  protected override completeGroup(group: SGDGroup): void {
    const older = group as Partial<SGDGroup>;
    older.nesterov ??= false;
    older.maximize ??= false;
    if (older.foreach === undefined) group.foreach = null;
    older.differentiable ??= false;
    if (older.fused === undefined) group.fused = false;
  }
}

function checkOptions({ lr, momentum, dampening, weightDecay, nesterov }: Required<SGDOptions>): void {
  const refuse = (message: string): never => {
    throw new TorchError('value', message);
  };
  if (lr instanceof Tensor && lr.numel() !== 1) refuse('Tensor lr must be 1-element');
  const rate = lr instanceof Tensor ? lr.item() : lr;
  for (const [name, value] of Object.entries({ lr: rate, momentum, dampening, weightDecay })) {
    if (typeof value !== 'number')
      throw new TorchError('type', `SGD: expected ${name} to be a number, but got ${typeof value}`);
  }
  if (rate < 0) refuse(`Invalid learning rate: ${pyNumber(rate)}`);
  if (momentum < 0) refuse(`Invalid momentum value: ${pyNumber(momentum)}`);
  if (weightDecay < 0) refuse(`Invalid weight_decay value: ${pyNumber(weightDecay)}`);
  if (nesterov && (momentum <= 0 || dampening !== 0)) {
    refuse('Nesterov momentum requires a momentum and zero dampening');
  }
}
