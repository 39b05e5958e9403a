/** The short way through a file: what it reads is what the long way reads, and the rest it leaves to that one. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { bytesSource } from '../../../lib/io/byte-source.js';
import { load, serialize, Tuple } from '../../../lib/io/index.js';
import { readPlain } from '../../../lib/io/plain-file.js';
import { ZipReader } from '../../../lib/io/zip-reader.js';
import { writeZip } from '../../../lib/io/zip-writer.js';
import { networkByName } from '../../../lib/models/index.js';
import {
  type DType,
  float,
  getNumThreads,
  inferenceMode,
  memory,
  ones,
  OrderedDict,
  randn,
  scope,
  setNumThreads,
  Tensor,
  zeros,
} from '../../../lib/tensor/index.js';
import { bothWays } from './both-ways.js';
import { storageId, zipFile } from './torch-fixtures.js';

const FLOATS = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
const HOOKS = 'ccollections\nOrderedDict\n)R';
const short = (text: string): string => `X${String.fromCharCode(text.length)}\0\0\0${text}`;

interface Parts {
  readonly id?: string;
  readonly offset?: string;
  readonly size?: string;
  readonly stride?: string;
  readonly grad?: string;
  readonly hooks?: string;
}

/** `[4]`, float32, over the storage "0", in opcodes. */
function tensorOf(parts: Parts = {}): string {
  const { id = storageId('0', 4), offset = 'K\0', size = 'K\x04\x85', stride = 'K\x01\x85', grad = '\x89' } = parts;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${id}${offset}${size}${stride}${grad}${parts.hooks ?? HOOKS}tR`;
}

const parameterOf = (data: string, grad = '\x88'): string =>
  `ctorch._utils\n_rebuild_parameter\n${data}${grad}${HOOKS}\x87R`;

/** Whether the short way reads a pickle over the storage "0"; either way it reads what the long one does. */
const reads = (pickle: string, storages: Record<string, Buffer> = { 0: FLOATS }): boolean =>
  bothWays(zipFile(pickle, storages));

describe('the short way through a file', () => {
  let folder: string;
  let count = 0;
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-plain-'));
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  /** Whether it reads the file of a value: in memory, from the disk and mapped. */
  function readsFile(value: unknown): boolean[] {
    const bytes = serialize(value);
    const file = path.join(folder, `${count++}.pth`);
    fs.writeFileSync(file, bytes);
    const found = [bothWays(bytes), bothWays(file), bothWays(file, { mmap: true })];
    fs.rmSync(file);
    return found;
  }
  const assertRead = (value: unknown): void => {
    assert.deepEqual(readsFile(value), [true, true, true]);
  };

  it('reads tensors of every dtype that has a class of storages', () => {
    scope(() => {
      const named = ['float32', 'float64', 'float16', 'bfloat16', 'uint8', 'int8', 'int16', 'int32', 'int64', 'bool'];
      for (const dtype of [...named, 'complex64', 'complex128'] as DType[]) assertRead(ones([2, 3], { dtype }));
      const others: DType[] = ['uint16', 'uint32', 'uint64', 'float8_e5m2', 'float8_e4m3fn'];
      for (const dtype of others) assert.deepEqual(readsFile(zeros([3], { dtype })), [false, false, false], dtype);
    });
  });

  it('reads views, shared storages, gradients and tensors without elements', () => {
    scope(() => {
      const base = randn([4, 6]);
      const views = [base, base.t(), base.select(0, 2), base.select(0, 1).select(0, 3), ones([1]).expand([2, 1000])];
      assertRead([...views, ones([0, 3]), ones([]), base.narrow(0, 4, 0), base]);
      assertRead(new Map(Object.entries({ w: ones([2], { requiresGrad: true }), b: ones([2]) })));
    });
  });

  it('reads checkpoints: nested dicts with text and whole numbers as keys, lists, tuples, numbers', () => {
    scope(() => {
      const weight = randn([3]);
      const state = new OrderedDict<unknown>([['weight', weight]]);
      state.metadata = new Map([['', new Map([['version', 1]])]]);
      const moments = new Map<unknown, unknown>([
        [0, new Map<string, unknown>(Object.entries({ step: 3, exp_avg: randn([3]) }))],
        [-7, null],
        [2 ** 40, []],
      ]);
      const numbers = [0, -1, 255, 65536, -(2 ** 31), 2 ** 53 - 1, 1 - 2 ** 53, 0.1, -0, Infinity, NaN, float(2)];
      const plain = { 1: true, text: ['', 'a\0b', 'x'.repeat(300), '__proto__'], none: null, no: false, numbers };
      assertRead(new Map<string, unknown>(Object.entries({ epoch: 3, state, moments, weight, plain })));
      assertRead(Tuple.of<unknown>(1, Tuple.of<unknown>(), [Tuple.of<unknown>('a', [[[]]])]));
      for (const value of [1, 'text', null, [], weight, new Map(), new OrderedDict()]) assertRead(value);
      assertRead(Array.from({ length: 5000 }, (_, i) => i));
      for (const value of ['é', 2n ** 64n, new Set([1]), Uint8Array.of(1), new Map([[1.5, 1]]), new Map([[true, 1]])])
        assert.deepEqual(readsFile(value), [false, false, false]);
    });
  });

  it('reads Parameters, and keeps nothing of what they were made of', () => {
    assert.ok(reads(parameterOf(tensorOf())));
    assert.ok(reads(parameterOf(tensorOf(), '\x89')));
    assert.ok(reads(parameterOf(tensorOf({ grad: '\x88' }), '\x89')));
    // the data is a value too
    assert.ok(reads(`]q\0(${tensorOf()}q\x01${parameterOf('h\x01')}h\x01e`));
    assert.ok(reads(`](${parameterOf(tensorOf())}${parameterOf(tensorOf())}e`));
    assert.ok(!reads(parameterOf(parameterOf(tensorOf()))));
  });

  it('reads values that stand in several places, and those that hold themselves', () => {
    assert.ok(reads(`]q\0(${tensorOf()}q\x01h\x01h\0}q\x02h\x02e`));
    assert.ok(reads(`}q\0(${short('a')}h\0${short('b')})u`));
    assert.ok(reads(`](${tensorOf()}${tensorOf({ size: 'K\x02\x85', offset: 'K\x02' })}e`));
  });

  it('reads the state dicts of networks', () => {
    scope(() => {
      for (const name of ['densenet-bc-40-12', 'lenet', 'densenet121']) assertRead(networkByName(name).stateDict());
    });
  });

  it('reads large storages by several threads', () => {
    const threads = getNumThreads();
    setNumThreads(3);
    try {
      scope(() => {
        assertRead([randn([3_000_001]), randn([17]), randn([1_500_000])]);
      });
    } finally {
      setNumThreads(threads);
    }
  });

  it('makes tensors as its surroundings have them', () => {
    inferenceMode(() => {
      assert.ok(reads(tensorOf()));
      assert.ok(reads(parameterOf(tensorOf(), '\x89')));
    });
  });

  it('is the way that load takes, where it can', () => {
    scope(() => {
      const bytes = serialize([randn([2])]);
      for (const mapLocation of [undefined, 'cpu'])
        assert.ok((load(bytes, { mapLocation }) as unknown[])[0] instanceof Tensor);
      assert.equal((load(bytes, { mapLocation: 'meta' }) as Tensor[])[0]?.device, 'meta');
      assert.throws(() => load(bytes, { mmap: true }), /Expected the path of a file for mmap/);
    });
  });

  describe('leaves to the long one', () => {
    /** It gives nothing, and what the long way says of the file is told. */
    const leaves = (pickle: string, expected?: RegExp, storages?: Record<string, Buffer>): void => {
      const held = memory().tensors;
      assert.equal(reads(pickle, storages), false, JSON.stringify(pickle));
      const bytes = zipFile(pickle, storages ?? { 0: FLOATS });
      if (expected === undefined) scope(() => void load(bytes));
      else assert.throws(() => load(bytes), expected);
      assert.equal(memory().tensors, held);
    };
    const long = (value: bigint): string => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(value);
      return `\x8a\x08${bytes.toString('latin1')}`;
    };

    it('tensors outside of their storages, and sizes beyond all numbers', () => {
      leaves(tensorOf({ offset: 'K\x01' }), /inside its storage/);
      leaves(tensorOf({ stride: 'K\x02\x85' }), /inside its storage/);
      leaves(tensorOf({ size: `${long(2n ** 52n)}\x85` }), /inside its storage/);
      leaves(tensorOf({ size: `${long(2n ** 52n)}${long(2n ** 52n)}\x86`, stride: 'K\0K\0\x86' }), /fits into memory/);
      leaves(tensorOf({ stride: `${long(2n ** 62n)}\x85` }), /list of integers/);
      leaves(tensorOf({ size: '(K\x02K\x02t', stride: `(${long(2n ** 53n - 1n)}K\x01t` }), /inside its storage/);
      leaves(tensorOf({ offset: long(-1n) }), /no integer from 0/);
      leaves(tensorOf({ size: `${long(-4n)}\x85` }), /list of integers/);
      leaves(tensorOf({ size: 'K\x02K\x02\x86' }), /as many strides as sizes/);
      leaves(tensorOf({ size: `(${'K\x01'.repeat(65)}t`, stride: `(${'K\x01'.repeat(65)}t` }), /64 dimensions/);
      leaves(tensorOf({ size: `(K\0${long(2n ** 52n)}${long(2n ** 52n)}t`, stride: '(K\0K\0K\0t' }));
      leaves(tensorOf({ size: 'K\0\x85', offset: long(2n ** 50n) }));
    });

    it('storages that are not as the file says', () => {
      leaves(tensorOf({ id: storageId('0', 5) }), /holds 16 bytes, the pickle counts 20/);
      leaves(tensorOf({ id: storageId('1', 4) }), /holds no record/);
      leaves(tensorOf({ id: storageId('0', -1) }), /length of a storage/);
      leaves(tensorOf(), undefined, { 0: Buffer.concat([FLOATS, Buffer.of(0)]) });
      leaves(`](${tensorOf()}${tensorOf({ id: storageId('0', 2, undefined, 'DoubleStorage') })}e`, /two dtypes/);
      leaves(`](${tensorOf()}${tensorOf({ id: storageId('0', 2) })}e`, /two dtypes or lengths/);
      leaves(storageId('0', 4));
      leaves(`](${tensorOf()}${storageId('0', 4)}e`);
      leaves(tensorOf({ id: storageId('0', 4, undefined, 'QInt8Storage') }), /holds 16 bytes|quantizer/);
    });

    it('what is no tensor, dict or number', () => {
      leaves('cposix\nsystem\nX\x04\0\0\0true\x85R', /names posix\.system/);
      leaves('ccollections\nOrderedDict\n', /used as a value/);
      leaves('ctorch\nFloatStorage\n');
      leaves('(ctorch\nFloatStorage\nt');
      leaves('ctorch._utils\n_rebuild_tensor_v2\n)R', /6 or 7 arguments but 0/);
      leaves(`](${tensorOf({ grad: 'K\x01' })}e`, /must be a bool/);
      leaves(
        tensorOf({ id: storageId('0', 2, undefined, 'LongStorage'), size: 'K\x02\x85', grad: '\x88' }),
        /floating/,
      );
      leaves(`${tensorOf()}0K\x01`);
      leaves(`${tensorOf()}K\x01`);
      leaves(`}(${short('a')}${tensorOf()}${short('a')}K\x02u`);
      leaves('}(G\x3f\xf0\0\0\0\0\0\0K\x01u');
      leaves('ccollections\nOrderedDict\n)R}X\x01\0\0\0aK\x01sb');
      leaves(`}${long(2n ** 60n)}${long(2n ** 60n)}s`);
    });

    it('pickles that end too early, or take what is not there', () => {
      for (const body of [
        '',
        'K',
        'M\0',
        'J\0\0\0',
        'X\x05\0\0\0abc',
        'G\0',
        '\x8a\x09\0',
        'ccollections\nOrder',
        '(',
      ]) {
        const held = memory().tensors;
        assert.equal(reads(body), false, body);
        assert.throws(() => load(zipFile(body, {})), /bytes/, body);
        assert.equal(memory().tensors, held);
      }
      for (const body of [
        '\x85',
        'K\x01\x86',
        't',
        'R',
        'K\x01R',
        'Q',
        'b',
        'u',
        's',
        'K\x01s',
        'e',
        'a',
        'q\0',
        'h\0',
      ])
        leaves(body, /bytes/);
      for (const body of ['(K\x01K\x02u', 'K\x01(K\x01K\x02u', ']K\x01K\x02s', '}K\x01a', '}(K\x01u', 'K\x01K\x01)b'])
        leaves(body, /bytes/);
      leaves(`K\x01${'('.repeat(1001)}${'t'.repeat(1001)}`);
      leaves('K\x01r\xff\xff\xff\x7f');
    });

    it('zip files in another form than that of torch.save', () => {
      const whole = Buffer.from(zipFile(tensorOf(), { 0: FLOATS }));
      const zip = new ZipReader(bytesSource(whole));
      const records = [...zip.entries.keys()].map((name) => ({ name, data: Buffer.from(zip.read(name)) }));
      const written = (all: typeof records, options = {}): Buffer =>
        Buffer.concat([...writeZip(all, options)].map((piece) => Buffer.from(piece)));
      assert.ok(bothWays(written(records)));
      assert.ok(bothWays(written([...records].reverse())));
      const order = (text: string): Buffer => written([...records, { name: 'a/byteorder', data: Buffer.from(text) }]);
      assert.ok(bothWays(order('little')));
      const commented = Buffer.concat([whole, Buffer.from('hello')]);
      commented.writeUInt16LE(5, whole.length - 2);
      const others = [order('big'), order('litle'), written(records, { zip64: true }), commented];
      others.push(written([...records, { name: 'a/constants.pkl', data: Buffer.from('') }]));
      others.push(written([...records, { name: 'b/data.pkl', data: Buffer.from('') }]));
      others.push(written([...records, { name: 'a/ü', data: Buffer.from('') }]));
      others.push(written(records.map(({ name, data }) => ({ name: name.replace('a/', 'a/b/'), data }))));
      others.push(written(records.map(({ name, data }) => ({ name: name.replace('a/', ''), data }))));
      for (const bytes of others) assert.equal(bothWays(bytes), false);
    });

    it('files with a byte that is another one, unless nothing depends on it', () => {
      const whole = Buffer.from(zipFile(tensorOf(), { 0: FLOATS }));
      let read = 0;
      for (let at = 0; at < whole.length; at++) {
        const damaged = Buffer.from(whole);
        damaged[at]! ^= 0x11;
        if (bothWays(damaged)) read++;
        assert.equal(bothWays(whole.subarray(0, at)), false);
      }
      assert.ok(read > 100 && read < whole.length / 2, String(read));
    });
  });

  it('gives no more than the long one where files become shorter while they are read', () => {
    const file = path.join(folder, 'short.pth');
    fs.writeFileSync(file, serialize([randn([1000])].map((each) => each)));
    const fd = fs.openSync(file, 'r');
    try {
      const size = fs.statSync(file).size;
      for (const left of [size - 1, 2000, 10, 0]) {
        fs.truncateSync(file, left);
        const source = { ...bytesSource(Buffer.alloc(0)), fd, size };
        assert.equal(readPlain(source, false), undefined);
        assert.equal(readPlain(source, true), undefined);
      }
    } finally {
      fs.closeSync(fd);
    }
  });
});
