import { logitsOf, type Network } from '../models/index.js';
import { functional } from '../nn/index.js';
import { noGrad } from '../tensor/index.js';
import { runPass, type PassOptions, type PassOutcome } from './pass.js';

/** What an evaluation pass needs besides its loader. */
export interface TestEpochOptions extends PassOptions {
  readonly model: Network;
}

/** One pass in eval mode without gradients: loss and top-1 error of every batch. */
export async function testEpoch(options: TestEpochOptions): Promise<PassOutcome> {
  const { model, precision } = options;
  model.eval();
  return runPass(options, (input, target) =>
    noGrad(() => {
      const { output, loss } = precision.forward(() => {
        const logits = logitsOf(model.call(input));
        return { output: logits, loss: functional.crossEntropy(logits, target) };
      });
      return { loss, logits: output, target };
    }),
  );
}
