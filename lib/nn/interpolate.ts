import { ops, TorchError, type Tensor } from '../tensor/index.js';
import { checkOptionNames, type OptionNames } from '../tensor/option-bag.js';
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from './adaptive-pooling-functional.js';
import { pyClass, pyList, pyValue } from './python-text.js';

/** How {@link interpolate} finds values between the pixels. */
export type InterpolationMode =
  'nearest' | 'nearest-exact' | 'linear' | 'bilinear' | 'bicubic' | 'trilinear' | 'lanczos' | 'area';

/** Options of {@link interpolate}; a size or a factor must be given. */
export interface InterpolateOptions {
  /** The size of the output: one number, or one for each dimension. */
  readonly size?: number | readonly number[] | null;
  /** By how much to enlarge: one number, or one for each dimension. */
  readonly scaleFactor?: number | readonly number[] | null;
  /** Default `nearest`. */
  readonly mode?: InterpolationMode;
  /** Whether the centres of the corner pixels stay in the corners; for the interpolating modes; default false. */
  readonly alignCorners?: boolean | null;
  /** Whether the factor to compute with comes from the sizes, not from `scaleFactor`; default false. */
  readonly recomputeScaleFactor?: boolean | null;
  /** Look at all pixels that become one where the picture shrinks; for `bilinear`, `bicubic`, `lanczos`; default false. */
  readonly antialias?: boolean;
}

const OPTIONS: OptionNames<InterpolateOptions> = {
  size: false,
  scaleFactor: false,
  mode: false,
  alignCorners: false,
  recomputeScaleFactor: false,
  antialias: false,
};

/** What is asked for: a size, or factors, of which one is null. */
interface Target {
  readonly size: number[] | null;
  readonly scales: number[] | null;
}

const WITHOUT_CORNERS = ['nearest', 'area', 'nearest-exact'];
const WITH_ANTIALIAS = ['bilinear', 'bicubic', 'lanczos'];
const INPUT_DIMENSIONS: Readonly<Record<string, number>> = { linear: 3, bilinear: 4, trilinear: 5 };

/**
 * Resizes pictures, sequences or volumes.
 * @param x `[N, C, L]`, `[N, C, H, W]` or `[N, C, D, H, W]`.
 * @returns new tensor of the wanted size, owned by the current scope.
 * @throws TorchError `value` or `type` in PyTorch's words for options that do not go together or do not fit `x`.
 * @see torch.nn.functional.interpolate
 */
export function interpolate(x: Tensor, options: InterpolateOptions = {}): Tensor {
  checkOptionNames('interpolate', options, OPTIONS);
  const { mode = 'nearest', alignCorners = null, antialias = false } = options;
  if (WITHOUT_CORNERS.includes(mode) && alignCorners !== null) {
    refuse(
      'align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear',
    );
  }
  const { ndim } = x;
  const target = targetOf(x, options);
  if (antialias && !(WITH_ANTIALIAS.includes(mode) && ndim === 4)) {
    refuse(
      'Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input',
    );
  }
  return resize(x, target, mode, alignCorners ?? false, antialias);
}

function resize(x: Tensor, target: Target, mode: InterpolationMode, corners: boolean, antialias: boolean): Tensor {
  const { size, scales } = target;
  const { ndim } = x;
  const dimensions = ndim - 2;
  const known = ndim >= 3 && ndim <= 5;
  if (known && mode === 'nearest') return ops.aten<Tensor>(`upsample_nearest${dimensions}d.vec`, x, size, scales);
  if (known && mode === 'nearest-exact') {
    return ops.aten<Tensor>(`_upsample_nearest_exact${dimensions}d.vec`, x, size, scales);
  }
  if (known && mode === 'area') return area(x, size ?? []);
  if (ndim === 4 && antialias) return resizeAntialiased(x, target, mode, corners);
  if (ndim === 4 && mode === 'lanczos') refuse('Lanczos mode requires antialias=True');
  if (ndim === INPUT_DIMENSIONS[mode] || (ndim === 4 && mode === 'bicubic')) {
    return ops.aten<Tensor>(`upsample_${mode}${dimensions}d.vec`, x, size, corners, scales);
  }
  const needs = INPUT_DIMENSIONS[mode];
  if (known && needs !== undefined) {
    throw new TorchError('notImplemented', `Got ${ndim}D input, but ${mode} mode needs ${needs}D input`);
  }
  throw new TorchError(
    'notImplemented',
    `Input Error: Only 3D, 4D and 5D input Tensors supported (got ${ndim}D) for the modes: ` +
      `nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got ${mode})`,
  );
}

function area(x: Tensor, size: readonly number[]): Tensor {
  const [first = 0, second = 0, third = 0] = size;
  if (size.length === 1) return adaptiveAvgPool1d(x, [first]);
  return size.length === 2 ? adaptiveAvgPool2d(x, [first, second]) : adaptiveAvgPool3d(x, [first, second, third]);
}

function resizeAntialiased(x: Tensor, { size, scales }: Target, mode: string, corners: boolean): Tensor {
  if (mode === 'lanczos' && corners) refuse('Lanczos mode does not support align_corners=True');
  const own = x.shape.slice(2);
  const wanted = size ?? own.map((length, dim) => Math.trunc(length * scales![dim]!));
  const [height = null, width = null] = scales ?? [];
  return ops.aten<Tensor>(`_upsample_${mode}2d_aa`, x, wanted, corners, height, width);
}

/** @throws TorchError `value` or `type` in PyTorch's words. */
function targetOf(x: Tensor, options: InterpolateOptions): Target {
  const { size = null, scaleFactor = null, mode, recomputeScaleFactor = null } = options;
  const shape = x.shape.slice(2);
  const dimensions = x.ndim - 2;
  const spatial = `but got input with spatial dimensions of ${pyList(shape)}`;
  if (size !== null && scaleFactor !== null) refuse('only one of size or scale_factor should be defined');
  if (size !== null) {
    if (typeof size !== 'number' && size.length !== dimensions) {
      refuse(
        `Input and output must have the same number of spatial dimensions, ${spatial} and output size of ` +
          `${pyValue(size)}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and output size in ` +
          '(o1, o2, ...,oK) format.',
      );
    }
    if (typeof size !== 'number' && !size.every(Number.isInteger)) {
      throw new TorchError(
        'type',
        'expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size with ' +
          `types [${size.map(pyClass).join(', ')}]`,
      );
    }
    if (recomputeScaleFactor === true) refuse('recompute_scale_factor is not meaningful with an explicit size.');
    return { size: typeof size === 'number' ? repeated(size, dimensions) : [...size], scales: null };
  }
  if (scaleFactor === null) return refuse('either size or scale_factor should be defined');
  if (typeof scaleFactor !== 'number' && scaleFactor.length !== dimensions) {
    refuse(
      `Input and scale_factor must have the same number of spatial dimensions, ${spatial} and scale_factor of shape ` +
        `${pyValue(scaleFactor)}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and scale_factor in ` +
        '(s1, s2, ...,sK) format.',
    );
  }
  const scales = typeof scaleFactor === 'number' ? repeated(scaleFactor, dimensions) : [...scaleFactor];
  if (mode !== 'area' && recomputeScaleFactor !== true) return { size: null, scales };
  return { size: shape.map((length, dim) => Math.trunc(length * scales[dim]!)), scales: null };
}

function repeated(value: number, count: number): number[] {
  return new Array<number>(Math.max(count, 0)).fill(value);
}

function refuse(message: string): never {
  throw new TorchError('value', message);
}
