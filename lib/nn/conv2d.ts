import { empty, noGrad, TorchError, type DType, type Tensor } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { conv2d, pad, pair, type PaddingMode, type Pair } from './functional.js';
import { calculateFans, kaimingUniform_, uniform_ } from './init/index.js';
import { replaceBy } from './intermediate.js';
import { Module } from './module.js';
import { newParameter, type Parameter } from './parameter.js';
import { pyValue } from './python-text.js';

/** Options of {@link Conv2d}; pixels. */
export interface Conv2dOptions {
  readonly kernelSize: Pair;
  /** Default 1. */
  readonly stride?: Pair;
  /** A border on all sides, or `same` for an output of the input's size; default 0. */
  readonly padding?: Pair | 'same' | 'valid';
  /** Distance between the points of the kernel; default 1. */
  readonly dilation?: Pair;
  /** Input and output channels fall into this many independent groups; default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** What the border is filled with; default `zeros`. */
  readonly paddingMode?: PaddingMode;
  readonly dtype?: DType;
  readonly device?: string;
}

const PADDING_MODES = ['zeros', 'reflect', 'replicate', 'circular'];

const OPTIONS: OptionNames<Conv2dOptions> = {
  kernelSize: true,
  stride: false,
  padding: false,
  dilation: false,
  groups: false,
  bias: false,
  paddingMode: false,
  dtype: false,
  device: false,
};

/**
 * 2-D convolution, `[N, Cin, H, W]` to `[N, Cout, H', W']`. Weight and bias start as PyTorch's, with the same draws:
 * both uniform over `±1/sqrt(fanIn)`, the weight first.
 * @throws TorchError `value` for options that do not go together, in PyTorch's words.
 * @see torch.nn.Conv2d
 */
export class Conv2d extends Module {
  readonly weight: Parameter;
  declare readonly bias: Parameter | null;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: [number, number];
  readonly stride: [number, number];
  readonly padding: [number, number] | 'same' | 'valid';
  readonly dilation: [number, number];
  readonly groups: number;
  readonly paddingMode: PaddingMode;

  constructor(inChannels: number, outChannels: number, options: Conv2dOptions) {
    checkOptionBag('Conv2d', options, OPTIONS);
    super();
    const { groups = 1, padding = 0, paddingMode = 'zeros' } = options;
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = pair(options.kernelSize);
    this.stride = pair(options.stride ?? 1);
    this.padding = typeof padding === 'string' ? padding : pair(padding);
    this.dilation = pair(options.dilation ?? 1);
    this.groups = groups;
    this.paddingMode = paddingMode;
    checkConv2d(this);

    const { dtype, device } = options;
    const place = { ...(dtype !== undefined && { dtype }), ...(device !== undefined && { device }) };
    this.weight = newParameter([outChannels, inChannels / groups, ...this.kernelSize], place);
    this.registerParameter('bias', (options.bias ?? true) ? newParameter([outChannels], place) : null);
    this.resetParameters();
  }

  /** Draws weight and bias anew. */
  resetParameters(): void {
    if (this.weight.isContiguous()) {
      kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    } else {
      // Draws fill memory in its own order; a contiguous copy gives the same weight for any memory format.
      const draws = empty(this.weight.shape, { dtype: this.weight.dtype, device: this.weight.device });
      noGrad(() => this.weight.copy_(kaimingUniform_(draws, { a: Math.sqrt(5) })));
      draws.dispose();
    }
    if (this.bias !== null) {
      const { fanIn } = calculateFans(this.weight);
      const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
      uniform_(this.bias, -bound, bound);
    }
  }

  /** @param x `[N, Cin, H, W]` or `[Cin, H, W]`. */
  forward(x: Tensor): Tensor {
    const { weight, bias, stride, dilation, groups, padding } = this;
    if (this.paddingMode === 'zeros') return conv2d(x, weight, { bias, stride, padding, dilation, groups });
    const padded = pad(x, borderOf(this), this.paddingMode);
    return replaceBy(padded, conv2d(padded, weight, { bias, stride, padding: 0, dilation, groups }));
  }

  override extraRepr(): string {
    const { padding, dilation, groups, paddingMode } = this;
    let text = `${this.inChannels}, ${this.outChannels}, kernel_size=${pyValue(this.kernelSize)}, stride=${pyValue(this.stride)}`;
    if (typeof padding === 'string' || padding.some((size) => size !== 0)) text += `, padding=${pyValue(padding)}`;
    if (dilation.some((size) => size !== 1)) text += `, dilation=${pyValue(dilation)}`;
    if (groups !== 1) text += `, groups=${groups}`;
    if (this.bias === null) text += ', bias=False';
    if (paddingMode !== 'zeros') text += `, padding_mode=${paddingMode}`;
    return text;
  }
}

/** @throws TorchError `value` in PyTorch's words. */
function checkConv2d(layer: Conv2d): void {
  const { groups, inChannels, outChannels, stride } = layer;
  // As JavaScript callers may give them.
  const padding: unknown = layer.padding;
  const paddingMode: string = layer.paddingMode;
  const refuse = (message: string): never => {
    throw new TorchError('value', message);
  };
  if (!(groups > 0)) refuse('groups must be a positive integer');
  if (inChannels % groups !== 0) refuse('in_channels must be divisible by groups');
  if (outChannels % groups !== 0) refuse('out_channels must be divisible by groups');
  if (typeof padding === 'string' && padding !== 'same' && padding !== 'valid') {
    refuse(`Invalid padding string '${padding}', should be one of {'same', 'valid'}`);
  }
  if (padding === 'same' && stride.some((step) => step !== 1)) {
    refuse("padding='same' is not supported for strided convolutions");
  }
  if (!PADDING_MODES.includes(paddingMode)) {
    const known = PADDING_MODES.map((mode) => `'${mode}'`).join(', ');
    refuse(`padding_mode must be one of {${known}}, but got padding_mode='${paddingMode}'`);
  }
}

/** `[left, right, top, bottom]`. */
function borderOf({ padding, dilation, kernelSize }: Conv2d): number[] {
  if (padding === 'valid') return [0, 0, 0, 0];
  if (padding !== 'same') return [padding[1], padding[1], padding[0], padding[0]];
  return [1, 0].flatMap((dim) => {
    const total = dilation[dim]! * (kernelSize[dim]! - 1);
    const before = Math.floor(total / 2);
    return [before, total - before];
  });
}
