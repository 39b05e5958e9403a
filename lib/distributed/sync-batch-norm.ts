import { BatchNorm, batchSettings, type BatchNormOptions } from '../nn/batch-norm.js';
import { batchNorm } from '../nn/norm-functional.js';
import type { Module } from '../nn/index.js';
import { autograd, emptyLike, ops, type Tensor, TorchError, zeros } from '../tensor/index.js';
import { allGather, allReduce } from './collectives.js';
import { deviceBatchNorm } from './device-batch-norm.js';
import { isInitialized, groupOf } from './groups.js';
import type { ProcessGroup } from './process-group.js';

/** Options of {@link SyncBatchNorm}. */
export interface SyncBatchNormOptions extends BatchNormOptions {
  /** The processes whose batches are one; default the whole job. */
  readonly group?: ProcessGroup | undefined;
}

/**
 * Batch normalisation over the batches of all processes of a group: mean and variance are those of the whole batch, forward and
 * backward. In evaluation, in a group of one, and before there is a group it is {@link nn.BatchNorm2d}'s computation. For `[N, C, ...]` of
 * any number of dimensions; processes may have batches of different sizes, or none.
 *
 * On CUDA it is PyTorch's computation, by libtorch's own operators. On the CPU, where PyTorch has none, moments are joined in float64.
 * Gradients of weight and bias are those of the process's own part, which
 * {@link DistributedDataParallel} averages. All processes of the group run the same norms in the same order.
 * @see torch.nn.SyncBatchNorm
 */
export class SyncBatchNorm extends BatchNorm {
  /** The processes whose batches are one; undefined for the whole job. */
  readonly group: ProcessGroup | undefined;

  constructor(numFeatures: number, options: SyncBatchNormOptions = {}) {
    const { group, ...rest } = options;
    super(numFeatures, rest);
    this.group = group;
  }

  protected override checkInput({ ndim, shape }: Tensor): void {
    if (ndim < 2) throw new TorchError('value', `expected at least 2D input (got ${ndim}D input)`);
    if (shape[1] === 0) throw new TorchError('value', 'SyncBatchNorm number of input channels should be non-zero');
  }

  /**
   * @param x `[N, C, ...]`, float32 | float64 | bfloat16, on CUDA float16 too; N may be 0 on some of the processes.
   * @throws TorchError `value` for another number of dimensions or channels, or (on the CPU) for one value a channel in all processes
   *   together; what the collectives throw.
   */
  override forward(x: Tensor): Tensor {
    this.checkInput(x);
    const group = this.training && (this.group !== undefined || isInitialized()) ? groupOf(this.group) : undefined;
    const { weight, bias, eps } = this;
    const { mean, variance, momentum, training } = batchSettings(this);
    if (group === undefined || group.size === 1) {
      return batchNorm(x, mean, variance, { weight, bias, eps, momentum, training });
    }
    if (x.shape[1] !== this.numFeatures) {
      throw new TorchError('value', `Expected ${this.numFeatures} channels but received ${x.shape[1] ?? 0}`);
    }
    if (x.device !== 'cpu') {
      return deviceBatchNorm(x, { weight, bias, runningMean: mean, runningVar: variance, eps, momentum, group });
    }
    return SyncedNorm.apply(x, weight, bias, mean, variance, eps, momentum, group);
  }
}

/**
 * Puts a {@link SyncBatchNorm} in the place of every batch norm of a network, those of classes that extend one and older
 * SyncBatchNorms among them; it takes over parameters, buffers and mode. Make optimizers and {@link DistributedDataParallel} afterwards or
 * before: the parameters stay the same objects.
 * @returns the network, or the new norm where it was itself a norm.
 * @see torch.nn.SyncBatchNorm.convert_sync_batchnorm
 */
export function convertSyncBatchNorm(module: Module, options: { readonly group?: ProcessGroup } = {}): Module {
  if (module instanceof BatchNorm) return synced(module, options.group);
  for (const [name, child] of module.members().children) {
    if (child === null) continue;
    const converted = convertSyncBatchNorm(child, options);
    if (converted === child) continue;
    if (Object.hasOwn(module, name)) Reflect.set(module, name, converted);
    else module.addModule(name, converted);
  }
  return module;
}

function synced(norm: BatchNorm, group: ProcessGroup | undefined): SyncBatchNorm {
  const { numFeatures, eps, momentum } = norm;
  // Without tensors of its own, which would only be thrown away.
  const made = new SyncBatchNorm(numFeatures, { eps, momentum, affine: false, trackRunningStats: false, group });
  made.training = norm.training;
  Object.assign(made, { affine: norm.affine, trackRunningStats: norm.trackRunningStats });
  for (const [name, parameter] of norm.members().parameters) Reflect.set(made, name, parameter);
  for (const [name, buffer] of norm.members().buffers) Reflect.set(made, name, buffer);
  return made;
}

/** All dimensions but the channels'. */
const others = (x: Tensor): number[] => x.shape.map((_, dim) => dim).filter((dim) => dim !== 1);

/** `[C]` as a picture's channels. */
const across = (x: Tensor, values: Tensor): Tensor => values.view(x.shape.map((_, dim) => (dim === 1 ? -1 : 1)));

/** Mean, and sum of squares around it, of each channel, and the count: `[2C + 1]` in float64. */
function ownMoments(x: Tensor): Tensor {
  const channels = x.shape[1]!;
  const count = x.numel() / channels;
  if (count === 0) return zeros([2 * channels + 1], { dtype: 'float64' });
  const wide = x.dtype === 'float64' ? x : x.to('float32');
  const [variance, mean] = ops.varMean(wide, others(x), { correction: 0 });
  const squares = variance.to('float64').mul(count);
  return ops.cat([mean.to('float64'), squares, zeros([1], { dtype: 'float64' }).add(count)]);
}

/** Those of all processes together. */
function jointMoments(x: Tensor, group: ProcessGroup): { count: number; mean: Tensor; squares: Tensor } {
  const channels = x.shape[1]!;
  const all = Array.from({ length: group.size }, () => zeros([2 * channels + 1], { dtype: 'float64' }));
  allGather(all, ownMoments(x), { group }).wait();
  const rows = ops.stack(all);
  const [means, squares] = [rows.narrow(1, 0, channels), rows.narrow(1, channels, channels)];
  const counts = rows.narrow(1, 2 * channels, 1);
  const count = counts.sum().item();
  const mean = means.mul(counts).sum(0).div(count);
  return { count, mean, squares: squares.add(means.sub(mean).square().mul(counts)).sum(0) };
}

class SyncedNorm extends autograd.Function {
  static forward(
    ctx: autograd.FunctionCtx & { eps?: number; count?: number; group?: ProcessGroup },
    x: Tensor,
    weight: Tensor | null,
    bias: Tensor | null,
    runningMean: Tensor | null,
    runningVar: Tensor | null,
    eps: number,
    momentum: number,
    group: ProcessGroup,
  ): Tensor {
    const { count, mean, squares } = jointMoments(x, group);
    if (!(count > 1)) {
      throw new TorchError(
        'value',
        `Expected more than 1 value per channel when training, got input size [${x.shape.join(', ')}]`,
      );
    }
    const dtype = (weight ?? runningMean)?.dtype ?? (x.dtype === 'float64' ? 'float64' : 'float32');
    const variance = squares.div(count);
    runningMean?.mul_(1 - momentum).add_(mean.to(runningMean.dtype), { alpha: momentum });
    runningVar?.mul_(1 - momentum).add_(squares.div(count - 1).to(runningVar.dtype), { alpha: momentum });
    const [ownMean, ownVariance] = [mean.to(dtype), variance.to(dtype)];
    ctx.saveForBackward(x, weight, ownMean, variance.add(eps).rsqrt().to(dtype));
    Object.assign(ctx, { eps, count, group });
    if (x.numel() === 0) return emptyLike(x);
    return ops.nativeBatchNorm(x, weight, bias, ownMean, ownVariance, false, 0, eps)[0];
  }

  static backward = autograd.onceDifferentiable(
    (ctx: autograd.FunctionCtx & { eps?: number; count?: number; group?: ProcessGroup }, gradient: Tensor) => {
      const [x, weight, mean, invstd] = ctx.savedTensors as [Tensor, Tensor | null, Tensor, Tensor];
      const wide = x.dtype === 'float64' ? 'float64' : 'float32';
      const centred = x.to(wide).sub(across(x, mean));
      const dy = gradient.to(wide);
      const sum = dy.sum(others(x), false, { dtype: 'float64' });
      const product = dy.mul(centred).sum(others(x), false, { dtype: 'float64' });
      const own = [product.mul(invstd), sum] as const;
      const both = ops.stack([sum, product]);
      allReduce(both, { group: ctx.group! }).wait();
      const [meanGradient, meanProduct] = both.div(ctx.count!).unbind(0) as [Tensor, Tensor];
      const slope = meanProduct.mul(invstd.to('float64').square()).to(wide);
      const scale = weight === null ? invstd.to(wide) : invstd.to(wide).mul(weight);
      const byInput = dy
        .sub(across(x, meanGradient.to(wide)))
        .sub_(centred.mul_(across(x, slope)))
        .mul_(across(x, scale));
      const toWeight = (values: Tensor): Tensor => values.to(weight?.dtype ?? x.dtype);
      return [
        byInput.to(x.dtype),
        weight === null ? null : toWeight(own[0]),
        ctx.needsInputGrad[2] === true ? toWeight(own[1]) : null,
        ...[null, null, null, null, null],
      ];
    },
  );
}
