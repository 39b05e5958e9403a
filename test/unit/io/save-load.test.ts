/** save() and load() without Python: what comes back, shared storages, wrong files. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { IoError, load, save, serialize, Tuple, writePickle } from '../../../lib/io/index.js';
import { bytesSource } from '../../../lib/io/byte-source.js';
import { ZipReader } from '../../../lib/io/zip-reader.js';
import { writeZip } from '../../../lib/io/zip-writer.js';
import {
  type DType,
  float,
  memory,
  ones,
  ops,
  OrderedDict,
  scope,
  Tensor,
  tensor,
  TorchError,
  zeros,
} from '../../../lib/tensor/index.js';

const back = (value: unknown): unknown => load(serialize(value));

describe('save and load', () => {
  let folder: string;
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-save-'));
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  it('bring back every dtype bit for bit', () => {
    scope(() => {
      const dtypes: DType[] = [
        ...(['float32', 'float64', 'float16', 'bfloat16', 'uint8', 'int8', 'int16', 'int32', 'int64', 'bool'] as const),
        ...([
          'complex64',
          'complex128',
          'complex32',
          'uint16',
          'uint32',
          'uint64',
          'float8_e5m2',
          'float8_e4m3fn',
        ] as const),
      ];
      for (const dtype of dtypes) {
        const t = tensor([
          [0, 1, 1],
          [1, 0, 1],
        ]).to(dtype);
        const read = back({ t }) as Map<string, Tensor>;
        const got = read.get('t')!;
        assert.deepEqual([got.dtype, got.shape, got.bytes()], [dtype, [2, 3], t.bytes()], dtype);
      }
    });
  });

  it('keep strides, offsets, empty tensors, scalars and requiresGrad', () => {
    scope(() => {
      const base = tensor(
        Float32Array.from({ length: 24 }, (_, i) => i),
        { shape: [2, 3, 4] },
      );
      const views = [base, base.permute([2, 0, 1]), base.select(1, 2), base.narrow(2, 1, 2), zeros([0, 3]), tensor(5)];
      const grad = ones([2]).requiresGrad_();
      const read = back([...views, grad]) as Tensor[];
      views.forEach((view, i) => {
        const got = read[i]!;
        assert.deepEqual(
          [got.shape, got.stride(), got.storageOffset()],
          [view.shape, view.stride(), view.storageOffset()],
        );
        assert.deepEqual(got.bytes(), view.bytes());
      });
      assert.deepEqual(
        read.map((t) => t.requiresGrad),
        [false, false, false, false, false, false, true],
      );
      assert(read[6]!.isLeaf);
    });
  });

  it('keep shared storages shared, written once', () => {
    scope(() => {
      const base = zeros([1000]);
      const bytes = serialize([base, base.narrow(0, 10, 5), base.view([10, 100])]);
      assert(bytes.byteLength < 4000 + 2000);
      const [whole, part, square] = load(bytes) as [Tensor, Tensor, Tensor];
      whole.fill_(3);
      assert.equal(part.sum().item(), 15);
      assert.equal(square.storageId(), whole.storageId());
      assert.throws(
        () => serialize([base, base.view('int32' as never)]),
        /view the same data as different types|Expected/,
      );
    });
  });

  it('keep the versions of a state dict', () => {
    scope(() => {
      const dict = new OrderedDict<Tensor>([
        ['w', ones([2])],
        ['__proto__', ones([1])],
      ]);
      dict.metadata = new Map([['', new Map<string, unknown>([['version', 2]])]]);
      const read = back(dict) as OrderedDict<Tensor>;
      assert(read instanceof OrderedDict);
      assert.deepEqual([...read.keys()], ['w', '__proto__']);
      assert.deepEqual(new Map(read.metadata), dict.metadata);
    });
  });

  it('keep plain values', () => {
    const value = new Map<unknown, unknown>([
      ['n', null],
      [1, Tuple.of<unknown>(1, 2n ** 70n, 'x')],
      ['b', Uint8Array.of(1, 255)],
      ['f', [0.5, -1.25]],
    ]);
    assert.deepEqual(back(value), value);
    assert.equal((back({ lr: float(1) }) as Map<string, number>).get('lr'), 1);
  });

  it('give the same bytes for the same content', () => {
    scope(() => {
      const make = (): Uint8Array => serialize({ a: ones([3]), b: [1, 'x'] });
      assert.deepEqual(make(), make());
    });
  });

  it('leave no tensor behind, neither saved nor loaded nor failed', () => {
    scope(() => {
      const t = ones([100]);
      const bytes = serialize([t, t.narrow(0, 1, 2)]);
      const before = memory();
      scope(() => void load(bytes));
      const pickle = Buffer.from(bytes).indexOf('_rebuild');
      const broken = Buffer.from(bytes);
      broken[pickle + 60]! ^= 255;
      assert.throws(() => load(broken));
      const after = memory();
      assert.deepEqual([after.tensors, after.bytes], [before.tensors, before.bytes]);
    });
  });

  it('name what cannot be saved, and write nothing', () => {
    const file = path.join(folder, 'never.pth');
    assert.throws(() => save({ a: [() => 1] }, file), { message: 'Cannot save $.a[0]: a function has no Python form' });
    const gone = ones([1]);
    gone.dispose();
    assert.throws(
      () => save([gone], file),
      (error) => error instanceof TorchError && error.code === 'disposed',
    );
    assert.deepEqual(fs.readdirSync(folder), []);
  });

  it('name what cannot be loaded', () => {
    const refuses = (name: string, content: Uint8Array | string, code: string, pattern: RegExp): void => {
      const file = path.join(folder, name);
      fs.writeFileSync(file, content);
      assert.throws(
        () => load(file),
        (error) =>
          error instanceof IoError &&
          error.code === code &&
          pattern.test(error.message) &&
          error.message.startsWith(file),
      );
    };
    const zip = (records: [string, Uint8Array | string][]): Uint8Array =>
      Buffer.concat([...writeZip(records.map(([name, data]) => ({ name, data: Buffer.from(data) })))]);
    refuses('empty', '', 'format', /the file is empty/);
    refuses('picture.pth', Buffer.from('89504e470d0a1a0a', 'hex'), 'format', /it is a picture/);
    refuses('page.pth', '<!DOCTYPE html>', 'format', /it is a web page/);
    refuses('other.pickle', writePickle({ a: 1 }), 'format', /it is a pickle, but not one that torch\.save wrote/);
    refuses('lfs', 'version https://git-lfs.github.com/spec/v1\n', 'format', /Git LFS pointer/);
    refuses('text', 'hello', 'format', /no zip file begins here/);
    refuses('other.zip', zip([['a.txt', 'x']]), 'format', /holds 0 data\.pkl/);
    refuses(
      'two.zip',
      zip([
        ['a/data.pkl', 'N.'],
        ['b/data.pkl', 'N.'],
      ]),
      'format',
      /holds 2 data\.pkl/,
    );
    refuses(
      'script.pt',
      zip([
        ['a/data.pkl', 'N.'],
        ['a/constants.pkl', ')'],
      ]),
      'unsupported',
      /TorchScript/,
    );
    refuses('evil.pth', zip([['a/data.pkl', "cposix\nsystem\n(S'echo'\ntR."]]), 'format', /posix\.system/);
    const whole = serialize({ t: [1, 2, 3] });
    refuses('cut.pth', whole.subarray(0, whole.byteLength - 1), 'format', /truncated/);
    assert.throws(() => load(path.join(folder, 'none.pth')), {
      message: `cannot read ${folder}/none.pth: no such file or folder`,
    });
    assert.throws(() => load(folder), { message: `cannot read ${folder}: it is a folder` });
  });

  it('read files of big-endian machines', () => {
    scope(() => {
      const values = [tensor([1.5, -2]), tensor([1n, 2n ** 40n]), tensor([1.5, 2]).to('complex64'), tensor([true])];
      const zip = new ZipReader(bytesSource(serialize(values)));
      const units = [4, 8, 4, 1];
      const records = [...zip.entries.keys()].map((name) => {
        const data = Buffer.from(zip.read(name));
        const unit = name.includes('/data/') ? units[Number(name.slice(-1))] : undefined;
        if (unit === 4) data.swap32();
        else if (unit === 8) data.swap64();
        return { name, data: name.endsWith('byteorder') ? Buffer.from('big') : data };
      });
      const read = load(Buffer.concat([...writeZip(records)])) as Tensor[];
      assert.deepEqual(
        read.map((t) => t.bytes()),
        values.map((t) => t.bytes()),
      );
    });
  });

  it('refuse pickles whose tensors lie outside their storages', () => {
    const storage = (id: string): string => `((X\x07\0\0\0storagectorch\nFloatStorage\n${id}X\x03\0\0\0cpuK\x02tQ`;
    const file = (pickle: string): Uint8Array =>
      Buffer.concat([
        ...writeZip([
          { name: 'a/data.pkl', data: Buffer.from(`\x80\x02ctorch._utils\n_rebuild_tensor_v2\n${pickle}`, 'latin1') },
          { name: 'a/data/0', data: Buffer.alloc(8) },
        ]),
      ]);
    const key = 'X\x01\0\0\x000';
    const tail = '\x89NtR.';
    const good = load(file(`${storage(key)}K\0K\x02\x85K\x01\x85${tail}`)) as Tensor;
    assert.deepEqual(good.shape, [2]);
    good.dispose();
    for (const [what, pickle, pattern] of [
      ['offset', `${storage(key)}K\x01K\x02\x85K\x01\x85`, /inside its storage/],
      ['size', `${storage(key)}K\0K\x03\x85K\x01\x85`, /inside its storage/],
      ['huge size', `${storage(key)}K\0\x8a\x06\xff\xff\xff\xff\xff\x0f\x85K\x01\x85`, /storage|large|overflow/i],
      ['stride', `${storage(key)}K\0K\x02\x85K\x02\x85`, /inside its storage/],
      ['negative stride', `${storage(key)}K\0K\x02\x85J\xff\xff\xff\xff\x85`, /stride of a tensor/],
      ['ranks', `${storage(key)}K\0K\x02\x85)`, /strides/],
      ['missing storage', `${storage('X\x01\0\0\x007')}K\0K\x02\x85K\x01\x85`, /no record "a\/data\/7"/],
      ['no storage', '(NK\0K\x02\x85K\x01\x85', /without a storage/],
    ] as const) {
      assert.throws(() => load(file(pickle + tail)), pattern, what);
    }
  });

  it('refuse lists without end where a name belongs, at once', () => {
    // l = []; then sixty times l = [l, l]: small in the file and in memory, endless as text
    const endless = `]${Array.from({ length: 60 }, (_, i) => {
      const at = String.fromCharCode(i);
      return `q${at}0](h${at}h${at}e`;
    }).join('')}`;
    const metadata = `}(${endless}\x85\x88u`;
    const storage = '((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x01tQ';
    // the processor's time: a busy machine makes any clock run on
    const begun = process.cpuUsage();
    for (const [pickle, pattern] of [
      [`ctorch\ndevice\n${endless}\x85R`, /torch\.device: the type of a device is no text/],
      [`ctorch\ndevice\nX\x03\0\0\0cpu${endless}\x86R`, /the number of a device is not a list of integers/],
      [`ctorch.serialization\n_get_layout\n${endless}\x85R`, /the name of a layout is no text/],
      [`ctorch._utils\n_rebuild_tensor_v2\n${storage}K\0))\x89N${metadata}tR`, /a key: unhashable type: 'list'/],
    ] as const) {
      const data = Buffer.from(`\x80\x02${pickle}.`, 'latin1');
      const records = [
        { name: 'a/data.pkl', data },
        { name: 'a/data/0', data: Buffer.alloc(4) },
      ];
      assert.throws(() => load(Buffer.concat([...writeZip(records)])), pattern);
    }
    const { user, system } = process.cpuUsage(begun);
    assert((user + system) / 1000 < 1000);
  });

  it('compare sizes before they unpack anything', () => {
    const bytes = serialize([ones([4])]);
    const zip = new ZipReader(bytesSource(bytes));
    const data = Buffer.from('no deflated bytes at all');
    const name = 'archive/data/0';
    const file = Buffer.concat([
      ...writeZip([
        { name: 'archive/data.pkl', data: zip.read('archive/data.pkl') },
        { name, data },
      ]),
    ]);
    const central = file.lastIndexOf(name) - 46;
    file.writeUInt16LE(8, central + 10);
    file.writeUInt32LE(20_000, central + 24);
    assert.throws(() => load(file), /storage 0 holds 20000 bytes, the pickle counts 16/);
    file.writeUInt32LE(16, central + 24);
    assert.throws(() => load(file), /record "archive\/data\/0" cannot be decompressed/);
  });

  it('name what is no regular file, and do not wait for it', async () => {
    const pipe = path.join(folder, 'pipe');
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    const program = `import { load } from './lib/io/index.js';
      try { load(process.argv[1]); } catch (error) { process.stdout.write(error.message); }`;
    const args = ['--import=tsx', '--input-type=module', '-e', program];
    for (const file of [pipe, '/dev/zero']) {
      // in a process of its own, which can be stopped should it wait
      const { stdout } = spawnSync(process.execPath, [...args, file], {
        cwd: path.resolve(import.meta.dirname, '../../..'),
        encoding: 'utf8',
        timeout: 200_000,
      });
      assert.equal(stdout, `cannot read ${file}: it is no regular file`);
    }
    const server = net.createServer().listen(path.join(folder, 'socket'));
    await once(server, 'listening');
    try {
      assert.throws(() => load(path.join(folder, 'socket')), /it is no regular file/);
    } finally {
      server.close();
    }
  });

  it('write conjugated and negated views as the numbers that they stand for', () => {
    scope(() => {
      const z = ops.aten<Tensor>('view_as_complex', tensor([1, 2, 3, 4]).view([2, 2]));
      const imaginary = ops.aten<Tensor>('imag', z.conj());
      assert.deepEqual([z.conj().isConj(), imaginary.isNeg()], [true, true]);
      const views = [z.conj(), imaginary, z.conj().conj(), z.conj().narrow(0, 1, 1), z];
      const grad = z.detach().requiresGrad_().conj();
      const before = memory().tensors;
      const bytes = serialize([...views, grad]);
      assert.equal(memory().tensors, before, 'the copies are freed');
      const read = load(bytes) as Tensor[];
      read.forEach((got, i) => assert.deepEqual(got.toArray(), [...views, grad][i]!.toArray(), `view ${i}`));
      assert.deepEqual(read[1]!.toArray(), [-2, -4]);
      assert.equal(read[5]!.requiresGrad, true);
    });
  });

  it('survive any change of a few bytes', () => {
    scope(() => {
      const bytes = serialize({ a: ones([3]), b: Tuple.of(zeros([2], { dtype: 'int64' })) });
      const edit = fc.array(fc.tuple(fc.nat(bytes.byteLength - 1), fc.nat(255)), { minLength: 1, maxLength: 3 });
      fc.assert(
        fc.property(edit, (edits) => {
          const copy = Buffer.from(bytes);
          for (const [at, byte] of edits) copy[at] = byte;
          try {
            scope(() => void load(copy));
          } catch (error) {
            assert(error instanceof IoError, String(error));
          }
        }),
        { numRuns: 1000 },
      );
      // the same for the pickle itself, past the checksum
      const pickle = writePickle({ a: 1 });
      for (let i = 0; i < pickle.length; i++) {
        const data = Buffer.from(pickle);
        data[i] = data[i]! ^ 0x55;
        try {
          load(Buffer.concat([...writeZip([{ name: 'a/data.pkl', data }])]));
        } catch (error) {
          assert(error instanceof IoError, String(error));
        }
      }
    });
  });
});
