import { createHash } from 'node:crypto';
import zlib from 'node:zlib';
import { storageCrc, storagePiece } from '../tensor/file-storages.js';
import { OrderedDict, Tensor } from '../tensor/index.js';
import { atomicWriteFile } from './atomic-write.js';
import { PyName, type Reduced, writePickle } from './pickle-writer.js';
import { StorageRef, TensorReducer } from './tensor-reduce.js';
import { writeZip, type ZipData, type ZipRecord } from './zip-writer.js';

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
  atomicWriteFile(path, gathered(pieces(value)));
}

/** The bytes that {@link save} would write. */
export function serialize(value: unknown): Uint8Array {
  return Buffer.concat(Array.from(pieces(value), (piece) => new Uint8Array(piece)));
}

const ORDERED_DICT = new PyName('collections', 'OrderedDict');

/** What the file is made of, in order. A piece is valid until the next one is asked for. */
function* pieces(value: unknown): Generator<Uint8Array, void, void> {
  const tensors = new TensorReducer();
  try {
    const pickle = writePickle(value, {
      reduce: (object) => (object instanceof Tensor ? tensors.reduce(object) : reduceDict(object)),
      persistentId: (object) => (object instanceof StorageRef ? object.persistentId : undefined),
    });
    yield* writeZip(records(pickle, [...tensors.storages.values()]));
  } finally {
    tensors.dispose();
  }
}

function reduceDict(object: object): Reduced | undefined {
  if (!(object instanceof OrderedDict)) return undefined;
  const { metadata } = object;
  const state = metadata === undefined ? {} : { state: new Map([['_metadata', new OrderedDict(metadata)]]) };
  return { callee: ORDERED_DICT, args: [], items: object, ...state };
}

/** torch's own name for the folder inside the zip file where the file has no name. */
const FOLDER = 'archive';

function* records(pickle: Uint8Array, storages: readonly StorageRef[]): Generator<ZipRecord, void, void> {
  const id = createHash('sha256');
  const record = (name: string, data: ZipData, crc: number): ZipRecord => {
    id.update(`${name} ${crc}\n`);
    return { name: `${FOLDER}/${name}`, data, crc };
  };
  const small = (name: string, data: Uint8Array): ZipRecord => record(name, data, zlib.crc32(data));
  yield small('data.pkl', pickle);
  yield small('byteorder', Buffer.from('little'));
  const piece = new Uint8Array(PIECE);
  for (const { key, tensor } of storages) {
    const [data, crc] = storageData(tensor, piece);
    yield record(`data/${key}`, data, crc);
  }
  yield small('version', Buffer.from('3\n'));
  // torch hashes names and checksums to forty decimal digits too; nothing depends on which
  const digits = (BigInt(`0x${id.digest('hex')}`) % 10n ** 40n).toString().padStart(40, '0');
  yield { name: `${FOLDER}/.data/serialization_id`, data: Buffer.from(digits) };
}

/** Bytes of a storage that are in memory a second time while they are written, and of a write to the file. */
const PIECE = 1 << 20;

function storageData(tensor: Tensor, piece: Uint8Array): [ZipData, number] {
  const size = tensor.storageNbytes();
  if (tensor.device !== 'cpu' || size === 0) {
    const bytes = tensor.storageBytes();
    return [bytes, zlib.crc32(bytes)];
  }
  return [{ byteLength: size, pieces: () => storagePieces(tensor, size, piece) }, storageCrc(tensor)];
}

function* storagePieces(tensor: Tensor, size: number, piece: Uint8Array): Generator<Uint8Array, void, void> {
  for (let done = 0; done < size; done += PIECE) {
    const part = piece.subarray(0, Math.min(PIECE, size - done));
    storagePiece(tensor, done, part);
    yield part;
  }
}

/** The same bytes in fewer pieces: a state dict is made of hundreds of small ones. */
function* gathered(pieces: Iterable<Uint8Array>): Generator<Uint8Array, void, void> {
  const buffer = new Uint8Array(PIECE);
  let held = 0;
  for (const piece of pieces) {
    if (held > 0 && held + piece.byteLength > PIECE) {
      yield buffer.subarray(0, held);
      held = 0;
    }
    if (piece.byteLength >= PIECE) {
      yield piece;
    } else {
      buffer.set(piece, held);
      held += piece.byteLength;
    }
  }
  if (held > 0) yield buffer.subarray(0, held);
}
