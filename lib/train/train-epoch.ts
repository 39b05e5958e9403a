import type { Network } from '../models/index.js';
import { clipGradNorm } from '../nn/index.js';
import type { GradScaler, Optimizer } from '../optim/index.js';
import type { GraphedTraining } from './graphed-training.js';
import { lossOf, type Objective } from './objective.js';
import { backward, stepWith } from './precision.js';
import { runPass, type BatchResult, type PassOptions, type PassOutcome } from './pass.js';

/** What a training pass needs besides its loader. */
export interface TrainEpochOptions extends Omit<PassOptions, 'phase'> {
  readonly model: Network;
  readonly optimizer: Optimizer;
  readonly objective: Objective;
  /** Of a run in float16. */
  readonly scaler?: GradScaler | null;
  /** Takes the steps in place of the loop here, in a run whose steps are recorded. */
  readonly graphed?: GraphedTraining | null;
  /** Called with the numbers of each iteration as it ends. */
  readonly logged?: (iteration: number, result: BatchResult) => void;
  /** Called after each step of the optimizer. */
  readonly stepped?: () => void;
}

/**
 * One epoch of training: forward, cross entropy, top-1 error, backward and a step of the optimizer for each batch, in
 * the order of the efficient_densenet_pytorch script. With `accumulate` a step comes after so many batches, each with its part
 * of the loss, and after the last one.
 */
export async function trainEpoch(options: TrainEpochOptions): Promise<PassOutcome> {
  const { model, optimizer, objective, logged, stepped, loader, precision, scaler = null, graphed = null } = options;
  const { accumulate, clipGradNorm: maxNorm } = objective;
  const parameters = optimizer.paramGroups.flatMap(({ params }) => params);
  model.train();
  let batch = options.place?.loader.batches ?? 0;
  return runPass(
    { ...options, phase: 'train' },
    (input, target) => {
      if (graphed !== null) {
        const outcome = graphed.step(input, target);
        stepped?.();
        return outcome;
      }
      const { loss, logits } = precision.forward(() => lossOf(model.call(input), target, objective));
      if (batch % accumulate === 0) optimizer.zeroGrad();
      backward(accumulate === 1 ? loss : loss.div(accumulate), scaler);
      batch += 1;
      if (batch % accumulate === 0 || batch === loader.length) {
        stepWith(optimizer, scaler, maxNorm === null ? null : () => void clipGradNorm(parameters, maxNorm));
        stepped?.();
      }
      return { loss, logits, target };
    },
    logged,
  );
}
