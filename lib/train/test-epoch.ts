import { functional, type Module } from '../nn/index.js';
import { noGrad, type Tensor } from '../tensor/index.js';
import { runPass, top1Error, type PassOptions, type PassOutcome } from './pass.js';

/** What an evaluation pass needs besides its loader. */
export interface TestEpochOptions extends PassOptions {
  readonly model: Module;
}

/** One pass in eval mode without gradients: loss and top-1 error of every batch. */
export async function testEpoch(options: TestEpochOptions): Promise<PassOutcome> {
  const { model } = options;
  model.eval();
  return runPass(options, (input, target) =>
    noGrad(() => {
      const output = model.call(input) as Tensor;
      const loss = functional.crossEntropy(output, target);
      return { error: top1Error(output, target), loss: loss.item() };
    }),
  );
}
