import { bytesSource, fileSource } from './byte-source.js';
import { IoError } from './errors.js';
import { openTorchFile } from './open-torch-file.js';
import { OutlineMaker, TensorOutline } from './outline-maker.js';
import type { Py2Encoding } from './pickle-reader.js';
import { ELEMENT_BYTES } from './torch-storages.js';
import type { StorageRef } from './tensor-maker.js';
import { readTorchFile } from './torch-file.js';
import { replaceStorages } from './values-walk.js';

/** What a torch file holds, by {@link outline}. */
export interface TorchOutline {
  readonly form: 'zip' | 'legacy' | 'tar';
  /** As `load` would return it, with a {@link TensorOutline} for every tensor and UnknownObjects for what is not read. */
  readonly value: unknown;
  /** The storages that tensors refer to, in the order of their first mention. */
  readonly storages: readonly StorageRef[];
  /** Names of classes and functions that `load` refuses, each once, in the order of the file. */
  readonly unknown: readonly string[];
}

/**
 * Looks into a file of torch.save, in any of its forms, without building a tensor or reading a storage; nothing in the file
 * is executed. The file's structure is checked as `load` checks it, but for checksums of storages and the values of indices.
 * What `load` would refuse by name is listed instead.
 * @param file path, or the bytes of a file.
 * @throws IoError `missing` | `access` | `kind` | `format` | `unsupported`, one line that names the file.
 */
export function outline(file: string | Uint8Array, options: { encoding?: Py2Encoding } = {}): TorchOutline {
  const source = typeof file === 'string' ? fileSource(file) : bytesSource(file);
  try {
    const container = openTorchFile(source);
    const maker = new OutlineMaker();
    const unknown = new Set<string>();
    const read = readTorchFile(container, maker, { ...options, onUnknown: (name) => unknown.add(name) });
    const storages = [...maker.storages.values()];
    for (const ref of storages) {
      try {
        container.content(ref);
      } catch (error) {
        if (error instanceof IoError || !(error instanceof Error)) throw error;
        throw new IoError('format', `${container.what}: ${error.message}`, source.name, { cause: error });
      }
    }
    const value = read.bare ? replaceStorages(read.value, ({ ref }) => bareOutline(ref)) : read.value;
    return { form: container.form, value, storages, unknown: [...unknown] };
  } finally {
    source.close();
  }
}

/** A storage that stands for itself comes as a tensor over the whole of it. */
function bareOutline({ key, dtype = 'uint8', nbytes, part }: StorageRef): TensorOutline {
  const length = (part?.nbytes ?? nbytes) / ELEMENT_BYTES.get(dtype)!.size;
  return new TensorOutline(dtype, [length], { storage: key, stride: [1] });
}
