import { AvgPool2d, MaxPool2d, type Module } from '../nn/index.js';
import { TorchError } from '../tensor/index.js';
import { TRANSITION_POOLS, type TransitionPool } from './transition-pools.js';

/** The layer that halves height and width between two blocks. @throws TorchError `value` for another name. */
export function transitionPool(pool: TransitionPool): Module {
  if (!TRANSITION_POOLS.includes(pool))
    throw new TorchError('value', `Expected ${TRANSITION_POOLS.join(' or ')} for transitionPool but received ${pool}`);
  return pool === 'avg' ? new AvgPool2d({ kernelSize: 2, stride: 2 }) : new MaxPool2d({ kernelSize: 2, stride: 2 });
}
