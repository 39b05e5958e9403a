import { tensor, TorchError, type Tensor } from '../tensor/index.js';
import type { Dataset } from './dataset.js';

/**
 * Rows of two tensors, which stay the caller's.
 * @see torch.utils.data.TensorDataset
 */
export class TensorDataset implements Dataset {
  /**
   * @param inputs `[N, ...]`.
   * @param targets `[N, ...]`.
   * @throws TorchError `shape`
   */
  constructor(
    readonly inputs: Tensor,
    readonly targets: Tensor,
  ) {
    if (inputs.dim() === 0 || inputs.size(0) !== targets.shape[0]) {
      throw new TorchError('shape', 'Size mismatch between tensors');
    }
  }

  get length(): number {
    return this.inputs.size(0);
  }

  /** @throws RangeError for an index out of range. */
  batch(indices: readonly number[]): [Tensor, Tensor] {
    const bad = indices.find((index) => !Number.isInteger(index) || index < 0 || index >= this.length);
    if (bad !== undefined) throw new RangeError(`Expected an index from 0 to ${this.length - 1} but received ${bad}`);
    const rows = tensor(BigInt64Array.from(indices, BigInt));
    const batch: [Tensor, Tensor] = [this.inputs.indexSelect(0, rows), this.targets.indexSelect(0, rows)];
    rows.dispose();
    return batch;
  }
}
