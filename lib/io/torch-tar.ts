import { Header } from 'tar';
import type { ByteSource } from './byte-source.js';
import { ByteCursor } from './byte-cursor.js';
import { IoError } from './errors.js';
import { OutlineMaker } from './outline-maker.js';
import { pickleEnd } from './pickle-end.js';
import { readPickle } from './pickle-reader.js';
import { Tuple, UnknownObject } from './pickle-values.js';
import type { StorageRef, TensorMaker, TensorSpec } from './tensor-maker.js';
import { isQuantized, MAX_DIMENSIONS, natural, specOf, StorageValue } from './torch-arguments.js';
import { storageRef, type TorchContainer } from './torch-file.js';
import { torchGlobals } from './torch-globals.js';
import { ELEMENT_BYTES } from './torch-storages.js';

const BLOCK = 512;

/** Whether a file begins with the header of a tar file. */
export function isTar(source: ByteSource): boolean {
  return source.size >= BLOCK && headerAt(source, 0)?.cksumValid === true;
}

function headerAt(source: ByteSource, at: number): Header | undefined {
  try {
    return new Header(Buffer.from(source.read(at, BLOCK)));
  } catch {
    return undefined;
  }
}

/**
 * Opens the form of torch.save before PyTorch 0.1.10: a tar file of `pickle`, `storages` and `tensors`, where persistent ids
 * are the numbers of storages and tensors.
 */
export function openTar(source: ByteSource): TorchContainer {
  const members = membersOf(source);
  const storages = readStorages(new TarMember(source, 'storages', members));
  const tensors = readTensors(new TarMember(source, 'tensors', members), storages);
  const pickle = members.get('pickle');
  if (pickle === undefined)
    throw new IoError(
      'format',
      `${source.name}: a tar file, but not one of torch.save: it holds no pickle`,
      source.name,
    );
  return {
    form: 'tar',
    pickle: source.read(pickle.offset, pickle.size),
    what: `${source.name}: pickle`,
    swapped: false,
    persistentLoad: (maker) => {
      const made = new Map<string, unknown>();
      return (id) => {
        // a class of a model with its source, in files that are looked into; load() has refused the class by then
        if (id instanceof Tuple && id[0] instanceof UnknownObject) return id[0];
        if (typeof id !== 'number' && typeof id !== 'string') throw new Error('a persistent id that is no number');
        const key = String(id).slice(0, 40).trim();
        if (!made.has(key)) made.set(key, part(maker, key, storages, tensors));
        return made.get(key);
      };
    },
    content: ({ key, nbytes }) => {
      const offset = storages.get(key)?.offset;
      if (offset === undefined) throw new Error(`storage ${key} is not in the file`);
      return { nbytes, offset, crc: undefined, read: () => source.read(offset, nbytes) };
    },
  };
}

interface TarStorage {
  readonly ref: StorageRef;
  readonly offset: number;
}

interface TarTensor {
  readonly ref: StorageRef;
  readonly spec: TensorSpec;
}

function part(
  maker: TensorMaker,
  key: string,
  storages: ReadonlyMap<string, TarStorage>,
  tensors: ReadonlyMap<string, TarTensor>,
): unknown {
  const tensor = tensors.get(key);
  if (tensor !== undefined) return maker.strided(maker.storage(tensor.ref), tensor.spec);
  const ref = storages.get(key)?.ref;
  if (ref === undefined) throw new Error(`no tensor has the number ${key}`);
  return new StorageValue(ref, maker.storage(ref));
}

interface Member {
  readonly offset: number;
  readonly size: number;
}

function membersOf(source: ByteSource): Map<string, Member> {
  const members = new Map<string, Member>();
  let at = 0;
  while (source.size - at >= BLOCK) {
    const header = headerAt(source, at);
    if (header === undefined || header.nullBlock) break;
    const size = header.size ?? 0;
    if (!header.cksumValid || !Number.isSafeInteger(size) || size < 0)
      throw new IoError('format', `${source.name}: a damaged tar file (at byte ${at})`, source.name);
    const offset = at + BLOCK;
    if (size > source.size - offset)
      throw new IoError(
        'format',
        `${source.name}: truncated: ${size} more bytes expected, ${source.size - offset} left`,
        source.name,
      );
    if (header.path !== undefined && !members.has(header.path)) members.set(header.path, { offset, size });
    at = offset + Math.ceil(size / BLOCK) * BLOCK;
  }
  return members;
}

/** A member of the archive, which holds pickles and raw fields by turns. */
class TarMember {
  readonly #bytes: ByteSource;
  readonly #offset: number;
  #at = 0;

  constructor(
    source: ByteSource,
    readonly name: string,
    members: ReadonlyMap<string, Member>,
  ) {
    const member = members.get(name);
    if (member === undefined)
      throw new IoError(
        'format',
        `${source.name}: a tar file, but not one of torch.save: it holds no ${name}`,
        source.name,
      );
    const { offset, size } = member;
    this.#offset = offset;
    this.#bytes = {
      size,
      name: source.name,
      read: (from, length) => source.read(offset + from, length),
      readEach: (offsets, length) =>
        source.readEach(
          offsets.map((from) => offset + from),
          length,
        ),
      close: () => undefined,
    };
  }

  error(message: string): IoError {
    return new IoError('format', `${this.#bytes.name}: ${this.name}: ${message}`, this.#bytes.name);
  }

  get position(): number {
    return this.#offset + this.#at;
  }

  pickle(): unknown {
    const start = this.#at;
    this.#at = pickleEnd(this.#bytes, start, this.name);
    const what = `${this.#bytes.name}: ${this.name}`;
    return readPickle(this.#bytes.read(start, this.#at - start), { globals: GLOBALS, encoding: 'latin1', what }).value;
  }

  fields(count: number): ByteCursor {
    const start = this.#at;
    this.skip(count);
    return new ByteCursor(this.#bytes.read(start, count), `${this.#bytes.name}: ${this.name}`);
  }

  skip(count: number): void {
    if (count > this.#bytes.size - this.#at) throw this.error(`truncated: ${count} more bytes expected`);
    this.#at += count;
  }
}

const GLOBALS = torchGlobals(new OutlineMaker());

/** How many; then for each a pickle of key, place and class, the number of elements, the elements; then the parts of storages. */
function readStorages(member: TarMember): Map<string, TarStorage> {
  const storages = new Map<string, TarStorage>();
  const add = (key: string, storage: TarStorage): void => {
    if (storages.has(key)) throw member.error(`storage ${key} is written twice`);
    storages.set(key, storage);
  };
  const count = natural(member.pickle(), 'the number of storages');
  for (let i = 0; i < count; i++) {
    const [key, location, type] = tupleOf(member, 3);
    const numel = member.fields(8).u64();
    const ref = storageRef(type, key, location, numel);
    add(ref.key, { ref, offset: member.position });
    member.skip(ref.nbytes);
  }
  const views = member.pickle();
  if (!Array.isArray(views)) throw member.error('the parts of storages are no list');
  for (const view of views as unknown[]) {
    const [key, root, offset, numel] = view instanceof Tuple && view.length === 4 ? (view as unknown[]) : [];
    const whole = storages.get(String(natural(root, 'the key of a storage')));
    if (whole === undefined) throw member.error('a part of a storage that is not there');
    const unit = whole.ref.dtype === undefined ? 1 : ELEMENT_BYTES.get(whole.ref.dtype)!.size;
    const own = {
      key: String(natural(key, 'the key of a part')),
      offset: (whole.ref.part?.offset ?? 0) + natural(offset, 'the offset of a part') * unit,
      nbytes: natural(numel, 'the size of a part') * unit,
    };
    if (own.offset + own.nbytes > (whole.ref.part ? whole.ref.part.offset + whole.ref.part.nbytes : whole.ref.nbytes))
      throw member.error('a part of a storage lies outside of it');
    add(own.key, { ref: { ...whole.ref, part: own }, offset: whole.offset });
  }
  return storages;
}

/** How many; then for each a pickle of key, storage and class, the number of dimensions, sizes, strides and offset. */
function readTensors(member: TarMember, storages: ReadonlyMap<string, TarStorage>): Map<string, TarTensor> {
  const tensors = new Map<string, TarTensor>();
  const count = natural(member.pickle(), 'the number of tensors');
  for (let i = 0; i < count; i++) {
    const [key, storage] = tupleOf(member, 3);
    const ndim = natural(member.fields(8).i32(), 'the number of dimensions');
    if (ndim > MAX_DIMENSIONS) throw member.error(`a tensor of more than ${MAX_DIMENSIONS} dimensions`);
    const cursor = member.fields(16 * ndim + 8);
    const list = (): number[] => Array.from({ length: ndim }, () => cursor.u64());
    const [shape, stride] = [list(), list()];
    const ref = storages.get(String(natural(storage, 'the storage of a tensor')))?.ref;
    if (ref === undefined) throw member.error('a tensor whose storage is not there');
    const spec = specOf(ref.dtype, cursor.u64(), shape, stride, false);
    if (isQuantized(spec.dtype)) throw member.error('a quantized tensor without a quantizer');
    const name = String(natural(key, 'the number of a tensor'));
    if (tensors.has(name) || storages.has(name)) throw member.error(`tensor ${name} is written twice`);
    tensors.set(name, { ref, spec });
  }
  return tensors;
}

function tupleOf(member: TarMember, length: number): unknown[] {
  const value = member.pickle();
  if (!(value instanceof Tuple) || value.length !== length) throw member.error(`Expected a tuple of ${length}`);
  return value;
}
