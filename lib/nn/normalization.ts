import { pyNumber, TorchError, type DType, type Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { ones_, zeros_ } from './init/index.js';
import { Module } from './module.js';
import {
  groupNorm,
  layerNorm,
  LOCAL_RESPONSE_OPTIONS,
  localResponseNorm,
  rmsNorm,
  type LocalResponseNormOptions,
} from './norm-functional.js';
import { newParameter, type Parameter } from './parameter.js';
import { pyFloatOption, pyValue } from './python-text.js';

/** Options of {@link LayerNorm}. */
export interface LayerNormOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Whether there are weight and bias to learn; default true. */
  readonly elementwiseAffine?: boolean;
  /** Whether to learn a bias besides the weight; default true. */
  readonly bias?: boolean;
  readonly dtype?: DType;
  readonly device?: string;
}

const LAYER_OPTIONS: OptionNames<LayerNormOptions> = {
  eps: false,
  elementwiseAffine: false,
  bias: false,
  dtype: false,
  device: false,
};

/**
 * Normalises `[..., *normalizedShape]` over its last dimensions, then multiplies by a weight and adds a bias of that shape.
 * @see torch.nn.LayerNorm
 */
export class LayerNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  readonly elementwiseAffine: boolean;
  declare readonly weight: Parameter | null;
  declare readonly bias: Parameter | null;

  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}) {
    checkOptionBag('LayerNorm', options, LAYER_OPTIONS);
    super();
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : [...normalizedShape];
    this.eps = options.eps ?? 1e-5;
    this.elementwiseAffine = options.elementwiseAffine ?? true;
    registerAffine(this, this.normalizedShape, this.elementwiseAffine, options);
    this.resetParameters();
  }

  /** Sets weight to 1 and bias to 0. */
  resetParameters(): void {
    resetAffine(this);
  }

  /** @param x `[..., *normalizedShape]`. */
  forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return layerNorm(x, this.normalizedShape, { weight, bias, eps });
  }

  override extraRepr(): string {
    return (
      `${pyValue(this.normalizedShape)}, eps=${pyNumber(this.eps)}, ` +
      `elementwise_affine=${pyValue(this.elementwiseAffine)}, bias=${pyValue(this.bias !== null)}`
    );
  }
}

/** Options of {@link RMSNorm}. */
export interface RMSNormOptions {
  /** Added to the mean of the squares; default null, the smallest step of the dtype. */
  readonly eps?: number | null;
  /** Whether there is a weight to learn; default true. */
  readonly elementwiseAffine?: boolean;
  readonly dtype?: DType;
  readonly device?: string;
}

const RMS_OPTIONS: OptionNames<RMSNormOptions> = { eps: false, elementwiseAffine: false, dtype: false, device: false };

/**
 * Divides `[..., *normalizedShape]` by the root of the mean square over its last dimensions, then multiplies by a weight.
 * @see torch.nn.RMSNorm
 */
export class RMSNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number | null;
  readonly elementwiseAffine: boolean;
  declare readonly weight: Parameter | null;

  constructor(normalizedShape: number | readonly number[], options: RMSNormOptions = {}) {
    checkOptionBag('RMSNorm', options, RMS_OPTIONS);
    super();
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : [...normalizedShape];
    this.eps = options.eps ?? null;
    this.elementwiseAffine = options.elementwiseAffine ?? true;
    const weight = this.elementwiseAffine ? newParameter(this.normalizedShape, placeOf(options)) : null;
    this.registerParameter('weight', weight);
    this.resetParameters();
  }

  /** Sets the weight to 1. */
  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight);
  }

  /** @param x `[..., *normalizedShape]`. */
  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.normalizedShape, { weight: this.weight, eps: this.eps });
  }

  override extraRepr(): string {
    const eps = pyValue(this.eps);
    return `${pyValue(this.normalizedShape)}, eps=${eps}, elementwise_affine=${pyValue(this.elementwiseAffine)}`;
  }
}

/** Options of {@link GroupNorm}. */
export interface GroupNormOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Whether there are weight and bias to learn, of one number for each channel; default true. */
  readonly affine?: boolean;
  /** Whether to learn a bias besides the weight; default true. */
  readonly bias?: boolean;
  readonly dtype?: DType;
  readonly device?: string;
}

const GROUP_OPTIONS: OptionNames<GroupNormOptions> = {
  eps: false,
  affine: false,
  bias: false,
  dtype: false,
  device: false,
};

/**
 * Normalises each group of channels of each instance of `[N, C, ...]` by itself.
 * @throws TorchError `value` for channels that do not fall into the groups.
 * @see torch.nn.GroupNorm
 */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  readonly affine: boolean;
  declare readonly weight: Parameter | null;
  declare readonly bias: Parameter | null;

  constructor(numGroups: number, numChannels: number, options: GroupNormOptions = {}) {
    checkOptionBag('GroupNorm', options, GROUP_OPTIONS);
    super();
    if (numChannels % numGroups !== 0) {
      throw new TorchError('value', `num_channels (${numChannels}) must be divisible by num_groups (${numGroups})`);
    }
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = options.eps ?? 1e-5;
    this.affine = options.affine ?? true;
    registerAffine(this, [numChannels], this.affine, options);
    this.resetParameters();
  }

  /** Sets weight to 1 and bias to 0. */
  resetParameters(): void {
    resetAffine(this);
  }

  /** @param x `[N, C, ...]`. */
  forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return groupNorm(x, this.numGroups, { weight, bias, eps });
  }

  override extraRepr(): string {
    return (
      `${this.numGroups}, ${this.numChannels}, eps=${pyNumber(this.eps)}, ` +
      `affine=${pyValue(this.affine)}, bias=${pyValue(this.bias !== null)}`
    );
  }
}

/**
 * Divides each channel of `[N, C, ...]` by what its neighbours say: `(k + alpha · mean of their squares)^beta`.
 * @see torch.nn.LocalResponseNorm
 */
export class LocalResponseNorm extends Module {
  /** How many channels are neighbours. */
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;

  constructor(size: number, options: LocalResponseNormOptions = {}) {
    checkOptionBag('LocalResponseNorm', options, LOCAL_RESPONSE_OPTIONS);
    super();
    this.size = size;
    this.alpha = options.alpha ?? 1e-4;
    this.beta = options.beta ?? 0.75;
    this.k = options.k ?? 1;
  }

  /** @param x `[N, C, ...]` of three dimensions or more. */
  forward(x: Tensor): Tensor {
    const { alpha, beta, k } = this;
    return localResponseNorm(x, this.size, { alpha, beta, k });
  }

  override extraRepr(): string {
    const { size, alpha, beta, k } = this;
    return `${size}, alpha=${pyNumber(alpha)}, beta=${pyNumber(beta)}, k=${pyFloatOption(k, 1)}`;
  }
}

interface Place {
  readonly dtype?: DType;
  readonly device?: string;
}

function placeOf({ dtype, device }: Place): Place {
  return { ...(dtype !== undefined && { dtype }), ...(device !== undefined && { device }) };
}

function registerAffine(
  layer: LayerNorm | GroupNorm,
  shape: readonly number[],
  affine: boolean,
  options: Place & { readonly bias?: boolean },
): void {
  const place = placeOf(options);
  layer.registerParameter('weight', affine ? newParameter(shape, place) : null);
  layer.registerParameter('bias', affine && (options.bias ?? true) ? newParameter(shape, place) : null);
}

function resetAffine({ weight, bias }: LayerNorm | GroupNorm): void {
  if (weight !== null) ones_(weight);
  if (bias !== null) zeros_(bias);
}
