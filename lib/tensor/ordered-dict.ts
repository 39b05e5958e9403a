import type { Tensor } from './tensor.js';

/**
 * Python's OrderedDict with text keys; a state dict also carries `_metadata`: the version of each module, by its prefix.
 */
export class OrderedDict<V> extends Map<string, V> {
  metadata?: Map<string, Map<string, unknown>>;
}

/** Parameters and buffers by their names in the module tree. */
export type StateDict = OrderedDict<Tensor>;
