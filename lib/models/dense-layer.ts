import { normReluConv, savedAsOne } from '../nn/norm-relu-conv.js';
import { BatchNorm2d, Conv2d, functional, Module, ReLU, replaceBy } from '../nn/index.js';
import { checkpoint, cuda, ops, type Tensor } from '../tensor/index.js';
import type { EfficientMode } from './efficient.js';
import { fusedDenseBlock } from './fused-dense-block.js';

/** What every layer of a network has in common. */
export interface DenseLayerOptions {
  /** Channels that the layer adds. */
  readonly growthRate: number;
  /** The bottleneck has `bnSize · growthRate` channels; null for a layer without one. */
  readonly bnSize: number | null;
  /** Probability with which an output is dropped while training. */
  readonly dropRate: number;
  /** How memory is traded for time while training; default `none`. */
  readonly efficient?: EfficientMode;
  /** Which of PyTorch's two checkpoints the mode `checkpoint` is; default false, as in torchvision. */
  readonly reentrant?: boolean;
}

/**
 * `[N, C, H, W]` features, in parts, to `[N, growthRate, H, W]` new ones: BN, ReLU, 1×1 convolution, BN, ReLU, 3×3
 * convolution, or without a bottleneck BN, ReLU, 3×3 convolution. The names of the properties are PyTorch's keys.
 */
export class DenseLayer extends Module {
  readonly norm1: BatchNorm2d;
  readonly relu1: ReLU;
  readonly conv1: Conv2d;
  // Without a bottleneck there must be no such properties, as they would be printed and saved.
  declare readonly norm2?: BatchNorm2d;
  declare readonly relu2?: ReLU;
  declare readonly conv2?: Conv2d;
  readonly dropRate: number;
  readonly efficient: EfficientMode;
  readonly reentrant: boolean;

  constructor(inputs: number, options: DenseLayerOptions) {
    super();
    const { growthRate, bnSize, dropRate, efficient = 'none', reentrant = false } = options;
    this.dropRate = dropRate;
    this.efficient = efficient;
    this.reentrant = reentrant;
    this.norm1 = new BatchNorm2d(inputs);
    this.relu1 = new ReLU({ inplace: true });
    if (bnSize === null) {
      this.conv1 = new Conv2d(inputs, growthRate, { kernelSize: 3, padding: 1, bias: false });
      return;
    }
    const width = bnSize * growthRate;
    this.conv1 = new Conv2d(inputs, width, { kernelSize: 1, bias: false });
    this.norm2 = new BatchNorm2d(width);
    this.relu2 = new ReLU({ inplace: true });
    this.conv2 = new Conv2d(width, growthRate, { kernelSize: 3, padding: 1, bias: false });
  }

  /** @param features `[N, Ci, H, W]` each; their channels are joined. */
  forward(features: readonly Tensor[]): Tensor {
    // Each step is let go where Python's reference count would fall to zero, or before; autograd keeps what it saved.
    let current = this.joinedConvolution(features);
    const { norm2, relu2, conv2 } = this;
    if (norm2 && relu2 && conv2) {
      const whole = this.efficient === 'shared' ? normReluConv([current], norm2, relu2, conv2) : undefined;
      current = replaceBy(current, whole ?? convolve(norm2.call(current), relu2, conv2));
    }
    if (this.dropRate === 0) return current;
    return replaceBy(current, functional.dropout(current, { p: this.dropRate, training: this.training }));
  }

  private joinedConvolution(features: readonly Tensor[]): Tensor {
    const { efficient, norm1, relu1, conv1 } = this;
    const plain = (...inputs: readonly Tensor[]): Tensor => {
      const joined = ops.cat([...inputs], 1);
      return convolve(replaceBy(joined, norm1.call(joined)), relu1, conv1);
    };
    if (efficient === 'checkpoint' && features.some((each) => each.requiresGrad)) {
      // Both runs must save the same tensors, though hooks, which only modules call, may come or go between them.
      let asOne: boolean | undefined;
      const again = (...inputs: readonly Tensor[]): Tensor => {
        const whole = asOne === false ? undefined : normReluConv(inputs, norm1, relu1, conv1, { checkpointed: true });
        if (whole === undefined && asOne === true) savedAsOne(inputs, norm1);
        asOne ??= whole !== undefined;
        return whole ?? plain(...inputs);
      };
      // Nothing in here draws random numbers, and their state cannot be read while a graph is recorded.
      const preserveRngState = !cuda.isCurrentStreamCapturing();
      const run = this.reentrant ? plain : again;
      return checkpoint(run, ...features, { useReentrant: this.reentrant, preserveRngState });
    }
    const whole = efficient === 'shared' ? normReluConv(features, norm1, relu1, conv1) : undefined;
    return whole ?? plain(...features);
  }

  override className(): string {
    return '_DenseLayer';
  }
}

/** @param x is let go. */
function convolve(x: Tensor, relu: ReLU, conv: Conv2d): Tensor {
  const current = replaceBy(x, relu.call(x));
  return replaceBy(current, conv.call(current));
}

/** Layers of which each reads what all before it have made; `[N, C, H, W]` to `[N, C + layers·growthRate, H, W]`. */
export class DenseBlock extends Module {
  private readonly version: number;
  private readonly efficient: EfficientMode;

  /** @param options.version of the block's entries in a state dict: 2 in torchvision, 1 in the CIFAR script. */
  constructor(layers: number, inputs: number, options: DenseLayerOptions & { readonly version: number }) {
    super();
    this.version = options.version;
    this.efficient = options.efficient ?? 'none';
    for (let index = 0; index < layers; index++) {
      this.addModule(`denselayer${index + 1}`, new DenseLayer(inputs + index * options.growthRate, options));
    }
  }

  /** @param x `[N, C, H, W]`. */
  forward(x: Tensor): Tensor {
    const whole = this.efficient === 'fused' ? fusedDenseBlock(x, [...this.children()] as DenseLayer[]) : undefined;
    if (whole !== undefined) return whole;
    const features = [x];
    for (const layer of this.children()) features.push((layer as DenseLayer).call(features));
    return ops.cat(features, 1);
  }

  override stateVersion(): number {
    return this.version;
  }

  override className(): string {
    return '_DenseBlock';
  }
}
