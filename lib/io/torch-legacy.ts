import type { ByteSource } from './byte-source.js';
import { ByteCursor } from './byte-cursor.js';
import { IoError } from './errors.js';
import { OutlineMaker } from './outline-maker.js';
import { pickleEnd } from './pickle-end.js';
import { readPickle } from './pickle-reader.js';
import { Tuple, UnknownObject } from './pickle-values.js';
import { PYTHON_GLOBALS } from './python-globals.js';
import type { StorageRef, TensorMaker } from './tensor-maker.js';
import { asciiText, natural, StorageValue } from './torch-arguments.js';
import { readTorchFile, StorageMentions, storageRef, type TorchContainer } from './torch-file.js';
import { ELEMENT_BYTES } from './torch-storages.js';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
/** The magic number takes 14 to 29 bytes, by the protocol of the pickle. */
const MAGIC_BYTES = 64;

/** Whether a file begins with the magic number of the legacy form, in any pickle protocol. */
export function isLegacy(source: ByteSource): boolean {
  const head = source.read(0, Math.min(source.size, MAGIC_BYTES));
  try {
    return readPickle(head, { globals: new Map() }).value === MAGIC;
  } catch {
    return false;
  }
}

/**
 * Opens the legacy form of torch.save (before PyTorch 1.6, and what torchvision publishes): five pickles (magic number,
 * protocol, machine, the object, keys of storages), then for every key the number of elements and the elements.
 */
export function openLegacy(source: ByteSource): TorchContainer {
  let at = 0;
  const next = (what: string): Uint8Array => {
    const start = at;
    at = pickleEnd(source, start, what);
    return source.read(start, at - start);
  };
  const plain = (what: string): unknown =>
    readPickle(next(what), { globals: PYTHON_GLOBALS, encoding: 'latin1', what: `${source.name}: ${what}` }).value;
  plain('magic number');
  const protocol = plain('protocol');
  if (protocol !== PROTOCOL)
    throw new IoError(
      'format',
      `${source.name}: Invalid protocol version: ${typeof protocol === 'number' ? protocol : '?'}`,
      source.name,
    );
  plain('description of the machine');
  const what = `${source.name}: the object`;
  const pickle = next('the object');
  const keys = plain('keys of the storages');

  const mentions = new StorageMentions();
  const persistentLoad = (maker: TensorMaker, seen: StorageMentions) => (id: unknown) => legacyId(maker, seen, id);
  const container: Omit<TorchContainer, 'content'> = {
    form: 'legacy',
    pickle,
    what,
    swapped: false, // whatever the machine, the elements are written with the least byte first
    persistentLoad: (maker) => persistentLoad(maker, new StorageMentions()),
  };
  // A first look, which builds nothing, finds the types of the storages: they say where each one begins.
  const survey: TorchContainer = {
    ...container,
    persistentLoad: (maker) => persistentLoad(maker, mentions),
    content: () => {
      throw new Error('not known yet');
    },
  };
  readTorchFile(survey, new OutlineMaker(), { onUnknown: () => undefined });
  const offsets = placesOf(source, at, keys, mentions);
  return {
    ...container,
    content: ({ key, nbytes }) => {
      const offset = offsets.get(key);
      if (offset === undefined) throw new Error(`storage ${key} is not in the file`);
      return { nbytes, offset, crc: undefined, read: () => source.read(offset, nbytes) };
    },
  };
}

/** `('storage', class, key, place, number of elements, (key of the part, offset, size) or None)`. */
function legacyId(maker: TensorMaker, mentions: StorageMentions, id: unknown): unknown {
  const items: unknown[] = id instanceof Tuple ? id : [];
  const kind = asciiText(items[0], 'the kind of a persistent id');
  // a class of a model with its source, in files that are looked into; load() has refused the class by then
  if (kind === 'module' && items[1] instanceof UnknownObject) return items[1];
  if (kind !== 'storage' || items.length !== 6) throw new Error('a persistent id that names no storage');
  const [, type, key, location, numel, view] = items;
  const whole = storageRef(type, key, location, numel);
  const ref: StorageRef = view === null ? whole : { ...whole, part: partOf(view, whole) };
  mentions.check(ref);
  return new StorageValue(ref, maker.storage(ref));
}

function partOf(view: unknown, { dtype }: StorageRef): NonNullable<StorageRef['part']> {
  const [key, offset, size] = view instanceof Tuple && view.length === 3 ? (view as unknown[]) : [];
  const unit = dtype === undefined ? 1 : ELEMENT_BYTES.get(dtype)!.size;
  return {
    key: asciiText(key, 'the key of a part of a storage'),
    offset: natural(offset, 'the offset of a part of a storage') * unit,
    nbytes: natural(size, 'the size of a part of a storage') * unit,
  };
}

/** Walks over the storages, and finds where the elements of each begin. */
function placesOf(source: ByteSource, start: number, keys: unknown, { refs }: StorageMentions): Map<string, number> {
  const error = (message: string): IoError => new IoError('format', `${source.name}: ${message}`, source.name);
  if (!Array.isArray(keys)) throw error('the keys of the storages are no list');
  const places = new Map<string, number>();
  let at = start;
  for (const each of keys as unknown[]) {
    const key =
      typeof each === 'number' || typeof each === 'bigint' ? String(each) : asciiText(each, 'the key of a storage');
    const ref = refs.get(key);
    if (ref === undefined) throw error(`storage ${key.slice(0, 40)} is not mentioned in the object`);
    if (places.has(key)) throw error(`storage ${key} is written twice`);
    if (source.size - at < 8) throw error(`truncated: storage ${key} is missing`);
    const count = new ByteCursor(source.read(at, 8), `${source.name}: storage ${key}`).u64();
    const size = ref.dtype === undefined ? 1 : ELEMENT_BYTES.get(ref.dtype)!.size;
    at += 8;
    if (count * size !== ref.nbytes)
      throw error(`storage ${key} has wrong byte size: expected ${ref.nbytes} got ${count * size}`);
    if (ref.nbytes > source.size - at)
      throw error(`truncated: storage ${key} has ${ref.nbytes} bytes, ${source.size - at} are left`);
    places.set(key, at);
    at += ref.nbytes;
  }
  return places;
}
