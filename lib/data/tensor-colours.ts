import { float, isFloatingPoint, ops, tensor, TorchError, type DType, type Tensor } from '../tensor/index.js';

/** @returns channels, height, width of `[..., C, H, W]`. @throws TorchError `shape` */
export function dimensionsOf(x: Tensor): [channels: number, height: number, width: number] {
  const { shape } = x;
  const [height, width] = shape.slice(-2);
  if (height === undefined || width === undefined) throw new TorchError('shape', 'Tensor is not a torch image.');
  return [shape.length === 2 ? 1 : shape.at(-3)!, height, width];
}

/** @throws TorchError `shape` in torchvision's words. */
export function expectChannels(x: Tensor): number {
  const [channels] = dimensionsOf(x);
  if (channels === 1 || channels === 3) return channels;
  throw new TorchError('shape', `Input image tensor permitted channel values are [1, 3], but found ${channels}`);
}

const MAX_VALUES: Readonly<Partial<Record<DType, number | bigint>>> = {
  uint8: 255,
  int8: 127,
  int16: 32767,
  uint16: 65535,
  int32: 2147483647,
  int64: 9223372036854775807n,
};

/** The largest value of a picture: 255 of bytes, 1 of floats. */
export const maxValue = (dtype: DType): number | bigint => MAX_VALUES[dtype] ?? 1;

/** Computations on bytes are done in float32. */
export function computingType(x: Tensor): DType {
  return x.isFloatingPoint() ? x.dtype : 'float32';
}

/** @see torchvision.transforms.functional.convert_image_dtype, between integers and floats */
function convertImage(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  if (!x.isFloatingPoint()) return x.to(dtype).div(float(Number(maxValue(x.dtype))));
  if (isFloatingPoint(dtype)) return x.to(dtype);
  if (dtype === 'int32' || dtype === 'int64') {
    throw new TorchError('dtype', `The cast from torch.${x.dtype} to torch.${dtype} cannot be performed safely.`);
  }
  return x.mul(float(Number(maxValue(dtype)) + 1 - 1e-3)).to(dtype);
}

/**
 * Colours to brightness.
 * @param x `[..., 3 or 1, H, W]`.
 * @param outputs 1, or 3 that are alike; a tensor of one channel keeps it, as torchvision has it.
 * @see torchvision.transforms.functional.rgb_to_grayscale
 */
export function rgbToGrayscale(x: Tensor, outputs: 1 | 3 = 1): Tensor {
  if (x.dim() < 3) {
    throw new TorchError('shape', `Input image tensor should have at least 3 dimensions, but found ${x.dim()}`);
  }
  let grey: Tensor;
  if (expectChannels(x) === 3) {
    const [r, g, b] = x.unbind(-3) as [Tensor, Tensor, Tensor];
    grey = r.mul(0.2989).add(g.mul(0.587)).add(b.mul(0.114)).to(x.dtype).unsqueeze(-3);
  } else {
    grey = x.clone();
  }
  return outputs === 3 ? grey.expand(x.shape) : grey;
}

/** `ratio` of one picture and what is left of another. */
export function blend(one: Tensor, other: Tensor, ratio: number): Tensor {
  return one
    .mul(float(ratio))
    .add(other.mul(float(1 - ratio)))
    .clamp(0, maxValue(one.dtype))
    .to(one.dtype);
}

function expectFactor(name: string, factor: number): void {
  if (!(factor >= 0)) throw new TorchError('value', `${name} (${factor}) is not non-negative.`);
}

/** @param x `[..., 3 or 1, H, W]`. @see torchvision.transforms.functional.adjust_brightness */
export function adjustBrightness(x: Tensor, factor: number): Tensor {
  expectFactor('brightness_factor', factor);
  expectChannels(x);
  return blend(x, ops.zerosLike(x), factor);
}

/** @param x `[..., 3 or 1, H, W]`. @see torchvision.transforms.functional.adjust_contrast */
export function adjustContrast(x: Tensor, factor: number): Tensor {
  expectFactor('contrast_factor', factor);
  const grey = expectChannels(x) === 3 ? rgbToGrayscale(x) : x;
  return blend(x, grey.to(computingType(x)).mean([-3, -2, -1], true), factor);
}

/** @param x `[..., 3 or 1, H, W]`. @see torchvision.transforms.functional.adjust_saturation */
export function adjustSaturation(x: Tensor, factor: number): Tensor {
  expectFactor('saturation_factor', factor);
  return expectChannels(x) === 1 ? x : blend(x, rgbToGrayscale(x), factor);
}

/**
 * Turns the colours along their circle.
 * @param factor -0.5 to 0.5; 0.5 is half of the circle.
 * @see torchvision.transforms.functional.adjust_hue
 */
export function adjustHue(x: Tensor, factor: number): Tensor {
  if (!(factor >= -0.5 && factor <= 0.5))
    throw new TorchError('value', `hue_factor (${factor}) is not in [-0.5, 0.5].`);
  if (expectChannels(x) === 1) return x;
  const [h, s, v] = toHsv(convertImage(x, 'float32'));
  return convertImage(fromHsv(h.add(float(factor)).remainder(float(1)), s, v), x.dtype);
}

function toHsv(x: Tensor): [Tensor, Tensor, Tensor] {
  const [r, g, b] = x.unbind(-3) as [Tensor, Tensor, Tensor];
  const most = x.amax(-3);
  const least = x.amin(-3);
  const grey = most.eq(least);
  const range = most.sub(least);
  const ones = ops.onesLike(most);
  const s = range.div(ops.where(grey, ones, most));
  const divisor = ops.where(grey, ones, range);
  const [rc, gc, bc] = [r, g, b].map((each) => most.sub(each).div(divisor)) as [Tensor, Tensor, Tensor];
  const isR = most.eq(r);
  const isG = most.eq(g);
  const hr = isR.mul(bc.sub(gc));
  const hg = isG.bitwiseAnd(most.ne(r)).mul(rc.add(float(2)).sub(bc));
  const hb = most
    .ne(g)
    .bitwiseAnd(most.ne(r))
    .mul(gc.add(float(4)).sub(rc));
  const h = hr.add(hg).add(hb).div(float(6)).add(float(1)).fmod(float(1));
  return [h, s, most];
}

function fromHsv(h: Tensor, s: Tensor, v: Tensor): Tensor {
  const six = h.mul(float(6));
  const i = six.floor();
  const f = six.sub(i);
  const rest = (of: Tensor): Tensor => ops.rsub(of, float(1));
  const p = v.mul(rest(s)).clamp(0, 1);
  const q = v.mul(rest(s.mul(f))).clamp(0, 1);
  const t = v.mul(rest(s.mul(rest(f)))).clamp(0, 1);
  const sector = i.to('int32').remainder(6).unsqueeze(-3);
  const mask = sector.eq(tensor(Int32Array.of(0, 1, 2, 3, 4, 5), { shape: [6, 1, 1] }));
  const rows = [
    [v, q, p, p, t, v],
    [t, v, v, q, p, p],
    [p, p, t, v, v, q],
  ].map((row) => ops.stack(row, -3));
  return ops.einsum('...ijk, ...xijk -> ...xjk', [mask.to(v.dtype), ops.stack(rows, -4)]);
}
