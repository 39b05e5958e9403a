import { logitsOf, type Network } from '../models/index.js';
import { functional } from '../nn/index.js';
import { noGrad } from '../tensor/index.js';
import { runPass, top1Error, type PassOptions, type PassOutcome } from './pass.js';

/** What an evaluation pass needs besides its loader. */
export interface TestEpochOptions extends PassOptions {
  readonly model: Network;
}

/** One pass in eval mode without gradients: loss and top-1 error of every batch. */
export async function testEpoch(options: TestEpochOptions): Promise<PassOutcome> {
  const { model } = options;
  model.eval();
  return runPass(options, (input, target) =>
    noGrad(() => {
      const output = logitsOf(model.call(input));
      const loss = functional.crossEntropy(output, target);
      return { error: top1Error(output, target), loss: loss.item() };
    }),
  );
}
