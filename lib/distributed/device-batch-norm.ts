import { autograd, cuda, empty, emptyLike, full, ops, type Tensor, TorchError, zeros } from '../tensor/index.js';
import { allGather, allGatherInto, allReduce } from './collectives.js';
import type { ProcessGroup } from './process-group.js';

/** libtorch's operators for a synchronised batch norm; they have kernels on accelerators only. */
export interface SyncedNormOperators {
  /** Mean and 1 / √(variance + eps) of each channel of this process. */
  batchNormStats(x: Tensor, eps: number): [Tensor, Tensor];
  /** Those of all processes together, from one row a process; moves the running statistics. */
  batchNormGatherStatsWithCounts(
    x: Tensor,
    mean: Tensor,
    invstd: Tensor,
    runningMean: Tensor | null,
    runningVar: Tensor | null,
    momentum: number,
    eps: number,
    counts: Tensor,
  ): [Tensor, Tensor];
  batchNormElemt(
    x: Tensor,
    weight: Tensor | null,
    bias: Tensor | null,
    mean: Tensor,
    invstd: Tensor,
    eps: number,
  ): Tensor;
  /** Of this process: sums of dy and of dy · (x - mean), gradients of weight and bias. */
  batchNormBackwardReduce(
    dy: Tensor,
    x: Tensor,
    mean: Tensor,
    invstd: Tensor,
    weight: Tensor | null,
    byInput: boolean,
    byWeight: boolean,
    byBias: boolean,
  ): [Tensor, Tensor, Tensor, Tensor];
  batchNormBackwardElemt(
    dy: Tensor,
    x: Tensor,
    mean: Tensor,
    invstd: Tensor,
    weight: Tensor | null,
    sumDy: Tensor,
    sumDyXmu: Tensor,
    counts: Tensor,
  ): Tensor;
}

/** What a forward of the norm is made of. */
export interface SyncedNormCall {
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
  readonly eps: number;
  readonly momentum: number;
  readonly group: ProcessGroup;
}

/**
 * A batch norm over the batches of all processes of a group, on an accelerator: PyTorch's own operators, in its order.
 * @param x `[N, C, ...]` on the device; N may be 0 on some of the processes.
 * @param operators what computes; others than libtorch's where there is no accelerator.
 * @see torch.nn.modules._functions.SyncBatchNorm
 */
export function deviceBatchNorm(x: Tensor, call: SyncedNormCall, operators: SyncedNormOperators = ops): Tensor {
  const { weight, bias, runningMean, runningVar, eps, momentum, group } = call;
  return DeviceBatchNorm.apply(x, weight, bias, runningMean, runningVar, eps, momentum, group, operators);
}

/** In one of the orders of elements that the operators know. */
function ordered(x: Tensor): Tensor {
  return x.isContiguous('channels_last') || x.isContiguous('channels_last_3d') ? x : x.contiguous();
}

/** The dtype of the statistics, which a process without pictures sends too: PyTorch's would be that of the pictures, and not match. */
const statsDtype = (x: Tensor): 'float32' | 'float64' => (x.dtype === 'float64' ? 'float64' : 'float32');

/** What each process knows of its part: a row `[2C + 1]` a process. */
function gathered(own: Tensor, group: ProcessGroup): Tensor {
  const { dtype, device } = own;
  if (group.backend.includes('nccl')) {
    const flat = empty([1, own.numel() * group.size], { dtype, device });
    allGatherInto(flat, own, { group }).wait();
    return flat.reshape([group.size, own.numel()]);
  }
  const rows = Array.from({ length: group.size }, () => emptyLike(own));
  allGather(rows, own, { group }).wait();
  return ops.stack(rows);
}

type Ctx = autograd.FunctionCtx & { group?: ProcessGroup; operators?: SyncedNormOperators };

class DeviceBatchNorm extends autograd.Function {
  static forward(
    ctx: Ctx,
    given: Tensor,
    givenWeight: Tensor | null,
    bias: Tensor | null,
    runningMean: Tensor | null,
    runningVar: Tensor | null,
    eps: number,
    momentum: number,
    group: ProcessGroup,
    operators: SyncedNormOperators,
  ): Tensor {
    const x = ordered(given);
    const weight = givenWeight?.contiguous() ?? null;
    const { device } = x;
    const channels = x.shape[1]!;
    const count = x.numel() / channels;
    let own: Tensor;
    if (count > 0) {
      const [mean, invstd] = operators.batchNormStats(x, eps);
      own = ops.cat([mean, invstd, full([1], count, { dtype: mean.dtype, device })]);
    } else {
      own = zeros([2 * channels + 1], { dtype: statsDtype(x), device });
    }
    const all = gathered(own, group);
    let [means, invstds, counts] = [
      all.narrow(1, 0, channels),
      all.narrow(1, channels, channels),
      all.narrow(1, 2 * channels, 1),
    ];
    // How many processes have pictures is known on the device alone: a graph that is being captured cannot ask.
    if (!cuda.isCurrentStreamCapturing()) {
      const some = counts.squeeze(-1).ge(1);
      [means, invstds, counts] = [means.get(some), invstds.get(some), counts.get(some)];
      if (counts.numel() === 0) {
        throw new TorchError(
          'value',
          `Expected more than 1 value per channel when training, got input size [${x.shape.join(', ')}]`,
        );
      }
    }
    let divisors = counts.view([-1]);
    if (runningMean !== null) divisors = divisors.to(runningMean.dtype);
    const [mean, invstd] = operators.batchNormGatherStatsWithCounts(
      x,
      means,
      invstds,
      runningMean,
      runningVar,
      momentum,
      eps,
      divisors,
    );
    ctx.saveForBackward(x, weight, mean, invstd, counts.to('int32'));
    Object.assign(ctx, { group, operators });
    return count > 0 ? operators.batchNormElemt(x, weight, bias, mean, invstd, eps) : emptyLike(x);
  }

  static backward = autograd.onceDifferentiable((ctx: Ctx, gradient: Tensor) => {
    const [x, weight, mean, invstd, counts] = ctx.savedTensors as [Tensor, Tensor | null, Tensor, Tensor, Tensor];
    const operators = ctx.operators!;
    const sum = (both: Tensor): Tensor => allReduce(both, { group: ctx.group! }).wait();
    const [byInput = false, byWeight = false, byBias = false] = ctx.needsInputGrad;
    const none = [null, null, null, null, null, null];
    if (x.numel() === 0) {
      // The others wait for it; its gradients are zeros.
      if (byInput) sum(zeros([2 * x.shape[1]!], { dtype: statsDtype(x), device: x.device }));
      return [null, null, null, ...none];
    }
    const dy = ordered(gradient);
    const [ownDy, ownDyXmu, weightGradient, biasGradient] = operators.batchNormBackwardReduce(
      dy,
      x,
      mean,
      invstd,
      weight,
      byInput,
      byWeight,
      byBias,
    );
    let inputGradient: Tensor | null = null;
    if (byInput) {
      const channels = ownDy.shape[0]!;
      const both = sum(ops.cat([ownDy, ownDyXmu]));
      inputGradient = operators.batchNormBackwardElemt(
        dy,
        x,
        mean,
        invstd,
        weight?.to(mean.dtype) ?? null,
        both.narrow(0, 0, channels),
        both.narrow(0, channels, channels),
        counts,
      );
    }
    return [
      inputGradient,
      weight !== null && byWeight ? weightGradient : null,
      weight !== null && byBias ? biasGradient : null,
      ...none,
    ];
  });
}
