import { ops, TorchError, type Tensor } from '../tensor/index.js';
import { checkOptionNames, type OptionNames } from '../tensor/option-bag.js';
import { replaceBy } from './intermediate.js';

/** Options of {@link embedding}. */
export interface EmbeddingFunctionOptions {
  /** The row that gets no gradient; negative counts from the end; default null. */
  readonly paddingIdx?: number | null;
  /** Rows of a greater norm are scaled down, in place, before they are looked up; default null. */
  readonly maxNorm?: number | null;
  /** The norm of `maxNorm`; default 2. */
  readonly normType?: number;
  /** Divide a row's gradient by how often it was looked up; default false. */
  readonly scaleGradByFreq?: boolean;
  /** Make the gradient of `weight` a sparse tensor; default false. */
  readonly sparse?: boolean;
}

export const EMBEDDING_OPTIONS: OptionNames<EmbeddingFunctionOptions> = {
  paddingIdx: false,
  maxNorm: false,
  normType: false,
  scaleGradByFreq: false,
  sparse: false,
};

/**
 * Looks rows up.
 * @param indices `[...]`, int32 or int64.
 * @param weight `[rows, columns]`.
 * @returns new `[..., columns]`, owned by the current scope.
 * @throws TorchError `value` for a `paddingIdx` that is no row, `index` for indices that are none.
 * @see torch.nn.functional.embedding
 */
export function embedding(indices: Tensor, weight: Tensor, options: EmbeddingFunctionOptions = {}): Tensor {
  checkOptionNames('embedding', options, EMBEDDING_OPTIONS);
  const { maxNorm = null, normType = 2, scaleGradByFreq = false, sparse = false } = options;
  const padding = paddingRow(options.paddingIdx ?? null, weight.shape[0] ?? 0) ?? -1;
  if (maxNorm === null) return ops.embedding(weight, indices, padding, scaleGradByFreq, sparse);
  const rows = indices.contiguous();
  const data = weight.detach();
  ops.embeddingRenorm_(data, rows, maxNorm, normType);
  data.dispose();
  const found = ops.embedding(weight, rows, padding, scaleGradByFreq, sparse);
  return rows === indices ? found : replaceBy(rows, found);
}

/** The row that `index` means. @throws TorchError `value` in PyTorch's words. */
export function paddingRow(index: number | null, rows: number): number | null {
  if (index === null) return null;
  if (index >= rows && index > 0) throw new TorchError('value', 'Padding_idx must be within num_embeddings');
  if (index < -rows) throw new TorchError('value', 'Padding_idx must be within num_embeddings');
  return index < 0 ? rows + index : index;
}
