import { native } from '../../native/load.js';
import { isComplex, isFloatingPoint } from '../dtype.js';
import { TorchError } from '../errors.js';
import { operatorIndex } from '../operators.js';
import { refusePromise } from '../scope.js';
import { callOperator } from '../tape.js';
import type { Tensor } from '../tensor.js';

let currentLevel = -1;

/** Begins a level of forward mode; there can be one at a time in the process. @see torch.autograd.forward_ad.enter_dual_level */
export function enterDualLevel(): number {
  const level = native.enterDualLevel();
  if (level !== currentLevel + 1) {
    native.exitDualLevel(level);
    throw new TorchError(
      'runtime',
      'Entering a new forward AD level but the current level is not valid. Make sure you did not modify it directly.',
    );
  }
  currentLevel = level;
  return level;
}

/** Ends the level: tangents of its dual tensors are gone. @see torch.autograd.forward_ad.exit_dual_level */
export function exitDualLevel(options: { level?: number } = {}): void {
  const level = options.level ?? currentLevel;
  if (level !== currentLevel || level < 0) {
    throw new TorchError(
      'runtime',
      'Trying to exit a forward AD level that was not the last one that was created. This is not supported.',
    );
  }
  native.exitDualLevel(level);
  currentLevel = level - 1;
}

/**
 * Runs a synchronous function in a level of forward mode.
 * ```ts
 * const tangent = forwardAd.dualLevel(() => forwardAd.unpackDual(f(forwardAd.makeDual(x, v))).tangent);
 * ```
 * @see torch.autograd.forward_ad.dual_level
 */
export function dualLevel<T>(fn: () => T): T {
  const level = enterDualLevel();
  try {
    const result = fn();
    refusePromise(result, 'dualLevel');
    return result;
  } finally {
    exitDualLevel({ level });
  }
}

function checkDifferentiable(tensor: Tensor, what: string): void {
  if (isFloatingPoint(tensor.dtype) || isComplex(tensor.dtype)) return;
  throw new TorchError('value', `Expected ${what} to be floating point or complex, but got: torch.${tensor.dtype}`);
}

/**
 * A tensor that carries a tangent along, through every operator with a forward derivative.
 * @param tangent of the primal's shape and dtype
 * @see torch.autograd.forward_ad.make_dual
 */
export function makeDual(primal: Tensor, tangent: Tensor, options: { level?: number } = {}): Tensor {
  const level = options.level ?? currentLevel;
  if (level < 0) {
    throw new TorchError(
      'runtime',
      'Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first.',
    );
  }
  checkDifferentiable(primal, 'primal');
  checkDifferentiable(tangent, 'tangent');
  return callOperator(operatorIndex('_make_dual'), [primal, tangent, level]) as Tensor;
}

export interface UnpackedDual {
  primal: Tensor;
  /** Null when none was carried. */
  tangent: Tensor | null;
}

/** The two parts of a dual tensor. @see torch.autograd.forward_ad.unpack_dual */
export function unpackDual(tensor: Tensor, options: { level?: number } = {}): UnpackedDual {
  const level = options.level ?? currentLevel;
  if (level < 0) return { primal: tensor, tangent: null };
  const [primal, tangent] = callOperator(operatorIndex('_unpack_dual'), [tensor, level]) as [Tensor, Tensor | null];
  return { primal, tangent };
}
