import { TorchError, type DType, type Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { uniform_ } from './init/index.js';
import { bilinear } from './linear-functional.js';
import { Module } from './module.js';
import { newParameter, type Parameter } from './parameter.js';
import { pyValue } from './python-text.js';

/** Sizes and options of {@link Bilinear}. */
export interface BilinearOptions {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  /** Default true. */
  readonly bias?: boolean;
  readonly dtype?: DType;
  readonly device?: string;
}

const OPTIONS: OptionNames<BilinearOptions> = {
  in1Features: true,
  in2Features: true,
  outFeatures: true,
  bias: false,
  dtype: false,
  device: false,
};

/**
 * `x1ᵀ · weight · x2 + bias`, `[..., in1]` and `[..., in2]` to `[..., out]`; starts with PyTorch's draws, the weight first.
 * @throws TorchError `value` in PyTorch's words without features.
 * @see torch.nn.Bilinear
 */
export class Bilinear extends Module {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  readonly weight: Parameter;
  declare readonly bias: Parameter | null;

  constructor(options: BilinearOptions) {
    checkOptionBag('Bilinear', options, OPTIONS);
    super();
    const { in1Features, in2Features, outFeatures, dtype, device } = options;
    this.in1Features = in1Features;
    this.in2Features = in2Features;
    this.outFeatures = outFeatures;
    const place = { ...(dtype !== undefined && { dtype }), ...(device !== undefined && { device }) };
    this.weight = newParameter([outFeatures, in1Features, in2Features], place);
    this.registerParameter('bias', (options.bias ?? true) ? newParameter([outFeatures], place) : null);
    this.resetParameters();
  }

  /** Draws weight and bias anew. */
  resetParameters(): void {
    if (this.in1Features <= 0) {
      throw new TorchError('value', `in1_features must be > 0, but got (in1_features=${this.in1Features})`);
    }
    const bound = 1 / Math.sqrt(this.in1Features);
    uniform_(this.weight, -bound, bound);
    if (this.bias !== null) uniform_(this.bias, -bound, bound);
  }

  /** @param x1 `[..., in1]`. @param x2 `[..., in2]`. */
  forward(x1: Tensor, x2: Tensor): Tensor {
    return bilinear(x1, x2, this.weight, this.bias);
  }

  override extraRepr(): string {
    return (
      `in1_features=${this.in1Features}, in2_features=${this.in2Features}, ` +
      `out_features=${this.outFeatures}, bias=${pyValue(this.bias !== null)}`
    );
  }
}
