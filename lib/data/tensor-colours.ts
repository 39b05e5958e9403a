import { TorchError, type Tensor } from '../tensor/index.js';

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

/** @see torchvision.transforms.functional.rgb_to_grayscale */
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
  return outputs === 3 ? grey.expand([...x.shape.slice(0, -3), 3, ...x.shape.slice(-2)]) : grey;
}
