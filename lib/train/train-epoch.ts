import { logitsOf, type Network } from '../models/index.js';
import { clipGradNorm, functional } from '../nn/index.js';
import type { GradScaler, Optimizer } from '../optim/index.js';
import type { Tensor } from '../tensor/index.js';
import type { RunConfig } from './config-schema.js';
import { backward, stepWith } from './precision.js';
import { runPass, top1Error, type BatchResult, type PassOptions, type PassOutcome } from './pass.js';

/** What the options of a run say of a step. */
export type Objective = Pick<RunConfig, 'labelSmoothing' | 'accumulate' | 'clipGradNorm'>;

/** What a training pass needs besides its loader. */
export interface TrainEpochOptions extends Omit<PassOptions, 'phase'> {
  readonly model: Network;
  readonly optimizer: Optimizer;
  readonly objective: Objective;
  /** Of a run in float16. */
  readonly scaler?: GradScaler | null;
  /** Called with the numbers of each iteration as it ends. */
  readonly logged?: (iteration: number, result: BatchResult) => void;
  /** Called after each step of the optimizer. */
  readonly stepped?: () => void;
}

/** The part that GoogLeNet's authors gave to the losses of its auxiliary classifiers. */
const AUXILIARY = 0.3;

/**
 * One epoch of training: forward, cross entropy, top-1 error, backward and a step of the optimizer for each batch, in
 * the order of the efficient_densenet_pytorch script. With `accumulate` a step comes after so many batches, each with its part
 * of the loss, and after the last one.
 */
export async function trainEpoch(options: TrainEpochOptions): Promise<PassOutcome> {
  const { model, optimizer, objective, logged, stepped, loader, precision, scaler = null } = options;
  const { accumulate, clipGradNorm: maxNorm } = objective;
  const parameters = optimizer.paramGroups.flatMap(({ params }) => params);
  model.train();
  let batch = options.place?.loader.batches ?? 0;
  return runPass(
    { ...options, phase: 'train' },
    (input, target) => {
      const { loss, logits } = precision.forward(() => lossOf(model.call(input), target, objective));
      const result = { error: top1Error(logits, target), loss: loss.item() };
      if (batch % accumulate === 0) optimizer.zeroGrad();
      backward(accumulate === 1 ? loss : loss.div(accumulate), scaler);
      batch += 1;
      if (batch % accumulate === 0 || batch === loader.length) {
        stepWith(optimizer, scaler, maxNorm === null ? null : () => void clipGradNorm(parameters, maxNorm));
        stepped?.();
      }
      return result;
    },
    logged,
  );
}

/** @internal The loss of what a network returns, with that of auxiliary classifiers. */
export function lossOf(
  output: unknown,
  target: Tensor,
  { labelSmoothing }: Objective,
): { loss: Tensor; logits: Tensor } {
  const logits = logitsOf(output as Parameters<typeof logitsOf>[0]);
  const crossEntropy = (of: Tensor): Tensor => functional.crossEntropy(of, target, { labelSmoothing });
  const auxiliary = auxiliaryOf(output);
  const loss = auxiliary.reduce((sum, each) => sum.add(crossEntropy(each).mul(AUXILIARY)), crossEntropy(logits));
  return { loss, logits };
}

/** Outputs of auxiliary classifiers, of the networks that have some while training. */
function auxiliaryOf(output: unknown): Tensor[] {
  if (typeof output !== 'object' || output === null || !('auxLogits1' in output)) return [];
  const { auxLogits1, auxLogits2 } = output as { auxLogits1: Tensor | null; auxLogits2: Tensor | null };
  return [auxLogits2, auxLogits1].filter((each) => each !== null);
}
