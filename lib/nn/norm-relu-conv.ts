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
 * @param options.faster only where it saves time and not just memory: contiguous float32 and float64 on the CPU.
 * @param options.again in the second run of a checkpoint: hooks that have come since the first are not looked for.
 * @returns `[N, Cout, H', W']`; undefined where the modules themselves must do it: no gradients are recorded, a module has
 *   hooks or is of a class of its own, autocast or forward-mode differentiation is on, or the features do not fit.
 */
export function normReluConv(
  features: readonly Tensor[],
  norm: BatchNorm2d,
  relu: ReLU,
  conv: Conv2d,
  options: { readonly faster?: boolean; readonly again?: boolean } = {},
): Tensor | undefined {
  const plain = isPlain(norm, BatchNorm2d) && isPlain(relu, ReLU) && isPlain(conv, Conv2d);
  if (!plain && options.again !== true) return undefined;
  if (conv.paddingMode !== 'zeros' || typeof conv.padding === 'string') return undefined;
  const { weight, bias, stride, padding, dilation, groups } = conv;
  writeTape(features, ...normArguments(norm), weight, bias, stride, padding, dilation, groups, options.faster ?? false);
  return result();
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
