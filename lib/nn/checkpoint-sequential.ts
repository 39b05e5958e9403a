import { checkpoint, type Tensor, TorchError } from '../tensor/index.js';
import { warnOnce } from '../tensor/warn-once.js';
import { replaceBy } from './intermediate.js';
import type { Module } from './module.js';
import { type Layer, Sequential } from './sequential.js';

export interface CheckpointSequentialOptions {
  /** As for `checkpoint`; left out it is true, with PyTorch's warning. */
  useReentrant?: boolean | undefined;
  /** Recomputes with the random numbers of the first run; default true. */
  preserveRngState?: boolean | undefined;
}

/** What can stand in a list of functions. */
export type SequentialFunction = Module | ((x: Tensor) => Tensor);

const callOf = (each: SequentialFunction): ((x: Tensor) => Tensor) =>
  typeof each === 'function' ? each : (x) => (each as Layer).call(x);

/**
 * Runs modules or functions one after the other, cut into segments of equal length; all segments but the last keep only their
 * inputs for backward, which computes the rest again.
 * ```ts
 * const y = nn.checkpointSequential(model.features, 4, images, { useReentrant: false });
 * ```
 * @param segments how many; the last one takes what does not divide evenly.
 * @see torch.utils.checkpoint.checkpoint_sequential
 */
export function checkpointSequential(
  functions: Sequential | readonly SequentialFunction[],
  segments: number,
  input: Tensor,
  options: CheckpointSequentialOptions = {},
): Tensor {
  let { useReentrant } = options;
  if (useReentrant === undefined) {
    warnOnce(
      'torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. In version 2.9 we will raise an exception if use_reentrant is not passed. use_reentrant=False is recommended, but if you need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for more details on the differences between the two variants.',
    );
    useReentrant = true;
  }
  const steps = [...functions].map(callOf);
  const size = Math.floor(steps.length / segments);
  if (!Number.isInteger(segments) || segments < 1 || (segments > 1 && size === 0)) {
    throw new TorchError(
      'value',
      `Expected 1 to ${steps.length} segments for ${steps.length} functions but received ${segments}`,
    );
  }
  const through =
    (part: readonly ((x: Tensor) => Tensor)[]) =>
    (x: Tensor): Tensor => {
      let current = x;
      for (const step of part) {
        const next = step(current);
        current = current === x ? next : replaceBy(current, next);
      }
      return current;
    };
  const { preserveRngState = true } = options;
  let current = input;
  for (let segment = 0; segment < segments - 1; ++segment) {
    const part = through(steps.slice(segment * size, (segment + 1) * size));
    const next: Tensor = checkpoint(part, current, { useReentrant, preserveRngState });
    current = current === input ? next : replaceBy(current, next);
  }
  const last = through(steps.slice((segments - 1) * size))(current);
  return current === input ? last : replaceBy(current, last);
}
