import { tensor, type Tensor } from '../tensor/index.js';
import type { ImageSample } from './image-folder.js';
import type { Picture } from './picture.js';

/** Some pictures of a folder, ready to become tensors. */
export class PictureBatch {
  readonly #transform: { normalize(pictures: readonly Picture[]): Tensor };
  readonly #pictures: readonly (readonly Picture[])[];

  /** Made by {@link PictureLoader}, not by hand. */
  constructor(
    readonly samples: readonly ImageSample[],
    pictures: readonly (readonly Picture[])[],
    transform: { normalize(pictures: readonly Picture[]): Tensor },
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
