/** The forms of torch.save, written in code: for files that Python does not write, and to damage them in known places. */
import { Header } from 'tar';
import { PyName, Tuple, writePickle, type Reduced } from '../../../lib/io/index.js';
import { STORAGE_NAMES } from '../../../lib/io/torch-storages.js';
import { writeZip } from '../../../lib/io/zip-writer.js';
import { OrderedDict, Tensor } from '../../../lib/tensor/index.js';

/** A storage as the forms describe it. */
export interface FormStorage {
  readonly key: string;
  readonly type: string;
  readonly numel: number;
  readonly bytes: Uint8Array;
}

/** The parts of a file, before they are put together. */
export interface FormParts {
  readonly pickle: Uint8Array;
  readonly storages: readonly FormStorage[];
}

class StandIn {
  constructor(readonly id: Tuple) {}
}

/** A tensor that is written as a Parameter. */
export class Parameter {
  constructor(readonly data: Tensor) {}
}

/** The pickle of a value with its storages; the persistent ids of legacy files have a sixth part. */
export function partsOf(value: unknown, form: 'zip' | 'legacy'): FormParts {
  const storages = new Map<number, FormStorage>();
  const reduce = (object: object): Reduced | undefined => {
    if (object instanceof OrderedDict) {
      const { metadata } = object;
      const state = metadata === undefined ? {} : { state: new Map([['_metadata', metadata]]) };
      return { callee: new PyName('collections', 'OrderedDict'), args: [], items: object, ...state };
    }
    if (object instanceof Parameter) {
      const args = [object.data, true, new OrderedDict()];
      return { callee: new PyName('torch._utils', '_rebuild_parameter'), args };
    }
    if (!(object instanceof Tensor)) return undefined;
    const storage = storageOf(object, storages);
    const id: unknown[] = ['storage', new PyName('torch', storage.type), storage.key, 'cpu', storage.numel];
    const place = [object.storageOffset(), Tuple.make(object.shape), Tuple.make(object.stride())];
    const ref = new StandIn(Tuple.make(form === 'legacy' ? [...id, null] : id));
    return {
      callee: new PyName('torch._utils', '_rebuild_tensor_v2'),
      args: [ref, ...place, object.requiresGrad, new OrderedDict()],
    };
  };
  const persistentId = (object: object): Tuple | undefined => (object instanceof StandIn ? object.id : undefined);
  return { pickle: writePickle(value, { reduce, persistentId }), storages: [...storages.values()] };
}

function storageOf(tensor: Tensor, storages: Map<number, FormStorage>): FormStorage {
  const known = storages.get(tensor.storageId());
  if (known !== undefined) return known;
  const [type, bytes] = [STORAGE_NAMES.get(tensor.dtype)!, tensor.storageBytes()];
  const storage = { key: String(storages.size), type, numel: bytes.length / tensor.itemsize, bytes };
  storages.set(tensor.storageId(), storage);
  return storage;
}

/** The zip form. `more` are records beside the usual ones; a name that is there already comes twice. */
export function zipForm({ pickle, storages }: FormParts, more: Record<string, Uint8Array> = {}): Buffer {
  const records = [
    { name: 'archive/data.pkl', data: pickle },
    { name: 'archive/byteorder', data: Buffer.from('little') },
    ...storages.map(({ key, bytes }) => ({ name: `archive/data/${key}`, data: bytes })),
    { name: 'archive/version', data: Buffer.from('3\n') },
    ...Object.entries(more).map(([name, data]) => ({ name, data })),
  ];
  return Buffer.concat([...writeZip(records)].map((piece) => Buffer.from(piece)));
}

const SYSTEM = new Map<string, unknown>([
  ['protocol_version', 1001],
  ['little_endian', true],
  ['type_sizes', new Map(Object.entries({ short: 2, int: 4, long: 4 }))],
]);

/** The legacy stream; `keys` are those of the storages unless told otherwise. */
export function legacyForm({ pickle, storages }: FormParts, keys: unknown = storages.map(({ key }) => key)): Buffer {
  const head = [0x1950a86a20f9469cfc6cn, 1001, SYSTEM].map((each) => writePickle(each));
  const data = storages.flatMap(({ numel, bytes }) => [int64(numel), bytes]);
  return Buffer.concat([...head, pickle, writePickle(keys), ...data]);
}

/** A little-endian int64. */
export function int64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}

/** The tar form of tensors by name, each with a storage of its own. */
export function tarForm(tensors: Readonly<Record<string, Tensor>>): Buffer {
  const all = Object.entries(tensors);
  const type = (tensor: Tensor): PyName => new PyName('torch', STORAGE_NAMES.get(tensor.dtype)!);
  const storages = all.map(([, tensor], i) => {
    const head = writePickle(Tuple.of<unknown>(100 + i, 'cpu', type(tensor)));
    const bytes = tensor.storageBytes();
    return Buffer.concat([head, int64(bytes.length / tensor.itemsize), bytes]);
  });
  const places = all.map(([, tensor], i) => {
    const head = writePickle(Tuple.of<unknown>(i, 100 + i, type(tensor)));
    const dimensions = Buffer.alloc(8);
    dimensions.writeInt32LE(tensor.shape.length);
    const numbers = [...tensor.shape, ...tensor.stride(), tensor.storageOffset()].map(int64);
    return Buffer.concat([head, dimensions, ...numbers]);
  });
  // numbers of tensors, as persistent ids
  const value = new Map(all.map(([name], i) => [name, new StandIn(i as never)]));
  const pickle = writePickle(value, { persistentId: (object) => (object instanceof StandIn ? object.id : undefined) });
  return tarOf({
    storages: Buffer.concat([writePickle(all.length), ...storages, writePickle([])]),
    tensors: Buffer.concat([writePickle(all.length), ...places]),
    pickle,
  });
}

/** A tar archive of these files. */
export function tarOf(files: Readonly<Record<string, Uint8Array>>): Buffer {
  const blocks = Object.entries(files).flatMap(([path, data]) => {
    const header = Buffer.alloc(512);
    new Header({ path, size: data.length, mode: 0o644, type: 'File', mtime: new Date(0) }).encode(header);
    return [header, data, Buffer.alloc((512 - (data.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
