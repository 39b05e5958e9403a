/** Zip files that nobody means well with. */
import zlib from 'node:zlib';
import { PyName, Tuple } from '../../../lib/io/index.js';
import { arange, OrderedDict, scope } from '../../../lib/tensor/index.js';
import { call, persistent, pickleWith } from './hostile-pickles.js';
import { STORAGE } from './hostile-tensors.js';
import { partsOf, zipForm } from './form-writers.js';

/** `(name, file)`. */
export function* hostileZips(): Generator<[string, Buffer]> {
  const good = scope(() => partsOf(new Map([['a', arange(10)]]), 'zip'));
  const whole = zipForm(good);
  const edit = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(whole);
    change(bytes);
    return bytes;
  };
  const end = whole.length - 22;
  const directory = whole.readUInt32LE(end + 16);
  for (const [field, at, width] of [
    ...[
      ['records on this disk', end + 8, 2],
      ['records', end + 10, 2],
      ['size of the directory', end + 12, 4],
    ],
    ...[
      ['place of the directory', end + 16, 4],
      ['length of the comment', end + 20, 2],
    ],
    ...[
      ['flags', directory + 8, 2],
      ['method', directory + 10, 2],
      ['packed size', directory + 20, 4],
      ['size', directory + 24, 4],
    ],
    ...[
      ['length of a name', directory + 28, 2],
      ['length of an extra field', directory + 30, 2],
      ['place of a record', directory + 42, 4],
    ],
    ...[
      ['length of a name in a header', 26, 2],
      ['length of an extra field in a header', 28, 2],
      ['signature of a header', 0, 4],
    ],
  ] as [string, number, number][]) {
    for (const value of [0, 1, 8, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff].filter((v) => v < 256 ** width))
      yield [`${field} is ${value}`, edit((bytes) => bytes.writeUIntLE(value, at, width))];
  }
  yield ['data after the end', Buffer.concat([whole, Buffer.from('more')])];
  yield ['data before the beginning', Buffer.concat([Buffer.from('PK\x03\x04'), whole])];
  yield ['two ends', Buffer.concat([whole, whole.subarray(end)])];
  yield ['a file in a file', Buffer.concat([whole, whole])];
  yield ['an end alone', whole.subarray(end)];
  yield ['only ends', Buffer.concat(Array<Buffer>(1000).fill(whole.subarray(end)))];
  yield ['two pickles', zipForm(good, { 'other/data.pkl': good.pickle })];
  yield ['a pickle twice', zipForm(good, { 'archive/data.pkl': good.pickle })];
  yield ['a record above the folder', zipForm(good, { '../../evil': Buffer.from('x'), '/etc/evil': Buffer.from('x') })];
  yield ['a name with a NUL', zipForm(good, { 'archive/data.pkl\0': good.pickle })];
  yield ['TorchScript', zipForm(good, { 'archive/constants.pkl': Buffer.from('N.') })];
  yield ['no storage', zipForm({ ...good, storages: [] })];
  yield [
    'a storage that is too short',
    zipForm({ ...good, storages: good.storages.map((s) => ({ ...s, bytes: s.bytes.subarray(1) })) }),
  ];
  yield [
    'a storage that is too long',
    zipForm({ ...good, storages: good.storages.map((s) => ({ ...s, bytes: Buffer.concat([s.bytes, s.bytes]) })) }),
  ];
  yield ['a bomb of 1 GB in the pickle', packed('archive/data.pkl', bomb(1e9))];
  yield ['a bomb of 100 MB in the pickle', packed('archive/data.pkl', bomb(1e8))];
  const huge = { ...STORAGE, numel: 25_000_000 };
  const pickle = pickleWith(
    call(
      'torch._utils',
      '_rebuild_tensor_v2',
      persistent('storage', new PyName('torch', 'FloatStorage'), '0', 'cpu', huge.numel),
      0,
      Tuple.of(4),
      Tuple.of(1),
      false,
      new OrderedDict(),
    ),
  );
  yield ['a bomb of 100 MB in a storage', packed('archive/data/0', bomb(1e8), pickle)];
  yield ['a bomb that says it is small', packed('archive/data.pkl', { ...bomb(1e8), size: 1000 })];
  yield [
    'not packed as it says',
    packed('archive/data.pkl', { data: Buffer.from('\xff\xff\xff\xff', 'latin1'), size: 1000, crc: 0 }),
  ];
}

interface Packed {
  readonly data: Buffer;
  readonly size: number;
  readonly crc: number;
}

const bombs = new Map<number, Packed>();

/** Zeros, deflated: a thousandth of their size. */
function bomb(size: number): Packed {
  const known = bombs.get(size);
  if (known !== undefined) return known;
  const deflate: Buffer[] = [];
  const chunk = zlib.deflateRawSync(Buffer.alloc(1 << 20), { finishFlush: zlib.constants.Z_FULL_FLUSH });
  for (let done = 0; done < size; done += 1 << 20) deflate.push(chunk);
  deflate.push(zlib.deflateRawSync(Buffer.alloc(0)));
  const made = { data: Buffer.concat(deflate), size: Math.ceil(size / (1 << 20)) * (1 << 20), crc: 0 };
  bombs.set(size, made);
  return made;
}

/** A zip file in which one record is deflated. */
function packed(name: string, { data, size, crc }: Packed, pickle: Uint8Array = Buffer.from('N.')): Buffer {
  const file = zipForm({
    pickle: name.endsWith('.pkl') ? data : pickle,
    storages: name.endsWith('.pkl') ? [] : [{ ...STORAGE, bytes: data }],
  });
  const at = file.indexOf(name, file.indexOf('PK\x01\x02', 0, 'latin1')) - 46;
  file.writeUInt16LE(8, at + 10);
  file.writeUInt32LE(crc, at + 16);
  file.writeUInt32LE(size, at + 24);
  return file;
}
