import type { Tensor } from '../tensor/index.js';
import type { TensorTransform } from './transforms.js';

/**
 * A function as a step.
 * ```ts
 * new Lambda((x) => x.mul(2).sub(1));
 * ```
 * @see torchvision.transforms.Lambda
 */
export class Lambda implements TensorTransform {
  /**
   * @param lambd takes `[C, H, W]`; it draws random numbers of its own as it likes.
   * @param pointwise whether it treats every value by itself, the same each time: it is then asked once for each byte there is.
   */
  constructor(
    readonly lambd: (x: Tensor) => Tensor,
    readonly pointwise = false,
  ) {
    if (typeof lambd !== 'function')
      throw new TypeError(`Argument lambd should be callable, got ${JSON.stringify(typeof lambd)}`);
  }

  tensor(x: Tensor): Tensor {
    return this.lambd(x);
  }
}
