import { ops, type Tensor } from '../tensor/index.js';

/**
 * Turns channels into pixels.
 * @param x `[..., C·r², H, W]`, r being `upscaleFactor`.
 * @returns new `[..., C, H·r, W·r]`, owned by the current scope.
 * @see torch.nn.functional.pixel_shuffle
 */
export function pixelShuffle(x: Tensor, upscaleFactor: number): Tensor {
  return ops.pixelShuffle(x, upscaleFactor);
}

/**
 * Turns pixels into channels.
 * @param x `[..., C, H·r, W·r]`, r being `downscaleFactor`.
 * @returns new `[..., C·r², H, W]`, owned by the current scope.
 * @see torch.nn.functional.pixel_unshuffle
 */
export function pixelUnshuffle(x: Tensor, downscaleFactor: number): Tensor {
  return ops.pixelUnshuffle(x, downscaleFactor);
}

/**
 * Deals the channels out anew: the first of each group, then the second of each, and so on.
 * @param x `[N, C, ...]`.
 * @param groups divides C.
 * @returns new tensor of the shape of `x`, owned by the current scope.
 * @see torch.nn.functional.channel_shuffle
 */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  return ops.channelShuffle(x, groups);
}
