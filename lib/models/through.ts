import { replaceBy, type Layer } from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';

/** A layer, or what a network does between two. */
export type Step = Layer | ((x: Tensor) => Tensor);

/**
 * Applies steps one after the other. Each result is let go as soon as the next one exists, as where Python assigns to one
 * variable again and again; `x` itself stays.
 */
export function through(x: Tensor, ...steps: readonly Step[]): Tensor {
  let current = x;
  for (const step of steps) {
    const next = typeof step === 'function' ? step(current) : step.call(current);
    current = current === x ? next : replaceBy(current, next);
  }
  return current;
}

/** `[N, C, H, W]` to `[N, C·H·W]`. */
export function flatten(x: Tensor): Tensor {
  return x.flatten(1);
}
