import { native } from '../native/load.js';
import type { Tensor } from '../tensor/index.js';
import { writeTape } from '../tensor/tape.js';
import { tensorAt } from '../tensor/tensor.js';
import { ReLU } from './activations.js';
import { BatchNorm2d } from './batch-norm.js';
import { Conv2d } from './conv.js';
import type { Module } from './module.js';
import { pair } from './pair.js';
import { MaxPool2d } from './pooling.js';

/** Whether a module does what its class does, and nobody looks on. */
function isPlain(module: Module, kind: { readonly prototype: Module }): boolean {
  return (
    Object.getPrototypeOf(module) === kind.prototype &&
    !module.hasHooks() &&
    module.forward === kind.prototype.forward &&
    module.call === kind.prototype.call
  );
}

/**
 * Joins features along their channels, normalises them, applies ReLU and a convolution, as one function of autograd: it keeps
 * the features and the moments of the batch, and rebuilds the rest in backward. The values, the gradients and the running
 * statistics are those of the three modules, bit for bit.
 * @param features `[N, Ci, H, W]` each.
 * @param options.checkpointed inside of a checkpoint: only where it saves time and not just memory, for contiguous float32 and
 *   float64 on the CPU. Either run of the checkpoint may be the modules' own, after {@link savedAsOne}.
 * @returns `[N, Cout, H', W']`; undefined where the modules themselves must do it: no gradients are recorded, a module has
 *   hooks or is of a class of its own, autocast or forward-mode differentiation is on, or the features do not fit.
 */
export function normReluConv(
  features: readonly Tensor[],
  norm: BatchNorm2d,
  relu: ReLU,
  conv: Conv2d,
  options: { readonly checkpointed?: boolean } = {},
): Tensor | undefined {
  if (!isPlain(norm, BatchNorm2d) || !isPlain(relu, ReLU) || !isPlain(conv, Conv2d)) return undefined;
  if (conv.paddingMode !== 'zeros' || typeof conv.padding === 'string') return undefined;
  const { weight, bias, stride, padding, dilation, groups } = conv;
  writeTape(
    features,
    ...normArguments(norm),
    weight,
    bias,
    stride,
    padding,
    dilation,
    groups,
    options.checkpointed ?? false,
  );
  return result();
}

/**
 * Before modules compute again what in forward was {@link normReluConv}: saves what the function saves and modules do not. What the
 * modules save has places behind it.
 */
export function savedAsOne(features: readonly Tensor[], norm: BatchNorm2d): void {
  writeTape(norm.bias === null ? features : [...features, norm.bias]);
  native.normReluConvSaved();
}

/**
 * Normalises, applies ReLU and takes the largest values of windows, as one function of autograd; otherwise as {@link normReluConv}.
 * @param x `[N, C, H, W]`.
 * @returns `[N, C, H', W']`; undefined where the modules themselves must do it.
 */
export function normReluPool(x: Tensor, norm: BatchNorm2d, relu: ReLU, pool: MaxPool2d): Tensor | undefined {
  if (!isPlain(norm, BatchNorm2d) || !isPlain(relu, ReLU) || !isPlain(pool, MaxPool2d)) return undefined;
  const { kernelSize, stride, padding, dilation, ceilMode } = pool;
  const sizes = [pair(stride), pair(padding), pair(dilation)] as const;
  writeTape([x], ...normArguments(norm), null, null, ...sizes, ceilMode, pair(kernelSize));
  return result();
}

function normArguments(norm: BatchNorm2d) {
  const { training, trackRunningStats: tracks, running_mean: mean, running_var: variance } = norm;
  const tracked = !training || tracks;
  return [
    norm.weight,
    norm.bias,
    tracked ? mean : null,
    tracked ? variance : null,
    training && tracks ? norm.num_batches_tracked : null,
    training || (mean === null && variance === null),
    norm.momentum,
    norm.eps,
  ] as const;
}

function result(): Tensor | undefined {
  const slot = native.normReluConv();
  return slot < 0 ? undefined : tensorAt(slot);
}
