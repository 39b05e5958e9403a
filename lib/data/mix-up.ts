import { ops, slice, tensor, TorchError, type Tensor } from '../tensor/index.js';
import { drawInteger } from './random.js';
import { dimensionsOf } from './tensor-colours.js';

/** Options of {@link MixUp} and {@link CutMix}. */
export interface MixOptions {
  /** Of the Beta distribution that the shares are drawn from; default 1, which is even. */
  readonly alpha?: number;
  /** Classes there are; needed where targets are class numbers. */
  readonly numClasses?: number;
}

/** What MixUp and CutMix have in common: shares, and targets as probabilities. */
abstract class Mixing {
  readonly alpha: number;
  readonly numClasses: number | undefined;

  /** @throws TorchError `value` */
  constructor(options: MixOptions = {}) {
    this.alpha = options.alpha ?? 1;
    this.numClasses = options.numClasses;
    if (!(this.alpha > 0)) throw new TorchError('value', `Expected a positive alpha but received ${this.alpha}`);
  }

  /**
   * Mixes each sample of a batch with the one before it.
   * @param input `[N, C, H, W]`.
   * @param target class numbers int64 `[N]`, or probabilities `[N, classes]`.
   * @returns mixed input, and probabilities float32 `[N, classes]`, which `crossEntropy` takes; owned by the current scope.
   * @throws TorchError `shape` | `value` in torchvision's words.
   */
  call(input: Tensor, target: Tensor): [Tensor, Tensor] {
    const [n] = target.shape;
    if (target.dim() !== 1 && target.dim() !== 2) {
      throw new TorchError(
        'shape',
        'labels should be index based with shape (batch_size,) or probability based with shape (batch_size, num_classes), ' +
          `but got a tensor of shape [${target.shape.join(', ')}] instead.`,
      );
    }
    if (target.dim() === 1 && this.numClasses === undefined) {
      throw new TorchError('value', 'num_classes must be passed if the labels are index-based (1D)');
    }
    if (target.dim() === 2 && this.numClasses !== undefined && target.size(-1) !== this.numClasses) {
      throw new TorchError(
        'value',
        'When passing 2D labels, the number of elements in last dimension must match num_classes: ' +
          `${target.size(-1)} != ${this.numClasses}. You can Leave num_classes to None.`,
      );
    }
    if (input.dim() !== 4) {
      throw new TorchError('shape', `Expected a batched input with 4 dims, but got ${input.dim()} dimensions instead.`);
    }
    if (input.size(0) !== n) {
      throw new TorchError(
        'shape',
        `The batch size of the image or video does not match the batch size of the labels: ${input.size(0)} != ${n}.`,
      );
    }
    const [mixed, share] = this.mix(input, this.#drawShare());
    return [mixed, mixTargets(target, share, this.numClasses)];
  }

  /** @returns the mixed input, and the share that each sample keeps. */
  protected abstract mix(input: Tensor, share: number): [Tensor, number];

  /** `torch.distributions.Beta(alpha, alpha).sample()`, which is one of the two numbers of a Dirichlet draw. */
  #drawShare(): number {
    const drawn = ops.aten<Tensor>(
      '_sample_dirichlet',
      tensor(Float32Array.of(this.alpha, this.alpha), { shape: [1, 2] }),
    );
    return drawn.select(-1, 0).item();
  }
}

function mixTargets(target: Tensor, share: number, numClasses: number | undefined): Tensor {
  const labels = target.dim() === 1 ? ops.oneHot(target, numClasses) : target;
  const floats = labels.isFloatingPoint() ? labels : labels.to('float32');
  return floats
    .roll(1, 0)
    .mul_(1 - share)
    .add_(floats.mul(share));
}

/**
 * Mixes each picture of a batch with the one before it, all of it.
 * ```ts
 * const [x, y] = new MixUp({ numClasses: 10 }).call(input, target);
 * ```
 * @see torchvision.transforms.v2.MixUp
 */
export class MixUp extends Mixing {
  protected mix(input: Tensor, share: number): [Tensor, number] {
    const mixed = input
      .roll(1, 0)
      .mul_(1 - share)
      .add_(input.mul(share));
    return [mixed, share];
  }
}

/**
 * Puts a rectangle of each picture of a batch into the next one.
 * @see torchvision.transforms.v2.CutMix
 */
export class CutMix extends Mixing {
  protected mix(input: Tensor, share: number): [Tensor, number] {
    const [, height, width] = dimensionsOf(input);
    const x = drawInteger(0, width);
    const y = drawInteger(0, height);
    const reach = 0.5 * Math.sqrt(1 - share);
    const [halfWidth, halfHeight] = [Math.trunc(reach * width), Math.trunc(reach * height)];
    const [x1, y1] = [Math.max(0, x - halfWidth), Math.max(0, y - halfHeight)];
    const [x2, y2] = [Math.min(width, x + halfWidth), Math.min(height, y + halfHeight)];
    const mixed = input.clone();
    const part = [slice(y1, y2), slice(x1, x2)] as const;
    mixed.get('...', ...part).copy_(input.roll(1, 0).get('...', ...part));
    return [mixed, 1 - ((x2 - x1) * (y2 - y1)) / (width * height)];
  }
}
