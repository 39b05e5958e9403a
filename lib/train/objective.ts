import { logitsOf } from '../models/logits-of.js';
import { functional } from '../nn/index.js';
import type { Tensor } from '../tensor/index.js';
import type { RunConfig } from './config-schema.js';

/** What the options of a run say of a step. */
export type Objective = Pick<RunConfig, 'labelSmoothing' | 'accumulate' | 'clipGradNorm'>;

/** The part that GoogLeNet's authors gave to the losses of its auxiliary classifiers. */
const AUXILIARY = 0.3;

/** The loss of what a network returns, with that of auxiliary classifiers. */
export function lossOf(
  output: unknown,
  target: Tensor,
  { labelSmoothing }: Pick<Objective, 'labelSmoothing'>,
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
