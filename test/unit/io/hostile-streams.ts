/** Legacy streams and tar files that nobody means well with. */
import { PyName, Tuple, writePickle } from '../../../lib/io/index.js';
import { arange, ones, scope } from '../../../lib/tensor/index.js';
import { call, persistent, pickleWith } from './hostile-pickles.js';
import { STORAGE } from './hostile-tensors.js';
import { int64, legacyForm, partsOf, tarForm, tarOf, type FormStorage } from './form-writers.js';

/** `(name, file)` of the legacy form. */
export function* hostileLegacies(): Generator<[string, Buffer]> {
  const parts = scope(() =>
    partsOf(
      new Map([
        ['a', arange(10)],
        ['b', ones([3])],
      ]),
      'legacy',
    ),
  );
  const storages = (change: (storage: FormStorage) => FormStorage): Buffer =>
    legacyForm({ ...parts, storages: parts.storages.map(change) });
  for (const numel of [-1, 0, 9, 11, 2 ** 31, 2 ** 52])
    yield [`a storage that says ${numel} elements`, storages((s) => ({ ...s, numel }))];
  for (const keys of [
    [],
    ['0'],
    ['1', '0'],
    ['0', '0'],
    ['0', '1', '2'],
    ['0', 'x'],
    null,
    5,
    new Map(),
    [null, null],
    [['0']],
  ])
    yield [`keys ${JSON.stringify(keys)}`, legacyForm(parts, keys)];
  yield ['no storages', legacyForm({ ...parts, storages: [] }, ['0', '1'])];
  yield ['more data at the end', Buffer.concat([legacyForm(parts), Buffer.alloc(100, 1)])];
  const [magic, protocol, system] = [0x1950a86a20f9469cfc6cn, 1001, new Map()].map((each) => writePickle(each)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const keys = writePickle([]);
  const pickle = writePickle('value');
  yield ['protocol 1002', Buffer.concat([magic, writePickle(1002), system, pickle, keys])];
  yield ['the magic number alone', Buffer.from(magic)];
  yield ['another magic number', Buffer.concat([writePickle(0x1950a86a20f9469cfc6dn), protocol, system, pickle, keys])];
  yield ['a list for the machine', Buffer.concat([magic, protocol, writePickle([1]), pickle, keys])];
  yield [
    'a command for the machine',
    Buffer.concat([magic, protocol, Buffer.from('cos\nsystem\nS"touch x"\n\x85R.', 'latin1'), pickle, keys]),
  ];
  yield [
    'a command for the keys',
    Buffer.concat([magic, protocol, system, pickle, Buffer.from('cos\nsystem\nS"touch x"\n\x85R.', 'latin1')]),
  ];
  const part = (offset: unknown, size: unknown): Buffer => {
    const storage = persistent(
      'storage',
      new PyName('torch', 'FloatStorage'),
      '0',
      'cpu',
      4,
      Tuple.of<unknown>('1', offset, size),
    );
    return legacyForm({
      pickle: pickleWith(call('torch._utils', '_rebuild_tensor', storage, 0, Tuple.of(2), Tuple.of(1))),
      storages: [STORAGE],
    });
  };
  for (const [offset, size] of [
    [1, 2],
    [3, 2],
    [-1, 2],
    [2 ** 40, 2],
    [0, 2 ** 40],
    [0, -1],
    [NaN, NaN],
    [null, 2],
    [1, 1],
  ])
    yield [`the part of a storage at ${String(offset)} of ${String(size)}`, part(offset, size)];
}

/** `(name, file)` of the tar form. */
export function* hostileTars(): Generator<[string, Buffer]> {
  const whole = scope(() => tarForm({ a: arange(10), b: ones([2, 3]) }));
  yield ['no files', tarOf({})];
  yield ['another file', tarOf({ 'readme.txt': Buffer.from('hello') })];
  yield [
    'names above the folder',
    tarOf({ '../storages': Buffer.from('x'), '/etc/tensors': Buffer.from('x'), pickle: Buffer.from('N.') }),
  ];
  const n = (value: unknown): Uint8Array => writePickle(value);
  const FLOAT = new PyName('torch', 'FloatStorage');
  const storage = (count: number, numel: number | bigint, views: unknown): Buffer =>
    Buffer.concat([n(count), n(Tuple.of<unknown>(1, 'cpu', FLOAT)), int64(numel), STORAGE.bytes, n(views)]);
  const place = (ndim: number, numbers: readonly (number | bigint)[], count = 1): Buffer => {
    const dimensions = Buffer.alloc(8);
    dimensions.writeInt32LE(ndim);
    return Buffer.concat([n(count), n(Tuple.of<unknown>(2, 1, FLOAT)), dimensions, ...numbers.map(int64)]);
  };
  const file = (
    storages: Buffer,
    tensorsFile: Buffer,
    pickle: Uint8Array = pickleWith(persistent.call(null)),
  ): Buffer => tarOf({ storages, tensors: tensorsFile, pickle });
  const id = Buffer.from('K\x02Q.', 'latin1');
  const views = (...all: unknown[][]): Tuple[] => all.map((each) => Tuple.make(each));
  yield ['as it should be', file(storage(1, 4, []), place(1, [4, 1, 0]), id)];
  for (const count of [-1, 0, 2, 2 ** 40])
    yield [`${count} storages`, file(storage(count, 4, []), place(1, [4, 1, 0]), id)];
  for (const count of [-1, 0, 2, 2 ** 40])
    yield [`${count} tensors`, file(storage(1, 4, []), place(1, [4, 1, 0], count), id)];
  for (const numel of [-1, 0, 3, 5, 2 ** 40, 2n ** 62n, -(2n ** 63n)])
    yield [`a storage of ${numel} elements`, file(storage(1, numel, []), place(1, [4, 1, 0]), id)];
  for (const ndim of [-1, 0, 2, 65, 2 ** 30])
    yield [`${ndim} dimensions`, file(storage(1, 4, []), place(ndim, [4, 1, 0]), id)];
  for (const numbers of [
    [5, 1, 0],
    [-1, 1, 0],
    [4, -1, 3],
    [4, 1, 1],
    [4, 1, -1],
    [2n ** 62n, 0, 0],
    [4, 2n ** 62n, 0],
    [0, -1, 2n ** 62n],
  ])
    yield [`a tensor at ${numbers.join(', ')}`, file(storage(1, 4, []), place(1, numbers), id)];
  for (const all of [
    views([2, 1, 0, 2]),
    views([3, 1, 3, 2]),
    views([3, 1, -1, 2]),
    views([3, 1, 0, 2 ** 40]),
    views([3, 9, 0, 1]),
    views([3, 3, 0, 1]),
    [5],
    5,
    null,
  ])
    yield [`parts of storages ${JSON.stringify(all)}`, file(storage(1, 4, all), place(1, [4, 1, 0]), id)];
  yield ['an id that is not there', file(storage(1, 4, []), place(1, [4, 1, 0]), Buffer.from('K\x07Q.', 'latin1'))];
  yield ['an id that is a list', file(storage(1, 4, []), place(1, [4, 1, 0]), Buffer.from(']Q.', 'latin1'))];
  yield [
    'an id of a megabyte',
    file(storage(1, 4, []), place(1, [4, 1, 0]), Buffer.from(`P${'7'.repeat(1_000_000)}\n.`, 'latin1')),
  ];
  yield [
    'a command',
    file(storage(1, 4, []), place(1, [4, 1, 0]), Buffer.from('cos\nsystem\nS"touch x"\n\x85R.', 'latin1')),
  ];
  yield [
    'a command among the storages',
    file(Buffer.from('cos\nsystem\nS"touch x"\n\x85R.', 'latin1'), place(1, [4, 1, 0]), id),
  ];
  for (const size of [
    '77777777777',
    '-0000000001',
    '\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff',
    '\xff'.repeat(12),
    'zzzzzzzzzzz',
    '',
  ]) {
    const bytes = Buffer.from(whole);
    bytes.fill(0, 124, 136).write(size, 124, 'latin1');
    const sum = bytes.subarray(0, 512).reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    yield [`a size of ${JSON.stringify(size)}`, bytes];
  }
}
