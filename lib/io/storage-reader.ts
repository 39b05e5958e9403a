import { constants } from 'node:os';
import { type Device, empty, fromBytes, Tensor } from '../tensor/index.js';
import { type FileFailure, mapFile, readFilePart, sliceStorage, type StorageView } from '../tensor/file-storages.js';
import type { ByteSource } from './byte-source.js';
import { explainSystemError, IoError } from './errors.js';
import { swap } from './python-globals.js';
import type { StorageRef } from './tensor-maker.js';
import type { StorageContent, TorchContainer } from './torch-file.js';
import { ELEMENT_BYTES } from './torch-storages.js';

/** What a storage's first byte in a file must be a multiple of to be mapped: the size of the largest element. */
const MAPPED_ALIGNMENT = 16;

/** Reads the storages of a file, each into memory of its own, or as parts of one mapping. */
export class StorageReader {
  #mapping: Tensor | undefined;

  constructor(
    readonly source: ByteSource,
    readonly container: TorchContainer,
    readonly mmap: boolean,
  ) {}

  /** The bytes of a storage, `[nbytes]`, uint8, on `device`. */
  read(ref: StorageRef, device: Device): Tensor {
    const content = this.container.content(ref);
    if (device === 'meta') return empty([content.nbytes], { dtype: 'uint8', device });
    const onCpu = this.#straight(ref, content) ?? this.#unpacked(ref, content);
    if (device === 'cpu') return onCpu;
    try {
      return onCpu.to({ device });
    } finally {
      onCpu.dispose();
    }
  }

  /** A tensor over a storage that nothing was read of yet, in one step; undefined where it takes more than one. */
  view(ref: StorageRef, device: Device, view: StorageView): Tensor | undefined {
    return device === 'cpu' ? this.#straight(ref, this.container.content(ref), view) : undefined;
  }

  /** What lies in the file as it is. */
  #straight(ref: StorageRef, { nbytes, offset, crc }: StorageContent, view?: StorageView): Tensor | undefined {
    const { fd } = this.source;
    if (this.container.swapped || offset === undefined || fd === undefined) return undefined;
    if (this.mmap && offset % MAPPED_ALIGNMENT === 0) {
      this.#mapping ??= this.#checked(mapFile(fd, this.source.size));
      return sliceStorage(this.#mapping, offset, nbytes, view);
    }
    return this.#checked(readFilePart(fd, offset, nbytes, this.mmap ? undefined : crc, view), ref);
  }

  #unpacked(ref: StorageRef, content: StorageContent): Tensor {
    const given = content.read();
    const bytes = this.container.swapped ? new Uint8Array(given) : given; // the caller's bytes are not ours to change
    if (this.container.swapped) swap(bytes, ref.dtype === undefined ? 1 : ELEMENT_BYTES.get(ref.dtype)!.unit);
    return fromBytes(bytes, [bytes.byteLength], 'uint8');
  }

  #checked(read: Tensor | FileFailure, ref?: StorageRef): Tensor {
    return checkedRead(read, this.source.name, ref === undefined ? '' : `storage ${ref.key}`);
  }

  /** Lets go of the mapping, which lives on while a storage uses it. */
  close(): void {
    this.#mapping?.dispose();
  }
}

/** What was read of a file, or the error that says why not. @param part what should have been there. */
export function checkedRead(read: Tensor | FileFailure, name: string, part: string): Tensor {
  if (read instanceof Tensor) return read;
  if (read === 'short') throw new IoError('format', `cannot read ${name}: it became shorter while it was read`, name);
  if (read === 'damaged') throw new IoError('format', `${name}: damaged: the checksum of ${part} differs`, name);
  const code = Object.entries(constants.errno).find(([, number]) => number === read.errno)?.[0] ?? 'EIO';
  throw explainSystemError(Object.assign(new Error(code), { code, syscall: 'read' }), 'read', name);
}
