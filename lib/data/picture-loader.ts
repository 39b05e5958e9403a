import type { IoError } from '../io/index.js';
import { tensor, type Generator, type Tensor } from '../tensor/index.js';
import { expectInteger } from './expect.js';
import type { ImageClassification } from './image-classification.js';
import type { ImageSample } from './image-folder.js';
import type { Picture } from './picture.js';
import { drawSeed } from './random.js';
import { readPictures } from './read-pictures.js';
import { RandomSampler, SequentialSampler } from './sampler.js';

/** Options of {@link PictureLoader}. */
export interface PictureLoaderOptions {
  /** How pictures are made ready. */
  readonly transform: ImageClassification;
  /** Ten crops of every picture, not that of the middle alone; default false. */
  readonly tenCrop?: boolean;
  /** Pictures a batch, default 1. */
  readonly batchSize?: number;
  /** A new random order each time, default false. */
  readonly shuffle?: boolean;
  /** Leaves out a last batch that is smaller, default false. */
  readonly dropLast?: boolean;
  /** Where the order is drawn from instead of the default generator. */
  readonly generator?: Generator | null;
  /** Threads that read pictures; 0 reads in the caller's. Default one less than there are processors, 1 to 8. */
  readonly workers?: number | undefined;
  /** Told of pictures that cannot be read, which their batches go without; default: the first of them ends the pass. */
  readonly onBroken?: ((error: IoError) => void) | undefined;
}

/** Some pictures of a folder, ready to become tensors. */
export class PictureBatch {
  readonly #transform: ImageClassification;
  readonly #pictures: readonly (readonly Picture[])[];

  /** Made by {@link PictureLoader}, not by hand. */
  constructor(
    readonly samples: readonly ImageSample[],
    pictures: readonly (readonly Picture[])[],
    transform: ImageClassification,
  ) {
    this.#pictures = pictures;
    this.#transform = transform;
  }

  /** Number of pictures. */
  get length(): number {
    return this.samples.length;
  }

  /**
   * The batch as tensors, owned by the current scope.
   * @returns pictures float32 `[N, 3, H, W]`, with ten crops `[N, 10, 3, H, W]`; class indices int64 `[N]`.
   */
  tensors(): [Tensor, Tensor] {
    const flat = this.#transform.normalize(this.#pictures.flat());
    const crops = this.#pictures[0]?.length ?? 1;
    const input = crops === 1 ? flat : flat.view([this.length, crops, ...flat.shape.slice(1)]);
    return [input, tensor(BigInt64Array.from(this.samples, ({ target }) => BigInt(target)))];
  }
}

/**
 * Batches of the pictures of a folder, which threads of their own read, resize and cut out while the network runs. The
 * order, and the random numbers it takes, are those of PyTorch's loader.
 * ```ts
 * for await (const batch of loader) scope(() => { const [input, target] = batch.tensors(); … });
 * ```
 * @see torch.utils.data.DataLoader
 */
export class PictureLoader implements AsyncIterable<PictureBatch> {
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly sampler: RandomSampler | SequentialSampler;

  /** @param folder an ImageFolder, or anything that lists samples. @throws RangeError for numbers that cannot be. */
  constructor(
    readonly folder: { readonly samples: readonly ImageSample[]; readonly length: number },
    readonly options: PictureLoaderOptions,
  ) {
    this.batchSize = options.batchSize ?? 1;
    this.dropLast = options.dropLast ?? false;
    expectInteger('PictureLoader batchSize', this.batchSize, 1);
    if (options.workers !== undefined) expectInteger('PictureLoader workers', options.workers, 0, 1024);
    const { shuffle = false, generator = null } = options;
    this.sampler = shuffle ? new RandomSampler(folder, generator) : new SequentialSampler(folder);
  }

  /** Batches in one pass. */
  get length(): number {
    const { length } = this.folder;
    return this.dropLast ? Math.floor(length / this.batchSize) : Math.ceil(length / this.batchSize);
  }

  /**
   * One pass. Ends the threads however it is left.
   * @throws IoError that names the file of a picture that cannot be read, without `onBroken`.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<PictureBatch, void, void> {
    const { transform, tenCrop = false, workers, onBroken, generator = null } = this.options;
    drawSeed(generator);
    const count = this.dropLast ? this.length * this.batchSize : this.folder.length;
    const samples = [...this.sampler.indices()].slice(0, count).map((index) => this.folder.samples[index]!);
    const reads = readPictures(
      samples.map(({ path }) => path),
      { steps: transform.steps(tenCrop), workers, ahead: 2 * this.batchSize },
    );
    let read: ImageSample[] = [];
    let pictures: (readonly Picture[])[] = [];
    let index = 0;
    for await (const each of reads) {
      const sample = samples[index++]!;
      if (each.error === null) {
        read.push(sample);
        pictures.push(each.pictures);
      } else if (onBroken === undefined) {
        throw each.error;
      } else {
        onBroken(each.error);
      }
      if (index % this.batchSize !== 0 && index !== samples.length) continue;
      if (read.length > 0) yield new PictureBatch(read, pictures, transform);
      read = [];
      pictures = [];
    }
  }
}
