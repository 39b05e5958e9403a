import { OrderedDict } from '../tensor/index.js';
import { readPickle, type Py2Encoding } from './pickle-reader.js';
import { Tuple } from './pickle-values.js';
import { buildPython } from './python-globals.js';
import type { StorageRef, TensorMaker } from './tensor-maker.js';
import { asciiText, natural, specOf, StorageType, StorageValue } from './torch-arguments.js';
import { torchGlobals } from './torch-globals.js';
import { ELEMENT_BYTES } from './torch-storages.js';

/** Where the bytes of a storage are. */
export interface StorageContent {
  readonly nbytes: number;
  /** Place in the file, where the bytes stand there as they are; undefined where they are packed. */
  readonly offset: number | undefined;
  /** CRC-32 of the bytes, where the file tells one. */
  readonly crc: number | undefined;
  /** The bytes, unpacked and checked; a view where that is free. */
  read(): Uint8Array;
}

/** A file of torch.save, opened: its pickle, and what its persistent ids stand for. */
export interface TorchContainer {
  readonly form: 'zip' | 'legacy' | 'tar';
  readonly pickle: Uint8Array;
  /** Names the pickle in errors. */
  readonly what: string;
  /** Whether the storages are of a machine with the other byte order. */
  readonly swapped: boolean;
  /** Gives what reads persistent ids, with parts that `maker` makes. */
  persistentLoad(maker: TensorMaker): (id: unknown) => unknown;
  /** @throws Error where the file does not hold the storage, or in another size. */
  content(ref: StorageRef): StorageContent;
}

export interface TorchReadOptions {
  readonly encoding?: Py2Encoding | undefined;
  /** See {@link PickleReadOptions.onUnknown}. */
  readonly onUnknown?: ((name: string) => void) | undefined;
}

const WAY_OUT =
  'Only tensors and plain data are read: where a whole model was saved, save its weights in Python instead, ' +
  'torch.save(model.state_dict(), file)';

/**
 * Reads the pickle of a torch file with parts of one's own making.
 * @returns the value; storages that stand in it by themselves are {@link StorageValue}s, and `bare` tells whether there are any.
 */
export function readTorchFile(
  container: TorchContainer,
  maker: TensorMaker,
  { encoding = 'utf8', onUnknown }: TorchReadOptions,
): { value: unknown; bare: boolean } {
  const load = container.persistentLoad(maker);
  const storages: StorageValue[] = [];
  const { value } = readPickle(container.pickle, {
    globals: torchGlobals(maker),
    build: (target, state) => buildTorch(maker, target, state),
    persistentLoad: (id) => {
      const loaded = load(id);
      if (loaded instanceof StorageValue) storages.push(loaded);
      return loaded;
    },
    encoding,
    what: container.what,
    wayOut: WAY_OUT,
    ...(onUnknown === undefined ? {} : { onUnknown }),
  });
  return { value, bare: storages.some((storage) => !storage.used) };
}

/** The description of a storage in a persistent id: its class, key, place and number of elements. */
export function storageRef(type: unknown, key: unknown, location: unknown, numel: unknown): StorageRef {
  if (!(type instanceof StorageType)) throw new Error('a storage without a class');
  const { dtype } = type;
  const size = dtype === undefined ? 1 : ELEMENT_BYTES.get(dtype)!.size;
  return {
    key: typeof key === 'number' || typeof key === 'bigint' ? String(key) : asciiText(key, 'the key of a storage'),
    dtype,
    location: asciiText(location, 'the place of a storage'),
    nbytes: natural(natural(numel, 'the length of a storage') * size, 'the length of a storage'),
  };
}

/** Sees to it that all mentions of a storage agree; PyTorch takes the first and ignores what others say. */
export class StorageMentions {
  readonly refs = new Map<string, StorageRef>();

  check(ref: StorageRef): void {
    const { key, part } = ref;
    const known = this.refs.get(key);
    if (known === undefined) this.refs.set(key, ref);
    // empty storages have no memory to share, and tensors of several dtypes may have one
    else if (known.nbytes !== ref.nbytes || (known.dtype !== ref.dtype && ref.nbytes > 0))
      throw new Error(`storage ${key} is mentioned with two dtypes or lengths`);
    if (part !== undefined && part.offset + part.nbytes > ref.nbytes)
      throw new Error(`a part of storage ${key} lies outside of it`);
  }
}

/** Completes dicts with versions, tensors with what old files tell of them, and what {@link buildPython} completes. */
function buildTorch(maker: TensorMaker, target: object, state: unknown): boolean {
  if (target instanceof OrderedDict) {
    const metadata: unknown = state instanceof Map ? state.get('_metadata') : undefined;
    if (metadata instanceof Map && [...metadata.values()].every((versions) => versions instanceof Map)) {
      target.metadata = metadata as Map<string, Map<string, unknown>>;
    }
    return true; // other attributes of a dict mean nothing here
  }
  if (maker.isTensor(target) && state instanceof Tuple) return buildTensor(maker, target, state);
  return buildPython(target, state);
}

/** States of PyTorch before 0.4: of a tensor its place in a storage, of a variable whether it requires gradients. */
function buildTensor(maker: TensorMaker, target: object, state: Tuple): boolean {
  if (state.length === 3) {
    maker.requireGrad(target, state[0] === true);
    return true;
  }
  const [storage, offset, size, stride] = state;
  if (state.length !== 4 || !(storage instanceof StorageValue)) return false;
  storage.used = true;
  maker.fill(target, storage.made, specOf(storage.ref.dtype, offset, size, stride, false));
  return true;
}
