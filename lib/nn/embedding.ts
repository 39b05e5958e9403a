import { noGrad, pyNumber, scope, TorchError, type DType, type Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { embedding, EMBEDDING_OPTIONS, paddingRow, type EmbeddingFunctionOptions } from './embedding-functional.js';
import { normal_ } from './init/index.js';
import { Module } from './module.js';
import { newParameter, Parameter } from './parameter.js';

/** Options of {@link Embedding}. */
export interface EmbeddingOptions extends EmbeddingFunctionOptions {
  readonly dtype?: DType;
  readonly device?: string;
  /** The table to begin with, shared, not copied; {@link Embedding.fromPretrained} gives it. */
  readonly _weight?: Tensor | null;
  /** Whether the table is not to be trained; default false. */
  readonly _freeze?: boolean;
}

const OPTIONS: OptionNames<EmbeddingOptions> = {
  ...EMBEDDING_OPTIONS,
  dtype: false,
  device: false,
  _weight: false,
  _freeze: false,
};

/** Options of {@link Embedding.fromPretrained}. */
export interface PretrainedEmbeddingOptions extends EmbeddingFunctionOptions {
  /** Whether the table is not to be trained; default true. */
  readonly freeze?: boolean;
}

const PRETRAINED_OPTIONS: OptionNames<PretrainedEmbeddingOptions> = { ...EMBEDDING_OPTIONS, freeze: false };

/**
 * A table of `numEmbeddings` rows that is looked up: `[...]` of indices to `[..., embeddingDim]`. The rows start as
 * PyTorch's, drawn from the normal distribution; that of `paddingIdx` starts as 0.
 * @throws TorchError `value` in PyTorch's words for a `paddingIdx` that is no row.
 * @see torch.nn.Embedding
 */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  readonly sparse: boolean;
  readonly weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    checkOptionBag('Embedding', options, OPTIONS);
    super();
    const { dtype, device, _weight: given = null, _freeze: freeze = false } = options;
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingRow(options.paddingIdx ?? null, numEmbeddings);
    this.maxNorm = options.maxNorm ?? null;
    this.normType = options.normType ?? 2;
    this.scaleGradByFreq = options.scaleGradByFreq ?? false;
    this.sparse = options.sparse ?? false;
    if (given === null) {
      const place = { ...(dtype !== undefined && { dtype }), ...(device !== undefined && { device }) };
      this.weight = newParameter([numEmbeddings, embeddingDim], place);
      if (freeze) this.weight.requiresGrad = false;
      this.resetParameters();
    } else {
      const [rows, columns] = given.shape;
      if (given.ndim !== 2 || rows !== numEmbeddings || columns !== embeddingDim) {
        throw new TorchError('value', 'Shape of weight does not match num_embeddings and embedding_dim');
      }
      this.weight = new Parameter(given, { requiresGrad: !freeze });
    }
  }

  /**
   * An embedding of a table that exists.
   * @param embeddings `[rows, columns]`, shared, not copied.
   * @throws TorchError `value` in PyTorch's words for another number of dimensions.
   * @see torch.nn.Embedding.from_pretrained
   */
  static fromPretrained(embeddings: Tensor, options: PretrainedEmbeddingOptions = {}): Embedding {
    checkOptionBag('Embedding.fromPretrained', options, PRETRAINED_OPTIONS);
    const [rows, columns] = embeddings.shape;
    if (embeddings.ndim !== 2 || rows === undefined || columns === undefined) {
      throw new TorchError('value', 'Embeddings parameter is expected to be 2-dimensional');
    }
    const { freeze = true, ...rest } = options;
    return new Embedding(rows, columns, { ...rest, _weight: embeddings, _freeze: freeze });
  }

  /** Draws the rows anew; that of `paddingIdx` becomes 0. */
  resetParameters(): void {
    normal_(this.weight);
    const { paddingIdx } = this;
    if (paddingIdx === null) return;
    scope(() => {
      noGrad(() => {
        this.weight.select(0, paddingIdx).fill_(0);
      });
    });
  }

  /** @param indices `[...]`, int32 or int64. */
  forward(indices: Tensor): Tensor {
    const { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse } = this;
    return embedding(indices, this.weight, { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse });
  }

  override extraRepr(): string {
    let text = `${this.numEmbeddings}, ${this.embeddingDim}`;
    if (this.paddingIdx !== null) text += `, padding_idx=${this.paddingIdx}`;
    if (this.maxNorm !== null) text += `, max_norm=${pyNumber(this.maxNorm)}`;
    if (this.normType !== 2) text += `, norm_type=${pyNumber(this.normType)}`;
    if (this.scaleGradByFreq) text += ', scale_grad_by_freq=True';
    if (this.sparse) text += ', sparse=True';
    return text;
  }
}
