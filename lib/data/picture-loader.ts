import type { IoError } from '../io/index.js';
import type { Generator } from '../tensor/index.js';
import type { BatchSource, LoaderState } from './batch-order.js';
import { expectInteger } from './expect.js';
import type { ImageClassification } from './image-classification.js';
import type { ImageSample } from './image-folder.js';
import { ImageTraining } from './image-training.js';
import type { PictureBatch } from './picture-batch.js';
import { PicturePass } from './picture-pass.js';
import { drawSeed } from './random.js';
import { RandomSampler, type Sampler, SequentialSampler } from './sampler.js';

/** Options of {@link PictureLoader}. */
export interface PictureLoaderOptions {
  /** How pictures are made ready. */
  readonly transform: ImageClassification | ImageTraining;
  /** Ten crops of every picture, not that of the middle alone; default false. */
  readonly tenCrop?: boolean;
  /** Pictures a batch, default 1. */
  readonly batchSize?: number;
  /** A new random order each time, default false. */
  readonly shuffle?: boolean;
  /** An order of one's own; not together with `shuffle`. */
  readonly sampler?: Sampler;
  /** Leaves out a last batch that is smaller, default false. */
  readonly dropLast?: boolean;
  /** Where the order is drawn from instead of the default generator. */
  readonly generator?: Generator | null;
  /** Threads that read pictures; 0 reads in the caller's. Default one less than there are processors, 1 to 8; processes of one launch share them. */
  readonly workers?: number | undefined;
  /** Told of pictures that cannot be read, which their batches go without; default: the first of them ends the pass. */
  readonly onBroken?: ((error: IoError) => void) | undefined;
}

/** Where a pass over a {@link PictureLoader} has got to, as plain data. */
export interface PictureLoaderState extends LoaderState {
  /** State of the generator that random parts are drawn from; null without {@link ImageTraining}. */
  drawState: Uint8Array | null;
}

/**
 * Batches of the pictures of a folder, which threads of their own read, resize and cut out while the network runs. The
 * order, and the random numbers it takes, are those of PyTorch's loader. What {@link ImageTraining} draws is what PyTorch's loader draws with
 * one worker, however many threads there are.
 * ```ts
 * for await (const batch of loader) scope(() => { const [input, target] = batch.tensors(); … });
 * ```
 * @see torch.utils.data.DataLoader
 */
export class PictureLoader implements AsyncIterable<PictureBatch>, BatchSource {
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly generator: Generator | null;
  readonly sampler: Sampler;

  /**
   * @param folder an ImageFolder, or anything that lists samples.
   * @throws RangeError for numbers that cannot be, and for `sampler` with `shuffle`; TypeError for ten crops of pictures to train on.
   */
  constructor(
    readonly folder: { readonly samples: readonly ImageSample[]; readonly length: number },
    readonly options: PictureLoaderOptions,
  ) {
    const { shuffle = false, generator = null, workers, tenCrop = false } = options;
    this.batchSize = options.batchSize ?? 1;
    this.dropLast = options.dropLast ?? false;
    this.generator = generator;
    expectInteger('PictureLoader batchSize', this.batchSize, 1);
    if (workers !== undefined) expectInteger('PictureLoader workers', workers, 0, 1024);
    if (tenCrop && options.transform instanceof ImageTraining)
      throw new TypeError('Expected no tenCrop with ImageTraining: it cuts out parts of its own');
    if (options.sampler !== undefined && shuffle)
      throw new RangeError('sampler option is mutually exclusive with shuffle');
    this.sampler = options.sampler ?? (shuffle ? new RandomSampler(folder, generator) : new SequentialSampler(folder));
  }

  /** Batches in one pass. */
  get length(): number {
    const { length } = this.sampler;
    return this.dropLast ? Math.floor(length / this.batchSize) : Math.ceil(length / this.batchSize);
  }

  /** Begins a pass, which must be read to its end or closed; draws one number, PyTorch's base seed for workers. */
  begin(): PicturePass {
    return new PicturePass(this, null, drawSeed(this.generator));
  }

  /** Goes on with a pass, as {@link DataLoader.resume}. @throws RangeError, TypeError for the state of another loader. */
  resume(state: PictureLoaderState): PicturePass {
    return new PicturePass(this, state, 0n);
  }

  /**
   * One pass. Ends the threads however it is left.
   * @throws IoError that names the file of a picture that cannot be read, without `onBroken`.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<PictureBatch, void, void> {
    const pass = this.begin();
    try {
      for (;;) {
        const batch = await pass.next();
        if (batch === undefined) return;
        yield batch;
      }
    } finally {
      await pass.close();
    }
  }
}
