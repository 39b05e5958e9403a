import { functional } from '../nn/index.js';
import { float, ops, slice, tensor, TorchError, type DType, type Tensor } from '../tensor/index.js';
import { pyCos, pySin, pyTan } from '../tensor/python-float.js';
import { computingType, dimensionsOf } from './tensor-colours.js';

/** How the values between pixels are found when a tensor is resized. */
export type TensorInterpolation = 'nearest' | 'nearest-exact' | 'bilinear' | 'bicubic';

/** What a border is made of: one value, the edge, or the picture mirrored without (`reflect`) or with (`symmetric`) its edge. */
export type PadMode = 'constant' | 'edge' | 'reflect' | 'symmetric';

/** Pixels to add: on all sides; left and right, top and bottom; or left, top, right, bottom. */
export type Padding =
  number | readonly [number] | readonly [number, number] | readonly [number, number, number, number];

/** Left, top, right, bottom. */
export function sidesOf(padding: Padding): [left: number, top: number, right: number, bottom: number] {
  const [left, top = left, right = left, bottom = top] = typeof padding === 'number' ? [padding] : padding;
  return [left, top, right, bottom];
}

/** Mirrored left to right. @see torchvision.transforms.functional.hflip */
export const hflip = (x: Tensor): Tensor => x.flip(-1);

/** Mirrored top to bottom. @see torchvision.transforms.functional.vflip */
export const vflip = (x: Tensor): Tensor => x.flip(-2);

/** Works on `[N, C, H, W]` of a type that libtorch computes with; what comes back has the form and type of `x`. */
function asBatch(x: Tensor, types: readonly DType[], work: (x: Tensor) => Tensor, round = true): Tensor {
  const batch = x.dim() < 4 ? x.unsqueeze(0) : x;
  const done = work(types.includes(x.dtype) ? batch : batch.to(types[0]!));
  const shaped = x.dim() < 4 ? done.squeeze(0) : done;
  if (types.includes(x.dtype)) return shaped;
  return (round && !x.isFloatingPoint() && x.dtype !== 'bool' ? shaped.round() : shaped).to(x.dtype);
}

/**
 * Adds a border to `[..., C, H, W]`.
 * @param fill of mode `constant`.
 * @see torchvision.transforms.functional.pad
 */
export function pad(x: Tensor, padding: Padding, fill = 0, mode: PadMode = 'constant'): Tensor {
  const [left, top, right, bottom] = sidesOf(padding);
  if (mode === 'symmetric') return padSymmetric(x, [left, right, top, bottom]);
  const amounts = [left, right, top, bottom];
  if (mode === 'constant') return functional.pad(x, amounts, 'constant', fill);
  const borders = (batch: Tensor): Tensor => functional.pad(batch, amounts, mode === 'edge' ? 'replicate' : 'reflect');
  return asBatch(x, ['float32', 'float64'], borders, false);
}

function padSymmetric(x: Tensor, [left, right, top, bottom]: readonly [number, number, number, number]): Tensor {
  const [, height, width] = dimensionsOf(x);
  const order = (before: number, size: number, after: number): Tensor => {
    const places: number[] = [];
    for (let i = Math.max(before, 0) - 1; i >= 0; i--) places.push(i);
    for (let i = Math.max(-before, 0); i < size - Math.max(-after, 0); i++) places.push(i);
    for (let i = 0; i < after; i++) places.push(size - 1 - i);
    if (places.some((place) => place < 0 || place >= size)) {
      throw new TorchError('value', `a symmetric border must not be wider than the picture, which has ${size} pixels`);
    }
    return tensor(BigInt64Array.from(places, BigInt));
  };
  return x.indexSelect(-2, order(top, height, bottom)).indexSelect(-1, order(left, width, right));
}

/**
 * The part of `[..., C, H, W]` from a row and a column on, a view where it lies within; what lies outside is 0.
 * @see torchvision.transforms.functional.crop
 */
export function crop(x: Tensor, top: number, left: number, height: number, width: number): Tensor {
  const [, h, w] = dimensionsOf(x);
  const [right, bottom] = [left + width, top + height];
  const part = x.get('...', slice(Math.max(top, 0), bottom), slice(Math.max(left, 0), right));
  if (left >= 0 && top >= 0 && right <= w && bottom <= h) return part;
  return pad(part, [
    Math.max(-left + Math.min(0, right), 0),
    Math.max(-top + Math.min(0, bottom), 0),
    Math.max(right - Math.max(w, left), 0),
    Math.max(bottom - Math.max(h, top), 0),
  ]);
}

/** Options of {@link resize}. */
export interface TensorResizeOptions {
  /** Default `bilinear`. */
  readonly interpolation?: TensorInterpolation;
  /** Averages over all pixels where the picture shrinks; default true. */
  readonly antialias?: boolean;
}

/**
 * Gives `[..., C, H, W]` another size.
 * @see torchvision.transforms.functional.resize
 */
export function resize(x: Tensor, height: number, width: number, options: TensorResizeOptions = {}): Tensor {
  const { interpolation = 'bilinear', antialias = true } = options;
  const [, h, w] = dimensionsOf(x);
  if (h === height && w === width) return x;
  const smooth = interpolation === 'bilinear' || interpolation === 'bicubic';
  return asBatch(x, ['float32', 'float64'], (batch) => {
    const resized = functional.interpolate(batch, {
      size: [height, width],
      mode: interpolation,
      alignCorners: smooth ? false : null,
      antialias: smooth && antialias,
    });
    return interpolation === 'bicubic' && x.dtype === 'uint8' ? resized.clamp(0, 255) : resized;
  });
}

/** What is done to the plane of a picture: the six numbers of the first two rows of its inverse. */
export type AffineMatrix = readonly [number, number, number, number, number, number];

/** Python's `math.radians`. */
const radians = (degrees: number): number => degrees * (Math.PI / 180);

/** @param shear degrees along both axes. */
export function inverseAffine(
  center: readonly [number, number],
  angle: number,
  translate: readonly [number, number],
  scale: number,
  shear: readonly [number, number],
): AffineMatrix {
  const rotation = radians(angle);
  const [sx, sy] = [radians(shear[0]), radians(shear[1])];
  const [cx, cy] = center;
  const [tx, ty] = translate;
  const a = pyCos(rotation - sy) / pyCos(sy);
  const b = (-pyCos(rotation - sy) * pyTan(sx)) / pyCos(sy) - pySin(rotation);
  const c = pySin(rotation - sy) / pyCos(sy);
  const d = (-pySin(rotation - sy) * pyTan(sx)) / pyCos(sy) + pyCos(rotation);
  const [m0, m1, m3, m4] = [d / scale, -b / scale, -c / scale, a / scale];
  const m2 = m0 * (-cx - tx) + m1 * (-cy - ty) + cx;
  const m5 = m3 * (-cx - tx) + m4 * (-cy - ty) + cy;
  return [m0, m1, m2, m3, m4, m5];
}

/** How a picture is turned or sheared. */
export interface GridOptions {
  /** Default `nearest`. */
  readonly interpolation?: 'nearest' | 'bilinear';
  /** Of the pixels that come from outside: one value, or one for each channel; null leaves them 0. */
  readonly fill?: readonly number[] | null;
}

/** @param options.expand makes the picture as large as what it was turned to. @see torchvision.transforms.functional.rotate */
export function rotate(
  x: Tensor,
  angle: number,
  options: GridOptions & { readonly expand?: boolean; readonly center?: readonly [number, number] | null } = {},
): Tensor {
  const [, height, width] = dimensionsOf(x);
  const { center, expand = false } = options;
  const middle = center == null ? ([0, 0] as const) : ([center[0] - width * 0.5, center[1] - height * 0.5] as const);
  const matrix = inverseAffine(middle, -angle, [0, 0], 1, [0, 0]);
  const [w, h] = expand ? turnedSize(matrix, width, height) : [width, height];
  return sample(x, matrix, h, w, options);
}

/** @see torchvision.transforms.functional.affine */
export function affine(x: Tensor, matrix: AffineMatrix, options: GridOptions = {}): Tensor {
  const [, height, width] = dimensionsOf(x);
  return sample(x, matrix, height, width, options);
}

function turnedSize(matrix: AffineMatrix, w: number, h: number): [width: number, height: number] {
  const corners = [
    [-0.5 * w, -0.5 * h, 1],
    [-0.5 * w, 0.5 * h, 1],
    [0.5 * w, 0.5 * h, 1],
    [0.5 * w, -0.5 * h, 1],
  ];
  const theta = tensor(Float32Array.from(matrix), { shape: [2, 3] });
  const points = ops.matmul(tensor(corners, { dtype: 'float32' }), theta.t());
  const half = tensor(Float32Array.of(w * 0.5, h * 0.5));
  const bound = (values: Tensor): Tensor => values.add(half).div(1e-4).trunc_().mul(1e-4);
  const size = bound(points.amax(0))
    .ceil()
    .sub(bound(points.amin(0)).floor());
  return [Math.trunc(size.get(0).item()), Math.trunc(size.get(1).item())];
}

function gridOf(theta: Tensor, w: number, h: number, ow: number, oh: number): Tensor {
  const base = ops.empty([1, oh, ow, 3], { dtype: theta.dtype });
  const along = (size: number): Tensor => ops.linspace(float(-size * 0.5 + 0.5), float(size * 0.5 + 0.5 - 1), size);
  base.get('...', 0).copy_(along(ow));
  base.get('...', 1).copy_(along(oh).unsqueeze(-1));
  base.get('...', 2).fill_(1);
  const rescaled = theta.transpose(1, 2).div(tensor(Float64Array.of(0.5 * w, 0.5 * h), { dtype: theta.dtype }));
  return base
    .view([1, oh * ow, 3])
    .bmm(rescaled)
    .view([1, oh, ow, 2]);
}

function sample(x: Tensor, matrix: AffineMatrix, oh: number, ow: number, options: GridOptions): Tensor {
  const { interpolation = 'nearest', fill = null } = options;
  const [channels, height, width] = dimensionsOf(x);
  if (fill !== null && fill.length > 1 && fill.length !== channels) {
    throw new TorchError(
      'value',
      `The number of elements in 'fill' cannot broadcast to match the number of channels of the image (${fill.length} != ${channels})`,
    );
  }
  const dtype = computingType(x);
  const theta = tensor(Float64Array.from(matrix), { shape: [1, 2, 3], dtype });
  const grid = gridOf(theta, width, height, ow, oh);
  return asBatch(x, [dtype], (batch) => {
    const [n = 1] = batch.shape;
    const places = n > 1 ? grid.expand([n, oh, ow, 2]) : grid;
    const masked = fill === null ? batch : ops.cat([batch, ops.ones([n, 1, height, width], { dtype: batch.dtype })], 1);
    const sampled = ops.gridSampler(masked, places, interpolation === 'nearest' ? 1 : 0, 0, false);
    if (fill === null) return sampled;
    const inside = sampled.get(slice(null, null), slice(-1, null)).expand([n, channels, oh, ow]);
    const picture = sampled.get(slice(null, null), slice(null, -1));
    const filled = tensor(Float64Array.from(fill), { shape: [1, fill.length, 1, 1], dtype }).expand([
      n,
      channels,
      oh,
      ow,
    ]);
    if (interpolation === 'nearest') return ops.where(inside.lt(0.5), filled, picture);
    return picture.mul(inside).add(ops.rsub(inside, float(1)).mul(filled));
  });
}
