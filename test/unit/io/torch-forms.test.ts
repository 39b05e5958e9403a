/** The older forms of torch.save, built here byte by byte; what a file may ask for; looking into files without building. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  inspect,
  IoError,
  load,
  outline,
  serialize,
  TensorOutline,
  Tuple,
  UnknownObject,
} from '../../../lib/io/index.js';
import { memory, ones, ops, scope, Tensor, tensor, zeros } from '../../../lib/tensor/index.js';
import { legacyFile, pickled, storageId, tarFile, zipFile } from './torch-fixtures.js';

const floats = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
const REBUILD = 'ctorch._utils\n_rebuild_tensor_v2\n';
const vector = (id: string, size: number): string =>
  `${REBUILD}(${id}K\0K${String.fromCharCode(size)}\x85K\x01\x85\x89NtR`;
const simple = {
  value: vector(storageId('5', 3, 'N'), 3),
  keys: ['5'],
  storages: [{ count: 3, bytes: floats(1, 2, 3) }],
};

describe('the legacy form', () => {
  it('is read, in any protocol', () => {
    scope(() => {
      for (const protocol of [2, 3, 4, 5]) {
        const t = load(legacyFile({ ...simple, protocol })) as Tensor;
        assert.deepEqual([t.dtype, t.toArray()], ['float32', [1, 2, 3]]);
      }
    });
  });

  it('is refused when cut at any byte, or when its parts disagree', () => {
    const whole = legacyFile(simple);
    for (let cut = 0; cut < whole.byteLength; cut++) {
      assert.throws(
        () => load(whole.subarray(0, cut)),
        (error) => error instanceof IoError && error.code === 'format',
      );
    }
    for (const [what, file, pattern] of [
      ['protocol', legacyFile({ ...simple, version: 1000 }), /Invalid protocol version: 1000/],
      [
        'length',
        legacyFile({ ...simple, storages: [{ count: 2, bytes: floats(1, 2, 3) }] }),
        /wrong byte size: expected 12 got 8/,
      ],
      [
        'huge',
        legacyFile({
          ...simple,
          value: vector(storageId('5', 2 ** 31 - 1, 'N'), 3),
          storages: [{ count: 2 ** 31 - 1, bytes: floats(1) }],
        }),
        /truncated: storage 5 has 8589934588 bytes/,
      ],
      ['unknown key', legacyFile({ ...simple, keys: ['6'] }), /storage 6 is not mentioned/],
      ['no key', legacyFile({ ...simple, keys: [] }), /storage 5 is not in the file/],
      ['twice', legacyFile({ ...simple, keys: ['5', '5'] }), /storage 5 is written twice/],
      [
        'view',
        legacyFile({ ...simple, value: vector(storageId('5', 3, '(X\x01\0\0\x006K\x02K\x02t'), 1) }),
        /a part of storage 5 lies outside/,
      ],
      [
        'inside the view',
        legacyFile({ ...simple, value: vector(storageId('5', 3, '(X\x01\0\0\x006K\x02K\x01t'), 2) }),
        /inside its storage of 1 elements/,
      ],
      [
        'two lengths',
        legacyFile({ ...simple, value: `(${vector(storageId('5', 3, 'N'), 3)}${vector(storageId('5', 2, 'N'), 2)}t` }),
        /mentioned with two dtypes or lengths/,
      ],
      [
        'evil',
        legacyFile({ ...simple, keys: [], value: 'cposix\nsystem\nX\x02\0\0\0id\x85R' }),
        /names posix\.system.*nothing was executed/,
      ],
      [
        'model',
        legacyFile({ ...simple, keys: [], value: 'c__main__\nNet\n)\x81' }),
        /names __main__\.Net.*save its weights in Python.*state_dict/,
      ],
    ] as const) {
      const before = memory();
      assert.throws(
        () => load(file),
        (error) => error instanceof IoError && pattern.test(error.message),
        what,
      );
      assert.deepEqual([memory().tensors, memory().bytes], [before.tensors, before.bytes], what);
    }
  });
});

describe('the tar form', () => {
  it('is refused when cut or changed anywhere, or read', () => {
    const whole = tarFile();
    scope(() => {
      const { weight } = Object.fromEntries(load(whole) as Map<string, Tensor>);
      assert.deepEqual(weight!.toArray(), [1, 2]);
    });
    for (let at = 0; at < whole.byteLength - 1024; at += 7) {
      // behind the last member there is only padding
      if (at < whole.byteLength - 1536) assert.throws(() => load(whole.subarray(0, at)), IoError, `cut at ${at}`);
      const changed = Buffer.from(whole);
      changed[at] = changed[at]! ^ 0x41;
      try {
        scope(() => void load(changed));
      } catch (error) {
        assert(error instanceof IoError, `${String(error)} at ${at}`);
      }
    }
  });
});

describe('what a torch file may hold', () => {
  const zip = (value: string, bytes = floats(1, 2, 3)): Uint8Array => zipFile(value, { 0: bytes });
  const t = vector(storageId('0', 3), 3);
  const i = (count: number): string => `${REBUILD}(${storageId('1', count, undefined, 'LongStorage')}K\0`;

  it('sparse tensors, whose indices are checked', () => {
    const coo = (...indices: bigint[]): Uint8Array =>
      zipFile(
        `ctorch._utils\n_rebuild_sparse_tensor\n(ctorch.serialization\n_get_layout\nX\x10\0\0\0torch.sparse_coo\x85R` +
          `(${i(3)}K\x01K\x03\x86K\x03K\x01\x86\x89NtR${t}K\x04\x85\x89ttR`,
        { 0: floats(1, 2, 3), 1: Buffer.from(BigInt64Array.from(indices).buffer) },
      );
    scope(() => {
      const before = memory().tensors;
      const good = load(coo(0n, 2n, 3n)) as Tensor;
      assert.equal(good.layout, 'sparse_coo');
      assert.equal(memory().tensors, before + 1, 'its parts are freed');
      assert.deepEqual(ops.aten<Tensor>('to_dense', good).toArray(), [1, 0, 2, 3]);
      for (const bad of [4n, -1n, 2n ** 62n])
        assert.throws(() => load(coo(0n, bad, 1n)), /_rebuild_sparse_tensor.*index/);
    });
  });

  it('dicts with any key, one dict where Python has one', () => {
    const value = load(zip('}(X\x09\0\0\0__proto__}X\x01\0\0\0xK\x01sX\x0b\0\0\0constructorK\x02u')) as Map<
      string,
      unknown
    >;
    assert.deepEqual([...value.keys()], ['__proto__', 'constructor']);
    assert.equal(({} as Record<string, unknown>)['x'], undefined);
  });

  it('storages by themselves, which come as tensors', () => {
    scope(() => {
      const [whole, same] = load(zip(`](${storageId('0', 3)}q\x01h\x01e`)) as [Tensor, Tensor];
      assert.deepEqual(whole.toArray(), [1, 2, 3]);
      assert(whole === same);
    });
  });

  it('nothing that copies one large object over and over', () => {
    const list = `](${'K\0'.repeat(20_000)}eq\0`;
    for (const name of ['builtins\nset', 'collections\nCounter', 'torch\nSize', 'builtins\nlist']) {
      const calls = `c${name}\nq\x010${'h\x01h\0\x85R0'.repeat(5000)}`;
      const begun = process.cpuUsage(); // not the clock: others may use the machine too
      assert.throws(() => load(zip(`${list}0${calls}N`)), /more work than a file of this size|no dict/, name);
      assert(process.cpuUsage(begun).user < 1e6, name);
    }
  });

  it('nothing that is no dense, sparse or quantized tensor', () => {
    for (const [value, pattern] of [
      ['ctorch._utils\n_rebuild_nested_tensor\n)R', /nested tensors are not read/],
      ['ctorch._utils\n_rebuild_wrapper_subclass\n)R', /subclasses that wrap/],
      [`ctorch._utils\n_rebuild_sparse_tensor\n(X\x07\0\0\0strided)tR`, /unknown layout/],
      [
        `ctorch._utils\n_rebuild_qtensor\n(${storageId('0', 3)}K\0K\x03\x85K\x01\x85)\x89NtR`,
        /a quantized tensor of float32/,
      ],
      [
        `${REBUILD}(${storageId('0', 12, undefined, 'QUInt8Storage')}K\0K\x03\x85K\x01\x85\x89NtR`,
        /without a quantizer/,
      ],
      [
        `ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nctorch\nTensor\n)}tR`,
        /not a tensor of torch/,
      ],
    ] as const)
      assert.throws(() => load(zip(value)), pattern);
  });
});

describe('where tensors are put', () => {
  const on = (location: string): Uint8Array =>
    zipFile(vector(storageId('0', 3, undefined, 'FloatStorage', location), 3), { 0: floats(1, 2, 3) });

  it('is the CPU, or where mapLocation says', () => {
    scope(() => {
      const devices = (location: string, mapLocation?: Parameters<typeof load>[1]): string =>
        (load(on(location), mapLocation) as Tensor).device;
      assert.equal(devices('cuda:0'), 'cpu');
      assert.equal(devices('cuda:0', { mapLocation: 'cpu' }), 'cpu');
      assert.equal(devices('cuda:1', { mapLocation: { 'cuda:1': 'cpu' } }), 'cpu');
      assert.equal(devices('mps', { mapLocation: new Map([['mps', 'cpu']]) }), 'cpu');
      assert.equal(devices('xla:0', { mapLocation: (place) => (place === 'xla:0' ? 'cpu' : undefined) }), 'cpu');
      assert.equal(devices('cpu', { mapLocation: 'meta' }), 'meta');
      assert.throws(() => load(on('cpu'), { mapLocation: 'nowhere' }), /nowhere/);
      assert.throws(() => load(on('nowhere:1'), { mapLocation: {} }), /nowhere/);
    });
  });
});

describe('mapped files', () => {
  let folder: string;
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-map-'));
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  it('take no memory, share storages, keep what is written to themselves, and outlive their file', () => {
    scope(() => {
      const file = path.join(folder, 'a.pth');
      const base = tensor(Float32Array.from({ length: 1 << 20 }, (_, at) => at));
      fs.writeFileSync(file, serialize([base, base.narrow(0, 5, 2), ones([3]), zeros([0])]));
      const before = memory();
      scope(() => {
        const [whole, part, other] = load(file, { mmap: true }) as [Tensor, Tensor, Tensor];
        assert.equal(memory().bytes, before.bytes);
        assert.deepEqual(whole.bytes(), base.bytes());
        whole.narrow(0, 5, 1).fill_(-1);
        assert.deepEqual(
          [part.toArray(), other.toArray()],
          [
            [-1, 6],
            [1, 1, 1],
          ],
        );
        assert.notEqual(whole.storageId(), other.storageId());
        fs.rmSync(file);
        assert.equal(whole.narrow(0, -1, 1).item(), (1 << 20) - 1);
      });
      assert.deepEqual([memory().tensors, memory().bytes], [before.tensors, before.bytes]);
    });
  });

  it('are files in the zip form', () => {
    const file = path.join(folder, 'legacy.pth');
    fs.writeFileSync(file, legacyFile(simple));
    assert.throws(() => load(file, { mmap: true }), /mmap can only be used with files in the zip form/);
    assert.throws(() => load(serialize({}), { mmap: true }), /Expected the path of a file for mmap/);
  });

  it('keep apart what a pickle puts over another storage', () => {
    const file = path.join(folder, 'moved.pth');
    const [first, second] = [storageId('0', 3), storageId('1', 3)];
    // a tensor over one storage whose state is a place in the other, then another tensor over each
    const value = `(${vector(first, 3)}(${second}K\0K\x03\x85K\x01\x85tb${vector(first, 3)}${vector(second, 3)}t`;
    fs.writeFileSync(file, zipFile(value, { 0: floats(1, 2, 3), 1: floats(4, 5, 6) }));
    for (const mmap of [false, true]) {
      scope(() => {
        const [moved, one, two] = load(file, { mmap }) as [Tensor, Tensor, Tensor];
        assert.deepEqual(
          [moved.toArray(), one.toArray(), two.toArray()],
          [
            [4, 5, 6],
            [1, 2, 3],
            [4, 5, 6],
          ],
        );
        assert.equal(moved.storageId(), two.storageId());
        assert.notEqual(moved.storageId(), one.storageId());
      });
    }
  });

  it('may hold storages that cannot be mapped, which are read', () => {
    const file = path.join(folder, 'unaligned.pth');
    fs.writeFileSync(file, zipFile(vector(storageId('0', 3), 3), { 0: floats(1, 2, 3) }, 1));
    scope(() => assert.deepEqual((load(file, { mmap: true }) as Tensor).toArray(), [1, 2, 3]));
  });
});

describe('checksums', () => {
  it('of storages are checked, where the file tells them', () => {
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-crc-')), 'a.pth');
    try {
      for (const size of [3, 16, 63, 64, 65, 1000, (1 << 18) + 5, 1_000_003]) {
        scope(() => {
          const t = ops.arange(size).remainder(251).to('uint8');
          const bytes = Buffer.from(serialize([t]));
          fs.writeFileSync(file, bytes);
          assert.deepEqual((load(file) as Tensor[])[0]!.bytes(), t.bytes());
          const at = bytes.indexOf(Buffer.from(t.bytes()));
          bytes[at + size - 1]! ^= 1;
          fs.writeFileSync(file, bytes);
          assert.throws(() => load(file), /damaged: the checksum of storage 0 differs/);
          assert.throws(() => load(bytes), /damaged: the checksum of record "archive\/data\/0" differs/);
          scope(() => void load(file, { mmap: true }));
        });
      }
    } finally {
      fs.rmSync(path.dirname(file), { recursive: true });
    }
  });
});

describe('outline', () => {
  it('tells what a file holds, and builds nothing', () => {
    const file = zipFile(
      `}(X\x01\0\0\0w${vector(storageId('0', 3), 3)}X\x01\0\0\0mc__main__\nNet\n)\x81}X\x01\0\0\0aK\x01sbX\x01\0\0\0ecos\nsystem\nX\x01\0\0\0x\x85Ru`,
      { 0: floats(1, 2, 3) },
    );
    const before = memory();
    const { form, value, storages, unknown } = outline(file);
    const { w, m } = Object.fromEntries(value as Map<string, unknown>);
    assert.deepEqual(
      [form, unknown, storages.map(({ key, nbytes, location }) => [key, nbytes, location])],
      ['zip', ['__main__.Net', 'os.system'], [['0', 12, 'cpu']]],
    );
    assert(w instanceof TensorOutline && m instanceof UnknownObject);
    assert.deepEqual([w.dtype, w.shape, w.storage, m.className], ['float32', [3], '0', '__main__.Net']);
    assert.deepEqual([memory().tensors, memory().bytes], [before.tensors, before.bytes]);
  });

  it('goes on inside of what is not read, for who inspects a file', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'inspect-'));
    const file = path.join(folder, 'model.pth');
    const inspected = (value: string): ReturnType<typeof inspect> => {
      fs.writeFileSync(file, zipFile(value, { 0: floats(1, 2, 3) }));
      return inspect(file);
    };
    try {
      const net = 'c__main__\nNet\n)\x81q\x02';
      const model = inspected(`${net}}(X\x06\0\0\0weight${vector(storageId('0', 3), 3)}X\x04\0\0\0selfh\x02ub`);
      assert.deepEqual(
        [model.tensors.map((each) => [each.path, each.shape]), model.values, model.unsafe],
        [
          [[['weight'], [3]]],
          [
            { path: [], value: 'a __main__.Net, which is not read' },
            { path: ['self'], value: 'as above' },
          ],
          ['__main__.Net'],
        ],
      );
      for (const state of ['h\x02', '}', 'N', ')'])
        assert.deepEqual(inspected(`${net}${state}b`).values, [
          { path: [], value: 'a __main__.Net, which is not read' },
        ]);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  it('is the same for all forms', () => {
    assert.equal(outline(legacyFile(simple)).form, 'legacy');
    assert.equal(outline(tarFile()).form, 'tar');
    assert.deepEqual(outline(serialize(Tuple.of<unknown>(1, 'x'))).value, Tuple.of<unknown>(1, 'x'));
    assert.deepEqual(pickled(2, 'N').byteLength, 4);
  });
});
