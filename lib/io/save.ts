import { createHash } from 'node:crypto';
import zlib from 'node:zlib';
import { keep, noGrad, OrderedDict, scope, Tensor } from '../tensor/index.js';
import { atomicWriteFile } from './atomic-write.js';
import { Tuple } from './pickle-values.js';
import { PyName, type Reduced, writePickle } from './pickle-writer.js';
import { STORAGE_NAMES } from './torch-storages.js';
import { writeZip, type ZipRecord } from './zip-writer.js';

/**
 * Writes a value in the zip form of `torch.save`, whole or not at all; `torch.load(weights_only=True)` opens it, also with
 * `mmap=True` (numpy arrays need `weights_only=False`). The same content gives the same bytes. Tensors that share a storage
 * share it in the file; the whole storage of a view is written, as PyTorch does. Views that only promise to be conjugated or
 * negated (`conj()`) are written as what they stand for, in storages of their own.
 * @param value Map or plain object -> dict, OrderedDict -> OrderedDict with its metadata, Array -> list, Tuple -> tuple,
 *   integral number and bigint -> int, other numbers and `float(v)` -> float, Uint8Array -> bytes, null -> None.
 * @throws TypeError for what has no Python form, naming its place. IoError `missing` | `access` | `space` | `kind`.
 * @see torch.save
 */
export function save(value: unknown, path: string): void {
  atomicWriteFile(path, pieces(value));
}

/** The bytes that {@link save} would write. */
export function serialize(value: unknown): Uint8Array {
  return Buffer.concat([...pieces(value)]);
}

/** Stands for a storage inside the pickle. */
class StorageRef {
  constructor(
    readonly key: string,
    readonly tensor: Tensor,
  ) {}
}

function* pieces(value: unknown): Generator<Uint8Array, void, void> {
  const storages = new Map<number, StorageRef>();
  // Kept to the end: the storages are read when everything else is written, and their numbers must stay theirs.
  const made: Tensor[] = [];
  const storageOf = (tensor: Tensor): StorageRef => {
    const id = tensor.storageId();
    let ref = storages.get(id);
    if (ref === undefined) {
      ref = new StorageRef(String(storages.size), tensor);
      storages.set(id, ref);
    } else if (ref.tensor.dtype !== tensor.dtype) {
      throw new TypeError('Cannot save multiple tensors or storages that view the same data as different types');
    }
    return ref;
  };
  const reduce = (object: object): Reduced | undefined => {
    if (!(object instanceof Tensor)) return reduceDict(object);
    const resolved = resolve(object);
    if (resolved !== object) made.push(resolved);
    return reduceTensor(resolved, object.requiresGrad, storageOf);
  };
  try {
    const pickle = writePickle(value, {
      reduce,
      persistentId: (object) => (object instanceof StorageRef ? persistentId(object) : undefined),
    });
    yield* writeZip(records(pickle, [...storages.values()]));
  } finally {
    for (const tensor of made) tensor.dispose();
  }
}

/** The tensor, or where its elements stand in memory unconjugated or with the other sign, a copy in which they do not. */
function resolve(tensor: Tensor): Tensor {
  if (tensor.layout !== 'strided' || (!tensor.isConj() && !tensor.isNeg())) return tensor;
  return keep(noGrad(() => scope(() => tensor.resolveConj().resolveNeg())));
}

const REBUILD_V2 = new PyName('torch._utils', '_rebuild_tensor_v2');
const REBUILD_V3 = new PyName('torch._utils', '_rebuild_tensor_v3');
const ORDERED_DICT = new PyName('collections', 'OrderedDict');

function reduceTensor(tensor: Tensor, requiresGrad: boolean, storageOf: (tensor: Tensor) => StorageRef): Reduced {
  if (tensor.layout !== 'strided') throw new TypeError(`Cannot save a ${tensor.layout} tensor: make it dense first`);
  const place = [tensor.storageOffset(), Tuple.make(tensor.shape), Tuple.make(tensor.stride())];
  const args = [storageOf(tensor), ...place, requiresGrad, new OrderedDict()];
  if (STORAGE_NAMES.has(tensor.dtype)) return { callee: REBUILD_V2, args };
  return { callee: REBUILD_V3, args: [...args, new PyName('torch', tensor.dtype)] };
}

function reduceDict(object: object): Reduced | undefined {
  if (!(object instanceof OrderedDict)) return undefined;
  const { metadata } = object;
  const state = metadata === undefined ? {} : { state: new Map([['_metadata', new OrderedDict(metadata)]]) };
  return { callee: ORDERED_DICT, args: [], items: object, ...state };
}

function persistentId({ key, tensor }: StorageRef): Tuple {
  const name = STORAGE_NAMES.get(tensor.dtype);
  const type = name === undefined ? new PyName('torch.storage', 'UntypedStorage') : new PyName('torch', name);
  const bytes = tensor.storageNbytes();
  const count = name === undefined ? bytes : Math.floor(bytes / tensor.itemsize);
  return Tuple.of<unknown>('storage', type, key, tensor.device, count);
}

/** torch's own name for the folder inside the zip file where the file has no name. */
const FOLDER = 'archive';

function* records(pickle: Uint8Array, storages: readonly StorageRef[]): Generator<ZipRecord, void, void> {
  const id = createHash('sha256');
  const record = (name: string, data: Uint8Array): ZipRecord => {
    const crc = zlib.crc32(data);
    id.update(`${name} ${crc}\n`);
    return { name: `${FOLDER}/${name}`, data, crc };
  };
  yield record('data.pkl', pickle);
  yield record('byteorder', Buffer.from('little'));
  for (const { key, tensor } of storages) yield record(`data/${key}`, tensor.storageBytes());
  yield record('version', Buffer.from('3\n'));
  // torch hashes names and checksums to forty decimal digits too; nothing depends on which
  const digits = (BigInt(`0x${id.digest('hex')}`) % 10n ** 40n).toString().padStart(40, '0');
  yield { name: `${FOLDER}/.data/serialization_id`, data: Buffer.from(digits) };
}
