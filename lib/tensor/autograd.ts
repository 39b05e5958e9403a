import { native } from '../native/load.js';
import { runEngine } from './autograd/anomaly.js';
import { runBackwardAsync } from './autograd/backward-async.js';
import { TorchError } from './errors.js';
import { writeTape } from './tape.js';
import { backwardInputs, Tensor, tensorAt } from './tensor.js';

export interface GradOptions {
  /** One gradient an output, null for an output of one element. */
  gradOutputs?: Tensor | readonly (Tensor | null)[] | undefined;
  retainGraph?: boolean | undefined;
  createGraph?: boolean | undefined;
  /** Gives null for an input that no output depends on, instead of an error. */
  allowUnused?: boolean | undefined;
}

const listOf = <T>(value: T | readonly T[]): readonly T[] =>
  Array.isArray(value) ? (value as readonly T[]) : [value as T];

/**
 * The gradients of outputs with respect to inputs, without touching any `.grad`.
 * @returns one an input, of its shape; null only with `allowUnused`.
 * @throws TorchError `runtime` as PyTorch does, e.g. for an input that was not used in the graph.
 * @see torch.autograd.grad
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions & { allowUnused: true },
): (Tensor | null)[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options?: GradOptions,
): Tensor[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const from = listOf(outputs);
  const gradients =
    options.gradOutputs === undefined ? from.map(() => null) : listOf<Tensor | null>(options.gradOutputs);
  if (gradients.length !== from.length) {
    throw new TorchError(
      'value',
      `Expected ${String(from.length)} gradOutputs but received ${String(gradients.length)}`,
    );
  }
  writeTape(from, gradients, listOf(inputs));
  const { retainGraph, createGraph = false, allowUnused = false } = options;
  const slots = runEngine(() => native.gradOf(retainGraph, createGraph, allowUnused));
  return slots.map((slot) => (slot < 0 ? null : tensorAt(slot)));
}

/** What {@link backward} takes besides its outputs. */
export interface BackwardAllOptions {
  /** One gradient an output, null for an output of one element. */
  gradTensors?: readonly (Tensor | null)[];
  retainGraph?: boolean;
  createGraph?: boolean;
  /** Only these leaves receive gradients. */
  inputs?: Tensor | readonly Tensor[];
}

function writeBackward(tensors: Tensor | readonly Tensor[], options: BackwardAllOptions): void {
  const from = listOf(tensors);
  const gradients = options.gradTensors ?? from.map(() => null);
  if (gradients.length !== from.length) {
    throw new TorchError(
      'value',
      `Expected ${String(from.length)} gradTensors but received ${String(gradients.length)}`,
    );
  }
  writeTape(from, gradients, backwardInputs(options.inputs));
}

/**
 * Accumulates the gradients of several outputs into the leaves they were computed from.
 * @see torch.autograd.backward
 */
export function backward(tensors: Tensor | readonly Tensor[], options: BackwardAllOptions = {}): void {
  writeBackward(tensors, options);
  runEngine(() => native.backward(options.retainGraph, options.createGraph ?? false));
}

/** {@link backward} off the event loop; see {@link Tensor.backwardAsync}. */
export function backwardAsync(tensors: Tensor | readonly Tensor[], options: BackwardAllOptions = {}): Promise<void> {
  writeBackward(tensors, options);
  return runBackwardAsync(options.retainGraph, options.createGraph ?? false);
}
