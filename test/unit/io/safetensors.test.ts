import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { IoError, loadSafetensors, saveSafetensors, serializeSafetensors } from '../../../lib/io/index.js';
import { JsonDecimal, parseStrictJson } from '../../../lib/io/strict-json.js';
import { arange, Complex, memory, ones, scope, tensor, zeros } from '../../../lib/tensor/index.js';
import { safetensorsBytes } from './safetensors-bytes.js';

describe('safetensors', () => {
  it('gives tensors and texts back', () => {
    scope(() => {
      const weight = tensor([
        [1, 2],
        [3, 4.5],
      ]);
      const bytes = serializeSafetensors({ weight, count: tensor(3n) }, { metadata: { format: 'pt' } });
      const dict = loadSafetensors(bytes);
      assert.deepEqual([...dict.keys()], ['count', 'weight'], 'in the order of the file');
      assert.deepEqual(dict.get('weight')?.toArray(), [
        [1, 2],
        [3, 4.5],
      ]);
      assert.equal(dict.get('count')?.dtype, 'int64');
      assert.deepEqual([...dict.metadata], [['format', 'pt']]);
      assert.deepEqual(serializeSafetensors(new Map(dict), { metadata: dict.metadata }), bytes);
    });
  });

  it('keeps no memory beyond the tensors, nor any after a failure', () => {
    const before = memory();
    const bytes = scope(() => serializeSafetensors({ a: ones([1000]), b: ones([1000]) }));
    scope(() => {
      const begin = memory();
      loadSafetensors(bytes);
      assert.equal(memory().tensors - begin.tensors, 2);
      assert.equal(memory().bytes - begin.bytes, 8000);
    });
    const broken = Buffer.from(bytes);
    broken[broken.indexOf('"b"')] = 0x7d;
    assert.throws(() => loadSafetensors(broken), IoError);
    const half = safetensorsBytes(
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F4","shape":[2],"data_offsets":[4,5]}}',
      '12345',
    );
    assert.throws(() => loadSafetensors(half), {
      code: 'unsupported',
      message: /^bytes: tensor "b" is F4, a dtype that/,
    });
    assert.deepEqual([memory().tensors, memory().bytes], [before.tensors, before.bytes]);
  });

  it('is mapped where that is asked for, and keeps what is written to it to itself', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-'));
    try {
      const file = path.join(folder, 'a.safetensors');
      const before = memory();
      scope(() => {
        const bytes = serializeSafetensors({ a: ones([1000]), b: tensor([1n, 2n]), c: zeros([0, 3]) });
        fs.writeFileSync(file, bytes);
        const held = memory();
        const mapped = loadSafetensors(file, { mmap: true });
        assert.equal(memory().bytes - held.bytes, 0, 'no memory for elements');
        mapped.get('a')!.fill_(7);
        assert.deepEqual(mapped.get('b')!.toArray(), [1n, 2n]);
        assert.deepEqual(mapped.get('c')!.shape, [0, 3]);
        assert.equal(mapped.get('a')!.sum().item(), 7000);
        assert.deepEqual(fs.readFileSync(file), Buffer.from(bytes));
        const unaligned =
          '{"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}';
        fs.writeFileSync(file, safetensorsBytes(unaligned, '\x01\0\0\x80\x3f'));
        assert.equal(loadSafetensors(file, { mmap: true }).get('b')!.item(), 1);
        assert.equal(loadSafetensors(file).get('b')!.item(), 1);
        assert.throws(() => loadSafetensors(bytes, { mmap: true }), { code: 'unsupported' });
      });
      assert.deepEqual([memory().tensors, memory().bytes], [before.tensors, before.bytes]);
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });

  it('is written whole or not at all', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-'));
    try {
      scope(() => {
        const file = path.join(folder, 'a.safetensors');
        saveSafetensors({ a: ones([2]) }, file);
        assert.throws(
          () => saveSafetensors({ a: zeros([2]), b: zeros([2], { dtype: 'complex128' }) }, file),
          TypeError,
        );
        assert.deepEqual(loadSafetensors(file).get('a')?.toArray(), [1, 1]);
        assert.deepEqual(fs.readdirSync(folder), ['a.safetensors']);
      });
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });

  it('refuses what it would not give back', () => {
    scope(() => {
      const whole = arange(6).reshape([2, 3]);
      const refuse = (tensors: Record<string, unknown>, message: RegExp): void => {
        assert.throws(() => serializeSafetensors(tensors as Record<string, never>), { name: 'TypeError', message });
      };
      refuse({ a: whole, b: whole.reshape([6]) }, /^Some tensors share memory.*\{"a", "b"\}/);
      refuse({ a: whole.t() }, /^You are trying to save a non contiguous tensor: `a`/);
      refuse({ a: whole.toSparse() }, /^You are trying to save a sparse tensors: `a`/);
      refuse({ a: zeros([1], { dtype: 'complex128' }) }, /^Cannot save tensor "a": safetensors has no complex128$/);
      refuse({ __metadata__: ones([1]) }, /^Cannot save a tensor called __metadata__/);
      refuse({ 'a\ud800': ones([1]) }, /is no Unicode$/);
      refuse({ a: 1 }, /^Key `a` is invalid, expected a Tensor but received number$/);
      assert.throws(() => serializeSafetensors({ a: ones([1]) }, { metadata: { a: 1 } as never }), {
        name: 'TypeError',
        message: 'Expected text for metadata "a" but received a number',
      });
    });
  });

  it('takes parts of one storage that lie side by side, and views that are only promised', () => {
    scope(() => {
      const [low, high] = arange(6).split(4);
      const dict = loadSafetensors(serializeSafetensors({ low: low!, high: high! }));
      assert.deepEqual(dict.get('high')?.toArray(), [4, 5]);
      assert.equal(dict.get('high')?.storageNbytes(), 8, 'not the storage of both');
      const conj = tensor([new Complex(1, 2)]).conj();
      assert.deepEqual(
        [...new Float32Array(loadSafetensors(serializeSafetensors({ conj })).get('conj')!.bytes().buffer)],
        [1, -2],
      );
    });
  });

  it('names what is wrong with a file', () => {
    const said = (file: Uint8Array): string => {
      try {
        loadSafetensors(file);
      } catch (error) {
        assert.ok(error instanceof IoError);
        assert.equal(error.code, 'format');
        return error.message.replace('bytes: not a safetensors file: ', '');
      }
      return 'read';
    };
    const a = (shape: string, offsets: string): string =>
      `"a":{"dtype":"F32","shape":${shape},"data_offsets":${offsets}}`;
    const b = '"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}';
    assert.equal(said(Buffer.from('1234')), '4 bytes are too few for the length of its header');
    assert.match(
      said(Buffer.from('PK\u0003\u0004 a zip file')),
      /^its first 8 bytes say that the header takes \d+ bytes/,
    );
    assert.equal(
      said(safetensorsBytes('{}').subarray(0, 9)),
      'its header should take 2 bytes, of which 1 are there (truncated?)',
    );
    assert.equal(said(safetensorsBytes('{"a":')), 'its header is no valid JSON: Expected a value at character 5');
    assert.equal(
      said(safetensorsBytes(`{${a('[1]', '[0,4]')}}`, '12')),
      'it is truncated: its header counts 66 bytes, the file has 64',
    );
    assert.equal(
      said(safetensorsBytes(`{${a('[1]', '[0,4]')}}`, '123456')),
      'it is 2 bytes longer than its header says',
    );
    assert.equal(
      said(safetensorsBytes(`{${a('[2]', '[0,8]')},${b}}`, '12345678')),
      'tensor "b" overlaps the one before it',
    );
    assert.equal(said(safetensorsBytes(`{${b}}`, '12345678')), 'there is a hole of 4 bytes before tensor "b"');
    assert.equal(
      said(safetensorsBytes(`{${a('[2]', '[0,4]')}}`, '1234')),
      'tensor "a", F32 of shape [2], takes 8 bytes, its place 4',
    );
    assert.equal(
      said(safetensorsBytes(`{${a('[4294967296,4294967296,0]', '[0,0]')}}`)),
      'tensor "a" has too many elements',
    );
    assert.match(
      said(safetensorsBytes(`{${a(`[${'1,'.repeat(2000)}1]`, '[0,4]')}}`, '1234')),
      /more than 1024 numbers/,
    );
    assert.match(said(safetensorsBytes('{"__metadata__":{"a":1}}')), /^its metadata "a" is no text$/);
    assert.match(
      said(safetensorsBytes(`{${a('[1]', '[0,4]')},${a('[1]', '[0,4]')}}`, '1234')),
      /"a" is given twice at character/,
    );
  });
});

describe('strict JSON', () => {
  it('reads what JSON.parse reads', () => {
    for (const text of [
      '{"a":[1,-2,true,false,null,"x\\u00e9\\n\\\\\\"",{}]}',
      ' [ ] ',
      '"\\\\"',
      '0',
      '[[[]]]',
      '"é"',
    ]) {
      const plain = JSON.stringify(parseStrictJson(text), (_, value: unknown) =>
        value instanceof Map ? (Object.fromEntries(value) as unknown) : value,
      );
      assert.equal(plain, JSON.stringify(JSON.parse(text)));
    }
    assert.equal(parseStrictJson('9007199254740993'), 9007199254740993n);
    assert.deepEqual(
      parseStrictJson('[1.0,1e3,-0]'),
      ['1.0', '1e3', '-0'].map((text) => new JsonDecimal(text)),
    );
    assert.deepEqual(parseStrictJson('{"__proto__":1}'), new Map([['__proto__', 1]]));
  });

  it('refuses what JSON.parse refuses, and more', () => {
    const bad = [
      '',
      '{',
      '[1,]',
      '[,1]',
      '{"a"}',
      '{"a":1,}',
      '01',
      '1.',
      '.5',
      '+1',
      "'a'",
      '"a',
      '"\\x"',
      '"\n"',
      'nul',
      '[1 2]',
      '1 1',
    ];
    for (const text of bad) {
      assert.throws(() => parseStrictJson(text), SyntaxError, text);
      assert.throws(() => JSON.parse(text) as unknown, SyntaxError, text);
    }
    for (const text of ['{"a":1,"a":1}', '"\\ud800"', `${'['.repeat(200)}${']'.repeat(200)}`]) {
      assert.throws(() => parseStrictJson(text), SyntaxError);
    }
  });
});
