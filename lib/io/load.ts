import type { Device } from '../tensor/index.js';
import { bytesSource, fileSource, type ByteSource } from './byte-source.js';
import { IoError } from './errors.js';
import { openTorchFile } from './open-torch-file.js';
import type { Py2Encoding } from './pickle-reader.js';
import { readPlain } from './plain-file.js';
import { StorageReader } from './storage-reader.js';
import { TensorBuilder, type BuiltStorage } from './tensor-builder.js';
import { readTorchFile, type TorchContainer } from './torch-file.js';
import { replaceStorages } from './values-walk.js';

/** Where storages are put: one device for all, a device for each place that the file names, or a function of the place. */
export type MapLocation =
  Device | Readonly<Record<string, Device>> | ReadonlyMap<string, Device> | ((location: string) => Device | undefined);

export interface LoadOptions {
  /** How text of Python 2 is read, default `'utf8'`. */
  encoding?: Py2Encoding | undefined;
  /**
   * Where tensors are put, as `torch.load`'s `map_location`; places are named as PyTorch names them (`cpu`, `cuda:0`, `mps`).
   * Default `'cpu'`. Places that a record or map does not name, and for which a function gives undefined, are put where the
   * file says. `'meta'` reads no elements.
   */
  mapLocation?: MapLocation | undefined;
  /**
   * Maps the file instead of reading it: elements are read from the disk when they are first used, and files may be larger
   * than memory. What is written to the tensors stays in this process. Checksums are not checked. Storages that are packed,
   * of the other byte order, or not aligned to 16 bytes are read. Only for paths of files in the zip form.
   */
  mmap?: boolean | undefined;
}

/**
 * Reads a file of `torch.save` in any of its forms (zip, the legacy stream of before PyTorch 1.6, the tar file of before
 * 0.1.10) or of {@link save}. Nothing in the file is executed; classes beyond those of `torch.load(weights_only=True)` and
 * numpy's are refused by name. Tensors come to the CPU wherever they were, keep sharing storages, and belong to the current
 * scope. To look into a file without building anything, see {@link outline}.
 * @param file path, or the bytes of a file.
 * @returns Python dict -> Map, OrderedDict -> OrderedDict with its metadata, list -> Array, tuple and torch.Size -> Tuple,
 *   set -> Set, tensor, Parameter and storage -> Tensor, int -> number (bigint when unsafe), float -> number, None -> null,
 *   bytes -> Uint8Array, numpy array -> NdArray, numpy scalar -> number, dtype, device and layout -> their names.
 * @throws IoError `missing` | `access` | `kind` | `format` | `unsupported`, one line that names the file.
 * @see torch.load
 */
export function load(file: string | Uint8Array, options: LoadOptions = {}): unknown {
  const source = typeof file === 'string' ? fileSource(file) : bytesSource(file);
  try {
    const plain = mayBePlain(source, options) ? readPlain(source, options.mmap === true) : undefined;
    return plain === undefined ? loadTheLongWay(source, options) : plain.value;
  } finally {
    source.close();
  }
}

/** @internal {@link load} by the way that reads every file, also those that {@link readPlain} reads. */
export function loadTheLongWay(source: ByteSource, { encoding, mapLocation, mmap = false }: LoadOptions): unknown {
  const container = openTorchFile(source);
  if (mmap) checkMappable(source, container);
  const place = placement(mapLocation);
  const storages = new StorageReader(source, container, mmap);
  const builder = new TensorBuilder(
    {
      read: (ref) => storages.read(ref, place(ref.location)),
      view: (ref, spec) => storages.view(ref, place(ref.location), spec),
      place,
    },
    source.size,
  );
  try {
    const { value, bare } = readTorchFile(container, builder, { encoding });
    const whole = bare ? replaceStorages(value, ({ made }) => builder.whole(made as BuiltStorage)) : value;
    builder.finish(whole);
    return whole;
  } catch (error) {
    builder.abandon();
    throw error;
  } finally {
    storages.close();
  }
}

/** Whether a file may be read the short way: onto the CPU, and mapped only where it is a file. */
function mayBePlain({ fd }: ByteSource, { mapLocation, mmap = false }: LoadOptions): boolean {
  return (mapLocation === undefined || mapLocation === 'cpu') && !(mmap && fd === undefined);
}

function checkMappable(source: ByteSource, { form }: TorchContainer): void {
  if (source.fd === undefined)
    throw new IoError('unsupported', 'Expected the path of a file for mmap but received bytes', source.name);
  if (form !== 'zip') {
    throw new IoError(
      'unsupported',
      `${source.name}: mmap can only be used with files in the zip form of torch.save; this one has the ${form} form`,
      source.name,
    );
  }
}

function placement(map: MapLocation = 'cpu'): (location: string) => Device {
  if (typeof map === 'string') return () => map;
  if (typeof map === 'function') return (location) => map(location) ?? location;
  const places = new Map<string, Device>(map instanceof Map ? map : Object.entries(map));
  return (location) => places.get(location) ?? location;
}
