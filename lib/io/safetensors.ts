import { type Device, fromBytes, scope, Tensor, TorchError } from '../tensor/index.js';
import { mapFile, readFilePart, sliceStorage, type StorageView } from '../tensor/file-storages.js';
import { atomicWriteFile } from './atomic-write.js';
import { bytesSource, fileSource, type ByteSource } from './byte-source.js';
import { IoError } from './errors.js';
import {
  readSafetensorsHeader,
  type SafetensorsEntry,
  type SafetensorsPlan,
  writeSafetensorsHeader,
} from './safetensors-header.js';
import { checkedRead } from './storage-reader.js';
import { quote } from './strict-json.js';
import { ELEMENT_BYTES } from './torch-storages.js';

/** The tensors of a safetensors file by name, in the order of the file, and the texts that it carries beside them. */
export class SafetensorsDict extends Map<string, Tensor> {
  /** `__metadata__` of the file; PyTorch's libraries write `format: 'pt'`. */
  metadata: ReadonlyMap<string, string> = new Map();
}

/** How {@link loadSafetensors} reads. */
export interface SafetensorsLoadOptions {
  /** Where the tensors come to lie; default `'cpu'`. */
  readonly device?: Device | undefined;
  /**
   * Maps the file instead of reading it: elements are read from the disk when they are first used. What is written to the
   * tensors stays in this process. Tensors that do not lie aligned in the file are read. Only for paths.
   */
  readonly mmap?: boolean | undefined;
}

/** What {@link saveSafetensors} writes beside the tensors. */
export interface SafetensorsSaveOptions {
  /** Texts for the header. */
  readonly metadata?: ReadonlyMap<string, string> | Readonly<Record<string, string>> | undefined;
}

/** Tensors by name. */
export type NamedTensors = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

/**
 * Reads a safetensors file. Its header is checked as a whole before anything is read: no tensor overlaps another or lies
 * outside the file, no name comes twice.
 * @param file path, or the bytes of a file.
 * @returns new tensors, each with a storage of its own, owned by the current scope; `metadata` has the file's texts.
 * @throws IoError `missing` | `access` | `kind` | `format` (damaged, or no safetensors) | `unsupported` (a dtype of 4 or 6
 *   bits), one line that names the file.
 * @see safetensors.torch.load_file
 */
export function loadSafetensors(file: string | Uint8Array, options: SafetensorsLoadOptions = {}): SafetensorsDict {
  const { device = 'cpu', mmap = false } = options;
  const source = typeof file === 'string' ? fileSource(file) : bytesSource(file);
  try {
    if (mmap && source.fd === undefined)
      throw new IoError('unsupported', 'Expected the path of a file for mmap but received bytes', source.name);
    const { entries, metadata } = readSafetensorsHeader(source);
    return scope(() => {
      const mapping = mmap ? checkedRead(mapFile(source.fd!, source.size), source.name, 'the file') : undefined;
      const dict = new SafetensorsDict();
      dict.metadata = metadata;
      for (const entry of entries) {
        const tensor = readTensor(source, entry, mapping);
        dict.set(entry.name, device === 'cpu' ? tensor : tensor.to(device));
      }
      return dict;
    });
  } finally {
    source.close();
  }
}

function readTensor(source: ByteSource, entry: SafetensorsEntry, mapping: Tensor | undefined): Tensor {
  const { name, code, dtype, shape } = entry;
  if (dtype === undefined)
    throw new IoError(
      'unsupported',
      `${source.name}: tensor ${quote(name)} is ${code}, a dtype that PyTorch does not have`,
      source.name,
    );
  try {
    const view = { dtype, shape, stride: contiguousStride(shape), offset: 0 };
    return tensorOf(source, entry, mapping, view, ELEMENT_BYTES.get(dtype)!.size);
  } catch (error) {
    // zero elements in sizes whose product is beyond what libtorch counts
    if (!(error instanceof TorchError) || error.code === 'memory') throw error;
    throw new IoError('format', `${source.name}: tensor ${quote(name)}: ${error.message}`, source.name, {
      cause: error,
    });
  }
}

/** Read straight into a storage of its own, or a part of the mapping where the elements are aligned. */
function tensorOf(
  source: ByteSource,
  { name, offset, nbytes }: SafetensorsEntry,
  mapping: Tensor | undefined,
  view: StorageView,
  itemsize: number,
): Tensor {
  if (mapping !== undefined && nbytes > 0 && offset % itemsize === 0)
    return sliceStorage(mapping, offset, nbytes, view);
  if (source.fd === undefined) return fromBytes(source.read(offset, nbytes), view.shape, view.dtype);
  const read = readFilePart(source.fd, offset, nbytes, undefined, view);
  return checkedRead(read, source.name, `tensor ${quote(name)}`);
}

function contiguousStride(shape: readonly number[]): number[] {
  const stride = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--)
    stride[axis] = (stride[axis + 1] ?? 1) * Math.max(shape[axis + 1] ?? 1, 1);
  return stride;
}

/**
 * Writes tensors as a safetensors file, whole or not at all; the same content gives the same bytes, those of the
 * reference (metadata of several entries are sorted by name).
 * @param tensors by name; strided and contiguous, no two over the same memory, from any device.
 * @throws TypeError in the reference's words for sparse, non-contiguous and shared tensors, and for a dtype that the format
 *   does not have (complex128). IoError `missing` | `access` | `space` | `kind`.
 * @see safetensors.torch.save_file
 */
export function saveSafetensors(tensors: NamedTensors, path: string, options: SafetensorsSaveOptions = {}): void {
  atomicWriteFile(path, pieces(tensors, options));
}

/** The bytes that {@link saveSafetensors} would write. @see safetensors.torch.save */
export function serializeSafetensors(tensors: NamedTensors, options: SafetensorsSaveOptions = {}): Uint8Array {
  return Buffer.concat([...pieces(tensors, options)]);
}

function* pieces(tensors: NamedTensors, { metadata }: SafetensorsSaveOptions): Generator<Uint8Array, void, void> {
  const entries: Iterable<readonly [unknown, unknown]> = tensors instanceof Map ? tensors : Object.entries(tensors);
  const named = checkedTensors(entries);
  const plans = named.map(([name, tensor]): SafetensorsPlan<Tensor> => {
    const { dtype, shape } = tensor;
    return { name, dtype, shape, nbytes: tensor.numel() * tensor.itemsize, tensor };
  });
  const texts = metadata === undefined ? undefined : metadata instanceof Map ? metadata : Object.entries(metadata);
  const { header, ordered } = writeSafetensorsHeader(plans, texts && new Map<string, string>(texts));
  yield header;
  for (const { tensor } of ordered) yield tensor.bytes();
}

function checkedTensors(entries: Iterable<readonly [unknown, unknown]>): [string, Tensor][] {
  const tensors = [...entries].map(([name, tensor]): [string, Tensor] => {
    if (typeof name === 'string' && tensor instanceof Tensor) return [name, tensor];
    throw new TypeError(`Key \`${String(name)}\` is invalid, expected a Tensor but received ${kindOf(tensor)}`);
  });
  const sparse = tensors.filter(([, tensor]) => tensor.layout !== 'strided').map(([name]) => name);
  if (sparse.length > 0) {
    throw new TypeError(
      `You are trying to save a sparse tensors: \`${sparse.join(', ')}\` which this library does not support. You can ` +
        'make it a dense tensor before saving with `.toDense()` but be aware this might make a much larger file than needed.',
    );
  }
  const shared = sharedNames(tensors);
  if (shared.length > 0) {
    throw new TypeError(
      'Some tensors share memory, this will lead to duplicate memory on disk and potential differences when loading them ' +
        `again: ${shared.map((names) => `{${names.map(quote).join(', ')}}`).join(', ')}. Save one of them, or clone().`,
    );
  }
  for (const [name, tensor] of tensors) {
    if (tensor.isContiguous()) continue;
    throw new TypeError(
      `You are trying to save a non contiguous tensor: \`${name}\` which is not allowed. It either means you are trying to ` +
        "save tensors which are reference of each other in which case it's recommended to save only the full tensors, " +
        'and reslice at load time, or simply call `.contiguous()` on your tensor to pack it before saving.',
    );
  }
  return tensors;
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

/** Groups of names whose tensors lie over the same bytes; parts of one storage side by side are none. */
export function sharedNames(tensors: Iterable<readonly [string, Tensor]>): string[][] {
  const byStorage = new Map<number, { name: string; begin: number; end: number }[]>();
  for (const [name, tensor] of tensors) {
    if (tensor.layout !== 'strided' || tensor.device === 'meta' || tensor.numel() === 0) continue;
    const begin = tensor.storageOffset() * tensor.itemsize;
    const steps = tensor.stride().map((stride, axis) => stride * ((tensor.shape[axis] ?? 1) - 1));
    const end = begin + (steps.reduce((sum, step) => sum + step, 0) + 1) * tensor.itemsize;
    const id = tensor.storageId();
    byStorage.set(id, [...(byStorage.get(id) ?? []), { name, begin, end }]);
  }
  return [...byStorage.values()].flatMap((areas) => {
    areas.sort((a, b) => a.begin - b.begin || a.end - b.end);
    const groups: string[][] = [];
    let last = -1;
    for (const { name, begin, end } of areas) {
      if (begin < last) groups.at(-1)?.push(name);
      else groups.push([name]);
      last = Math.max(last, end);
    }
    return groups.filter((names) => names.length > 1);
  });
}
