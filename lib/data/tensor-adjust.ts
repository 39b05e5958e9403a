import { functional } from '../nn/index.js';
import { ops, slice, tensor, TorchError, type Tensor } from '../tensor/index.js';
import { blend, computingType, expectChannels, maxValue } from './tensor-colours.js';

function expectPicture(x: Tensor): void {
  if (x.dim() < 3) {
    throw new TorchError('shape', `Input image tensor should have at least 3 dimensions, but found ${x.dim()}`);
  }
  expectChannels(x);
}

function expectBytes(x: Tensor): void {
  expectPicture(x);
  if (x.dtype !== 'uint8') {
    throw new TorchError('dtype', `Only torch.uint8 image tensors are supported, but found torch.${x.dtype}`);
  }
}

/** @see torchvision.transforms.functional.invert */
export function invert(x: Tensor): Tensor {
  expectPicture(x);
  return ops.rsub(x, maxValue(x.dtype));
}

/** Keeps the upper bits of every byte. @param x uint8. @see torchvision.transforms.functional.posterize */
export function posterize(x: Tensor, bits: number): Tensor {
  if (!(Number.isInteger(bits) && bits >= 0 && bits <= 8)) {
    throw new TorchError('value', `The number if bits should be between 0 and 8. Got ${bits}`);
  }
  expectBytes(x);
  return x.bitwiseAnd(256 - 2 ** (8 - bits));
}

/** Inverts values from a threshold on. @see torchvision.transforms.functional.solarize */
export function solarize(x: Tensor, threshold: number): Tensor {
  expectPicture(x);
  if (threshold > maxValue(x.dtype)) throw new TorchError('value', 'Threshold should be less than bound of img.');
  return ops.where(x.ge(threshold), invert(x), x);
}

/** 0 blurs, 1 leaves the picture as it is, more sharpens. @see torchvision.transforms.functional.adjust_sharpness */
export function adjustSharpness(x: Tensor, factor: number): Tensor {
  if (!(factor >= 0)) throw new TorchError('value', `sharpness_factor (${factor}) is not non-negative.`);
  const channels = expectChannels(x);
  if (x.size(-1) <= 2 || x.size(-2) <= 2) return x;
  const kernel = tensor(Float64Array.of(1, 1, 1, 1, 5, 1, 1, 1, 1), { shape: [3, 3], dtype: computingType(x) });
  kernel.div_(kernel.sum());
  const batch = x.dim() < 4 ? x.unsqueeze(0) : x;
  const blurred = functional.conv2d(batch.to(kernel.dtype), kernel.expand([channels, 1, 3, 3]), { groups: channels });
  const shaped = x.dim() < 4 ? blurred.squeeze(0) : blurred;
  const inner = x.isFloatingPoint() ? shaped : shaped.round().to(x.dtype);
  const other = x.clone();
  other.get('...', slice(1, -1), slice(1, -1)).copy_(inner);
  return blend(x, other, factor);
}

/** Stretches every channel from its least and most to all values there are. @see torchvision.transforms.functional.autocontrast */
export function autocontrast(x: Tensor): Tensor {
  expectPicture(x);
  const bound = maxValue(x.dtype);
  const dtype = computingType(x);
  const least = x.amin([-2, -1], true).to(dtype);
  const most = x.amax([-2, -1], true).to(dtype);
  const scale = most.sub(least).reciprocal().mul(bound);
  const flat = scale.isfinite().logicalNot();
  return x.sub(least.maskedFill(flat, 0)).mul(scale.maskedFill(flat, 1)).clamp(0, bound).to(x.dtype);
}

/** Spreads the values of every channel evenly. @param x uint8 `[..., C, H, W]`. @see torchvision.transforms.functional.equalize */
export function equalize(x: Tensor): Tensor {
  expectBytes(x);
  if (x.dim() > 4) {
    throw new TorchError('shape', `Input image tensor should have 3 or 4 dimensions, but found ${x.dim()}`);
  }
  if (x.dim() === 4) return ops.stack(x.unbind(0).map(equalize), 0);
  return ops.stack(x.unbind(0).map(equalizeChannel), 0);
}

function equalizeChannel(channel: Tensor): Tensor {
  const histogram = Array.from(channel.reshape([-1]).bincount(null, 256).toTypedArray(), Number);
  const last = histogram.findLastIndex((count) => count !== 0);
  const step = Math.floor((channel.numel() - (histogram[last] ?? 0)) / 255);
  if (step === 0) return channel;
  const table = new Uint8Array(256);
  let sum = 0;
  for (let value = 0; value < 255; value++) {
    sum += histogram[value]!;
    table[value + 1] = Math.max(0, Math.min(255, Math.floor((sum + Math.floor(step / 2)) / step)));
  }
  return tensor(table).take(channel.to('int64'));
}
