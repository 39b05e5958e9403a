import { AdaptiveAvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential } from '../nn/index.js';
import { ops, type Tensor } from '../tensor/index.js';
import { checkCounts, ending, type NotesOptions } from './network-options.js';

/**
 * Four paths side by side, whose channels are joined. There is no ReLU between the two convolutions of a path, no batch
 * normalisation, and the third path has the paper's 5×5.
 */
export class NotesInception extends Module {
  readonly p1: Sequential;
  readonly p2: Sequential;
  readonly p3: Sequential;
  readonly p4: Sequential;

  /**
   * @param inputs channels.
   * @param c1 channels of the 1×1 path.
   * @param c2 of the 3×3 path: after its 1×1 convolution, and at its end.
   * @param c3 of the 5×5 path, the same.
   * @param c4 of the path that pools.
   */
  constructor(inputs: number, c1: number, c2: readonly [number, number], c3: readonly [number, number], c4: number) {
    super();
    this.p1 = new Sequential(new Conv2d(inputs, c1, { kernelSize: 1 }), new ReLU());
    this.p2 = new Sequential(
      new Conv2d(inputs, c2[0], { kernelSize: 1 }),
      new Conv2d(c2[0], c2[1], { kernelSize: 3, padding: 1 }),
      new ReLU(),
    );
    this.p3 = new Sequential(
      new Conv2d(inputs, c3[0], { kernelSize: 1 }),
      new Conv2d(c3[0], c3[1], { kernelSize: 5, padding: 2 }),
      new ReLU(),
    );
    this.p4 = new Sequential(
      new MaxPool2d({ kernelSize: 3, stride: 1, padding: 1 }),
      new Conv2d(inputs, c4, { kernelSize: 1 }),
      new ReLU(),
    );
  }

  /** @param x `[N, C, H, W]`. */
  forward(x: Tensor): Tensor {
    return ops.cat([this.p1.call(x), this.p2.call(x), this.p3.call(x), this.p4.call(x)], 1);
  }

  override className(): string {
    return 'Inception';
  }
}

function halving(): MaxPool2d {
  return new MaxPool2d({ kernelSize: 3, stride: 2, padding: 1 });
}

/** GoogLeNet as the notes have it, a Sequential of five, `[N, 1, 224, 224]` (a side of 17 at least) to `[N, 10]` probabilities. */
export function notesGoogLeNet(options: NotesOptions = {}): Sequential {
  const { inChannels = 1, numClasses = 10 } = options;
  checkCounts('GoogLeNet', { inChannels, numClasses });
  return new Sequential(
    new Sequential(new Conv2d(inChannels, 64, { kernelSize: 7, stride: 2, padding: 3 }), new ReLU(), halving()),
    new Sequential(
      new Conv2d(64, 64, { kernelSize: 1 }),
      new ReLU(),
      new Conv2d(64, 192, { kernelSize: 3, padding: 1 }),
      new ReLU(),
      halving(),
    ),
    new Sequential(
      new NotesInception(192, 64, [96, 128], [16, 32], 32),
      new NotesInception(256, 128, [128, 192], [32, 96], 64),
      halving(),
    ),
    new Sequential(
      new NotesInception(480, 192, [96, 208], [16, 48], 64),
      new NotesInception(512, 160, [112, 224], [24, 64], 64),
      new NotesInception(512, 128, [128, 256], [24, 64], 64),
      new NotesInception(512, 112, [144, 288], [32, 64], 64),
      new NotesInception(528, 256, [160, 320], [32, 128], 128),
      halving(),
    ),
    new Sequential(
      new NotesInception(832, 256, [160, 320], [32, 128], 128),
      new NotesInception(832, 384, [192, 384], [48, 128], 128),
      new AdaptiveAvgPool2d([1, 1]),
      new Flatten(),
      new Linear(1024, numClasses),
      ...ending(options),
    ),
  );
}
