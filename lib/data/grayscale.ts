import { TorchError, type Tensor } from '../tensor/index.js';
import type { Picture, PictureTransform } from './picture.js';
import { drawWith, expectProbability } from './random.js';
import { rgbToGrayscale } from './tensor-colours.js';
import type { TensorTransform } from './transforms.js';

/** Pillow's brightness of three colours, in whole numbers. */
function toGrey({ channels, height, width, data }: Picture, outputs: 1 | 3): Picture {
  const area = height * width;
  if (channels !== 1 && channels !== 3) {
    throw new RangeError(`Input image tensor permitted channel values are [1, 3], but found ${channels}`);
  }
  const grey = new Uint8Array(outputs * area);
  for (let i = 0; i < area; i++) {
    grey[i] =
      channels === 1
        ? data[i]!
        : (data[i]! * 19595 + data[area + i]! * 38470 + data[2 * area + i]! * 7471 + 0x8000) >> 16;
  }
  for (let c = 1; c < outputs; c++) grey.copyWithin(c * area, 0, area);
  return { channels: outputs, height, width, data: grey };
}

/**
 * Colours to brightness.
 * @see torchvision.transforms.Grayscale
 */
export class Grayscale implements PictureTransform, TensorTransform {
  /** @param numOutputChannels 1 (default), or 3 that are alike. */
  constructor(readonly numOutputChannels: 1 | 3 = 1) {
    if (![1, 3].includes(numOutputChannels)) {
      throw new TorchError('value', 'num_output_channels should be either 1 or 3');
    }
  }

  picture(picture: Picture): Picture {
    return toGrey(picture, this.numOutputChannels);
  }

  tensor(x: Tensor): Tensor {
    return rgbToGrayscale(x, this.numOutputChannels);
  }
}

/**
 * Colours to brightness with probability `p`; as many channels come out as went in.
 * @see torchvision.transforms.RandomGrayscale
 */
export class RandomGrayscale implements PictureTransform, TensorTransform {
  constructor(readonly p = 0.1) {
    expectProbability(p);
  }

  picture(picture: Picture): Picture {
    return drawWith(this.p) ? toGrey(picture, picture.channels === 1 ? 1 : 3) : picture;
  }

  tensor(x: Tensor): Tensor {
    return drawWith(this.p) ? rgbToGrayscale(x, x.shape.at(-3) === 1 ? 1 : 3) : x;
  }
}
