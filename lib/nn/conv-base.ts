import { empty, noGrad, TorchError, type DType } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { calculateFans, kaimingUniform_, uniform_ } from './init/index.js';
import { Module } from './module.js';
import { sizes, type Dimensions, type Sizes, type SizesOrOne } from './pair.js';
import type { PaddingMode } from './padding-functional.js';
import { newParameter, type Parameter } from './parameter.js';
import { pyString, pyValue } from './python-text.js';

/** Options of the convolutions, for sizes of their number of dimensions. */
export interface ConvOptions<Size> {
  readonly kernelSize: Size;
  /** Default 1. */
  readonly stride?: Size;
  /** A border on all sides, or `same` for an output of the input's size; default 0. */
  readonly padding?: Size | 'same' | 'valid';
  /** Distance between the points of the kernel; default 1. */
  readonly dilation?: Size;
  /** Input and output channels fall into this many independent groups; default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** What the border is filled with; default `zeros`. */
  readonly paddingMode?: PaddingMode;
  readonly dtype?: DType;
  readonly device?: string;
}

export const CONV_OPTIONS: OptionNames<ConvOptions<unknown>> = {
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

/** What a subclass tells of itself beside the options. */
interface Form<D extends Dimensions> {
  readonly dimensions: D;
  /** The names its options may have. */
  readonly options: OptionNames<ConvOptions<unknown>>;
  /** What the weight has at the front, for a number of groups. */
  readonly channels: (groups: number) => readonly [number, number];
  /** Added to the size of a transposed convolution's output. */
  readonly outputPadding?: SizesOrOne<D>;
}

const PADDING_MODES = ['zeros', 'reflect', 'replicate', 'circular'];

/**
 * What all convolutions have in common: their options, weight, bias and print. Weight and bias start as PyTorch's, with
 * the same draws: both uniform over `±1/sqrt(fanIn)`, the weight first.
 */
export abstract class ConvBase<D extends Dimensions> extends Module {
  readonly weight: Parameter;
  declare readonly bias: Parameter | null;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: Sizes<D>;
  readonly stride: Sizes<D>;
  readonly padding: Sizes<D> | 'same' | 'valid';
  readonly dilation: Sizes<D>;
  readonly groups: number;
  readonly paddingMode: PaddingMode;
  /** Added to the size of the output; 0 but for transposed convolutions. */
  readonly outputPadding: Sizes<D>;

  /** @internal What a subclass tells of itself is no part of what users see. */
  constructor(inChannels: number, outChannels: number, options: ConvOptions<SizesOrOne<D>>, form: Form<D>) {
    checkOptionBag(new.target.name, options, form.options);
    super();
    const { groups = 1, padding = 0, paddingMode = 'zeros', dtype, device } = options;
    const all = (value: SizesOrOne<D>): Sizes<D> => sizes(form.dimensions, value);
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = all(options.kernelSize);
    this.stride = all(options.stride ?? 1);
    this.padding = typeof padding === 'string' ? padding : all(padding);
    this.dilation = all(options.dilation ?? 1);
    this.groups = groups;
    this.paddingMode = paddingMode;
    this.outputPadding = all(form.outputPadding ?? 0);
    checkConv(this);

    const place = { ...(dtype !== undefined && { dtype }), ...(device !== undefined && { device }) };
    this.weight = newParameter([...form.channels(groups), ...this.kernelSize], place);
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

  override extraRepr(): string {
    const { padding, dilation, outputPadding, groups, paddingMode } = this;
    let text = `${this.inChannels}, ${this.outChannels}, kernel_size=${pyValue(this.kernelSize)}, stride=${pyValue(this.stride)}`;
    if (typeof padding === 'string' || padding.some((size) => size !== 0)) text += `, padding=${pyValue(padding)}`;
    if (dilation.some((size) => size !== 1)) text += `, dilation=${pyValue(dilation)}`;
    if (outputPadding.some((size) => size !== 0)) text += `, output_padding=${pyValue(outputPadding)}`;
    if (groups !== 1) text += `, groups=${groups}`;
    if (this.bias === null) text += ', bias=False';
    if (paddingMode !== 'zeros') text += `, padding_mode=${paddingMode}`;
    return text;
  }
}

/** @throws TorchError `value` in PyTorch's words. */
function checkConv(layer: ConvBase<Dimensions>): void {
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
    refuse(`Invalid padding string ${pyString(padding)}, should be one of {'same', 'valid'}`);
  }
  if (padding === 'same' && stride.some((step) => step !== 1)) {
    refuse("padding='same' is not supported for strided convolutions");
  }
  if (!PADDING_MODES.includes(paddingMode)) {
    const known = PADDING_MODES.map((mode) => `'${mode}'`).join(', ');
    refuse(`padding_mode must be one of {${known}}, but got padding_mode='${paddingMode}'`);
  }
}
