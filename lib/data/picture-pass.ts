import { setImmediate as turn } from 'node:timers/promises';
import { Generator } from '../tensor/index.js';
import { BatchOrder, setGenerator, stateOf } from './batch-order.js';
import type { ImageSample } from './image-folder.js';
import { ImageTraining } from './image-training.js';
import { PictureBatch } from './picture-batch.js';
import type { PictureLoader, PictureLoaderState } from './picture-loader.js';
import { defaultWorkers, makePool, type PicturePool } from './picture-pool.js';
import type { DrawnSteps } from './picture-steps.js';
import type { PictureResult } from './prepare-picture.js';
import { readOf } from './read-pictures.js';

/** A batch whose pictures are on their way. */
interface Coming {
  readonly samples: readonly ImageSample[];
  readonly results: readonly Promise<PictureResult>[];
  /** State of the generator once it has drawn for this batch. */
  readonly drawState: Promise<Uint8Array | null>;
}

/** Batches that are on their way while one is worked on. What is drawn for takes two turns: its size comes first. */
const AHEAD = 2;
const AHEAD_DRAWN = 3;

/**
 * One pass over a {@link PictureLoader}. Random parts are drawn here, picture by picture in their order, from a generator of its own
 * that is seeded as PyTorch's loader seeds its first worker; threads tell the sizes, then read and cut. How many threads there are, and how fast,
 * changes nothing.
 */
export class PicturePass {
  readonly #loader: PictureLoader;
  readonly #order: BatchOrder;
  readonly #workers: number;
  readonly #generator: Generator | null;
  readonly #coming: Coming[] = [];
  #pool: PicturePool | null = null;
  /** Ends with the draws for all pictures so far. */
  #draws: Promise<unknown> = Promise.resolve();
  #batches: number;
  #drawState: Uint8Array | null;

  /** Made by {@link PictureLoader}, not by hand. @throws RangeError, TypeError for the state of another loader. */
  constructor(loader: PictureLoader, state: PictureLoaderState | null, baseSeed: bigint) {
    const { transform, workers } = loader.options;
    this.#loader = loader;
    this.#workers = Math.min(workers ?? defaultWorkers(), loader.folder.length);
    this.#generator = transform instanceof ImageTraining ? new Generator().manualSeed(baseSeed) : null;
    const drawState = state?.drawState ?? null;
    if (state !== null && (drawState === null) !== (this.#generator === null))
      throw new TypeError('The state is that of a loader with other transforms');
    if (drawState !== null && this.#generator !== null) setGenerator(this.#generator, drawState);
    this.#drawState = drawState ?? (this.#generator === null ? null : stateOf(this.#generator));
    this.#batches = state?.batches ?? 0;
    this.#order = new BatchOrder(loader, state);
  }

  /** Where the pass has got to, for {@link PictureLoader.resume}: behind the batches that were given out, whatever is on its way. */
  state(): PictureLoaderState {
    return { ...this.#order.state(), batches: this.#batches, drawState: this.#drawState };
  }

  /**
   * The next batch; undefined behind the last. Without `onBroken` a picture that cannot be read leaves the pass before its batch.
   * @throws IoError that names the file.
   */
  async next(): Promise<PictureBatch | undefined> {
    const { transform, onBroken } = this.#loader.options;
    for (;;) {
      this.#pool ??= await makePool(this.#workers, (AHEAD_DRAWN + 1) * this.#loader.batchSize);
      this.#send(this.#pool);
      const coming = this.#coming.shift();
      if (coming === undefined) {
        await this.close();
        return undefined;
      }
      const reads = (await Promise.all(coming.results)).map(readOf);
      if (onBroken === undefined) for (const { error } of reads) if (error !== null) throw error;
      const drawState = await coming.drawState;
      // Sizes that have come are drawn for, so that the threads have work while the caller computes.
      if (this.#generator !== null && this.#workers > 0) await turn();
      this.#drawState = drawState;
      this.#batches++;
      for (const { error } of reads) if (error !== null) onBroken?.(error);
      const samples = coming.samples.filter((_, index) => reads[index]?.error === null);
      const pictures = reads.flatMap((each) => (each.error === null ? [each.pictures] : []));
      if (pictures.length > 0) return new PictureBatch(samples, pictures, transform);
    }
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    this.#coming.length = 0;
    await this.#pool?.close();
  }

  #send(pool: PicturePool): void {
    const { folder, options } = this.#loader;
    const { transform, tenCrop = false } = options;
    const ahead = this.#workers === 0 ? 0 : this.#generator === null ? AHEAD : AHEAD_DRAWN;
    while (this.#coming.length <= ahead) {
      const samples = this.#order.next()?.map((index) => folder.samples[index]!);
      if (samples === undefined) return;
      const run =
        transform instanceof ImageTraining
          ? (path: string) => this.#readDrawn(pool, path, transform)
          : (path: string) => pool.run({ path, steps: transform.steps(tenCrop) });
      const results = samples.map(({ path }) => awaited(run(path)));
      const generator = this.#generator;
      const drawState = awaited(this.#draws.then(() => (generator === null ? null : stateOf(generator))));
      this.#draws = drawState;
      this.#coming.push({ samples, results, drawState });
    }
  }

  /** Its draws come after those for the pictures before; for one without a size nothing is drawn. */
  #readDrawn(pool: PicturePool, path: string, transform: ImageTraining): Promise<PictureResult> {
    const sized = awaited(pool.run({ path, steps: null }));
    const drawn = this.#draws.then(async (): Promise<DrawnSteps | PictureResult> => {
      const result = await sized;
      return 'size' in result ? transform.draw(...result.size, this.#generator) : result;
    });
    this.#draws = awaited(drawn);
    return drawn.then((steps) => ('flip' in steps ? pool.run({ path, steps }) : steps));
  }
}

/** A promise that is looked at in its turn, or never: until then it is no failure. */
function awaited<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
