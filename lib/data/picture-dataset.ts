import { tensor, type Tensor } from '../tensor/index.js';
import type { Dataset } from './dataset.js';
import type { Picture } from './picture.js';
import type { PictureSet } from './picture-set.js';
import { Compose, ToTensor } from './transforms.js';

/** Labelled pictures in memory, with the steps that turn them into batches. */
export class PictureDataset implements Dataset {
  /** @param transform default: {@link ToTensor} alone. */
  constructor(
    readonly set: PictureSet,
    readonly transform: Compose = new Compose([new ToTensor()]),
  ) {}

  get length(): number {
    return this.set.count;
  }

  /** Names of the classes. */
  get classes(): readonly string[] {
    return this.set.classes;
  }

  /** The same pictures (not copied) with other steps. */
  withTransform(transform: Compose): PictureDataset {
    return new PictureDataset(this.set, transform);
  }

  /** A picture as it is in the file (not copied). @throws RangeError for an index out of range. */
  picture(index: number): Picture {
    const { count, channels, height, width, pictures } = this.set;
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      throw new RangeError(`Expected an index from 0 to ${count - 1} but received ${index}`);
    }
    const size = channels * height * width;
    return { channels, height, width, data: pictures.subarray(index * size, (index + 1) * size) };
  }

  /** @returns pictures float32 `[N, C, H, W]` and labels int64 `[N]`. */
  batch(indices: readonly number[]): [Tensor, Tensor] {
    const pictures = this.transform.batch(indices.map((index) => this.picture(index)));
    const labels = BigInt64Array.from(indices, (index) => BigInt(this.set.labels[index]!));
    return [pictures, tensor(labels)];
  }
}
