import type { Tensor } from '../tensor/index.js';
import type { GoogLeNetOutputs } from './googlenet.js';

/** The logits of what any network gives: `GoogLeNet` has more while it trains. */
export function logitsOf(output: Tensor | GoogLeNetOutputs): Tensor {
  return 'logits' in output ? output.logits : output;
}
