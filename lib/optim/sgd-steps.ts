import { ops, Tensor } from '../tensor/index.js';
import type { SGDGroup } from './sgd.js';
import { groupByKind, pick, type Scaling, scalingOn } from './step-path.js';

/** The tensors of a group that have a gradient, side by side; `buffers` stays empty without momentum. */
export interface SgdBatch {
  readonly params: Tensor[];
  readonly grads: Tensor[];
  readonly buffers: (Tensor | null)[];
}

/** A tensor of one element in place of a number is read once a step. */
function rateOf({ lr }: SGDGroup): number {
  return lr instanceof Tensor ? lr.item() : lr;
}

/** One tensor after the other. Each temporary is released at once, as Python's would be. */
export function singleTensorSgd(batch: SgdBatch, group: SGDGroup): void {
  const { momentum, dampening, weightDecay, nesterov, maximize } = group;
  const rate = rateOf(group);
  batch.params.forEach((param, index) => {
    const given = batch.grads[index]!;
    const temporaries: Tensor[] = [];
    let grad = given;
    const become = (next: Tensor): void => {
      temporaries.push(next);
      grad = next;
    };
    if (maximize) become(given.neg());
    if (weightDecay !== 0) become(grad.add(param, { alpha: weightDecay }));
    if (momentum !== 0) {
      let buffer = batch.buffers[index] ?? null;
      if (buffer === null) {
        buffer = copyOf(grad);
        batch.buffers[index] = buffer;
      } else {
        buffer.mul_(momentum).add_(grad, { alpha: 1 - dampening });
      }
      if (nesterov) become(grad.add(buffer, { alpha: momentum }));
      else grad = buffer;
    }
    param.add_(grad, { alpha: -rate });
    for (const temporary of temporaries) temporary.dispose();
  });
}

/** All tensors of a device and dtype in one operator. */
export function multiTensorSgd(batch: SgdBatch, group: SGDGroup): void {
  const { momentum, dampening, weightDecay, nesterov, maximize } = group;
  const rate = rateOf(group);
  for (const indices of groupByKind(batch.params)) {
    const params = pick(batch.params, indices);
    let grads = pick(batch.grads, indices);
    if (maximize) grads = ops.aten<Tensor[]>('_foreach_neg', grads);
    if (weightDecay !== 0) {
      // With maximize the gradients are already a copy, which PyTorch goes on to change.
      if (maximize) ops.aten('_foreach_add_.List', grads, params, { alpha: weightDecay });
      else grads = ops.aten<Tensor[]>('_foreach_add.List', grads, params, { alpha: weightDecay });
    }
    if (momentum !== 0) {
      const buffers = foreachMomentum(batch, indices, grads, momentum, 1 - dampening);
      if (nesterov) ops.aten('_foreach_add_.List', grads, buffers, { alpha: momentum });
      else grads = buffers;
    }
    ops.aten('_foreach_add_.List', params, grads, { alpha: -rate });
  }
}

function foreachMomentum(
  batch: SgdBatch,
  indices: readonly number[],
  grads: readonly Tensor[],
  momentum: number,
  alpha: number,
): Tensor[] {
  const known = indices.map((index) => batch.buffers[index] ?? null);
  if (known.every((buffer) => buffer !== null)) {
    ops.aten('_foreach_mul_.Scalar', known, momentum);
    ops.aten('_foreach_add_.List', known, grads, { alpha });
    return known;
  }
  return known.map((buffer, position) => {
    const grad = grads[position]!;
    if (buffer !== null) return buffer.mul_(momentum).add_(grad, { alpha });
    const fresh = copyOf(grad);
    batch.buffers[indices[position]!] = fresh;
    return fresh;
  });
}

/** The whole step in one kernel, which takes the learning rate as a tensor too. */
export function fusedSgd(batch: SgdBatch, group: SGDGroup, scaling: Scaling): void {
  const { momentum, dampening, weightDecay, nesterov, maximize, lr } = group;
  const isFirstStep = momentum !== 0 && batch.buffers.every((buffer) => buffer === null);
  // A step that changes nothing writes no buffer either: PyTorch's would then hold what was in memory.
  const fresh = (grad: Tensor): Tensor => (scaling.foundInf === null ? ops.emptyLike(grad) : ops.zerosLike(grad));
  if (isFirstStep) batch.grads.forEach((grad, index) => (batch.buffers[index] = fresh(grad)));
  const operator = lr instanceof Tensor ? '_fused_sgd_.tensor_lr' : '_fused_sgd_';
  for (const indices of groupByKind(batch.params)) {
    const buffers = momentum === 0 ? [] : pick(batch.buffers, indices);
    ops.aten(operator, pick(batch.params, indices), pick(batch.grads, indices), buffers, {
      weightDecay,
      momentum,
      lr,
      dampening,
      nesterov,
      maximize,
      isFirstStep,
      ...scalingOn(scaling, batch.params[indices[0]!]!.device),
    });
  }
}

function copyOf(grad: Tensor): Tensor {
  const alias = grad.detach();
  const copy = alias.clone();
  alias.dispose();
  return copy;
}
