import type { DType, Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { linear } from './linear-functional.js';
import { calculateFans, kaimingUniform_, uniform_ } from './init/index.js';
import { Module } from './module.js';
import { newParameter, type Parameter } from './parameter.js';
import { pyValue } from './python-text.js';

/** Options of {@link Linear}. */
export interface LinearOptions {
  /** Default true. */
  readonly bias?: boolean;
  readonly dtype?: DType;
  readonly device?: string;
}

const OPTIONS: OptionNames<LinearOptions> = {
  bias: false,
  dtype: false,
  device: false,
};

/**
 * `x · weightᵀ + bias`, `[..., in]` to `[..., out]`; starts with PyTorch's draws, the weight first.
 * @see torch.nn.Linear
 */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly weight: Parameter;
  declare readonly bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    checkOptionBag('Linear', options, OPTIONS);
    super();
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    const { dtype, device } = options;
    const place = { ...(dtype !== undefined && { dtype }), ...(device !== undefined && { device }) };
    this.weight = newParameter([outFeatures, inFeatures], place);
    this.registerParameter('bias', (options.bias ?? true) ? newParameter([outFeatures], place) : null);
    this.resetParameters();
  }

  /** Draws weight and bias anew. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias !== null) {
      const { fanIn } = calculateFans(this.weight);
      const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
      uniform_(this.bias, -bound, bound);
    }
  }

  /** @param x `[..., in]`. */
  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${pyValue(this.bias !== null)}`;
  }
}
