import type { Tensor } from '../tensor/index.js';
import { mirror, upsideDown } from './crops.js';
import type { Picture, PictureTransform } from './picture.js';
import { drawWith, expectProbability } from './random.js';
import { hflip, vflip } from './tensor-geometry.js';
import type { TensorTransform } from './transforms.js';

/**
 * Mirrors a picture left to right with probability `p`.
 * @see torchvision.transforms.RandomHorizontalFlip
 */
export class RandomHorizontalFlip implements PictureTransform, TensorTransform {
  constructor(readonly p = 0.5) {
    expectProbability(p);
  }

  picture(picture: Picture): Picture {
    return drawWith(this.p) ? mirror(picture) : picture;
  }

  tensor(x: Tensor): Tensor {
    return drawWith(this.p) ? hflip(x) : x;
  }
}

/**
 * Mirrors a picture top to bottom with probability `p`.
 * @see torchvision.transforms.RandomVerticalFlip
 */
export class RandomVerticalFlip implements PictureTransform, TensorTransform {
  constructor(readonly p = 0.5) {
    expectProbability(p);
  }

  picture(picture: Picture): Picture {
    return drawWith(this.p) ? upsideDown(picture) : picture;
  }

  tensor(x: Tensor): Tensor {
    return drawWith(this.p) ? vflip(x) : x;
  }
}
