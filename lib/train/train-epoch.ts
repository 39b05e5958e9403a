import { functional, type Module } from '../nn/index.js';
import type { SGD } from '../optim/index.js';
import type { Tensor } from '../tensor/index.js';
import { runPass, top1Error, type BatchResult, type PassOptions, type PassOutcome } from './pass.js';

/** What a training pass needs besides its loader. */
export interface TrainEpochOptions extends Omit<PassOptions, 'phase'> {
  readonly model: Module;
  readonly optimizer: SGD;
  /** Called with the numbers of each iteration as it ends. */
  readonly logged?: (iteration: number, result: BatchResult) => void;
}

/**
 * One epoch of training: forward, cross entropy, top-1 error, backward and a step of the optimizer for each batch, in
 * the order of the efficient_densenet_pytorch script.
 */
export async function trainEpoch(options: TrainEpochOptions): Promise<PassOutcome> {
  const { model, optimizer, logged } = options;
  model.train();
  return runPass(
    { ...options, phase: 'train' },
    (input, target) => {
      const output = model.call(input) as Tensor;
      const loss = functional.crossEntropy(output, target);
      const result = { error: top1Error(output, target), loss: loss.item() };
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return result;
    },
    logged,
  );
}
