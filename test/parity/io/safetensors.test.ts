/** Files of safetensors' own library open here, ours open there, byte for byte; and both refuse the same files. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  IoError,
  loadSafetensors,
  type SafetensorsDict,
  saveSafetensors,
  serializeSafetensors,
} from '../../../lib/io/index.js';
import { Dice } from '../../native/fuzz/dice.js';
import { scope, type Tensor, tensor, zeros } from '../../../lib/tensor/index.js';
import { safetensorsBytes } from '../../unit/io/safetensors-bytes.js';
import { parityDescribe, runPython } from '../python.js';

const PROGRAM = 'test/parity/io/safetensors_files.py';

const describeTensor = (t: Tensor): unknown[] => [
  t.dtype,
  t.shape,
  createHash('sha256').update(t.bytes()).digest('hex').slice(0, 24),
];

const describeDict = (dict: SafetensorsDict): unknown => [
  [...dict].map(([name, t]) => [name, ...describeTensor(t)]),
  [...dict.metadata].sort(([a], [b]) => (a < b ? -1 : 1)),
];

parityDescribe('safetensors, against its own library', function () {
  this.timeout(120_000);
  let theirs: string;
  let ours: string;
  let written: Record<string, unknown>;
  let read: Record<string, unknown>;
  before(() => {
    theirs = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-theirs-'));
    ours = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-ours-'));
    written = runPython(PROGRAM, ['write', theirs]).json() as Record<string, unknown>;
    scope(() => {
      for (const name of Object.keys(written)) {
        const dict = loadSafetensors(path.join(theirs, `${name}.safetensors`));
        const metadata = dict.metadata.size > 0 || name === 'neither' ? { metadata: dict.metadata } : {};
        saveSafetensors(dict, path.join(ours, `${name}.safetensors`), metadata);
      }
    });
    read = runPython(PROGRAM, ['read', ours]).json() as Record<string, unknown>;
  });
  after(() => {
    for (const folder of [theirs, ours]) fs.rmSync(folder, { recursive: true, force: true });
  });

  for (const name of ['every', 'empty', 'named', 'texts', 'neither']) {
    it(`${name}: equal here and there`, () => {
      scope(() => {
        const file = path.join(theirs, `${name}.safetensors`);
        assert.deepEqual(describeDict(loadSafetensors(file)), written[name]);
        assert.deepEqual(describeDict(loadSafetensors(fs.readFileSync(file))), written[name]);
        assert.deepEqual(read[name], written[name]);
      });
    });

    // what the library writes of several metadata has another order each time
    const name0 = name === 'texts' ? 'the library reads what is written, metadata sorted' : 'the same bytes';
    it(`${name}: ${name0}`, () => {
      const mine = fs.readFileSync(path.join(ours, `${name}.safetensors`));
      const their = fs.readFileSync(path.join(theirs, `${name}.safetensors`));
      if (name === 'texts') assert.equal(mine.length, their.length);
      else assert.deepEqual(mine, their);
      if (name !== 'texts') assert.deepEqual(fs.readFileSync(path.join(ours, `${name}.safetensors.again`)), mine);
    });
  }

  it('what the library refuses is refused, what it reads is read alike', () => {
    const t = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
    const one = (info: string, data = '1234'): Buffer => safetensorsBytes(`{"a":{${info}}}`, data);
    const files = [
      ...['{}', ' {}', '{} ', '{}\n', '{}\0', '', 'null', '[]', '{', '{}}', '{,}'].map((text) =>
        safetensorsBytes(text),
      ),
      safetensorsBytes(`{"a":${t}}`, '1234'),
      safetensorsBytes(`{"a":${t},}`, '1234'),
      safetensorsBytes(`{"a":${t}}`, '12345'),
      safetensorsBytes(`{"a":${t}}`, '123'),
      safetensorsBytes(`{"a":${t},"b":${t}}`, '1234'),
      safetensorsBytes(`{"":${t}}`, '1234'),
      safetensorsBytes(`{"\\ud83d\\ude00\\u0041\\n":${t}}`, '1234'),
      safetensorsBytes(`{"\\ud800":${t}}`, '1234'),
      safetensorsBytes(`{"\n":${t}}`, '1234'),
      safetensorsBytes(`{"\\x":${t}}`, '1234'),
      safetensorsBytes(Buffer.from(`7b22ff223a${Buffer.from(t).toString('hex')}7d`, 'hex').toString('latin1'), '1234'),
      one('"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]'),
      one('"x":[1,{"y":null}],"dtype":"F32","shape":[1],"data_offsets":[0,4]'),
      ...['1.0', '1e0', '-1', '01', '"1"', 'null', 'true', '18446744073709551617', ''].map((size) =>
        one(`"dtype":"F32","shape":[${size}],"data_offsets":[0,4]`),
      ),
      one('"dtype":"F32","shape":[-0],"data_offsets":[0,0]', ''),
      one('"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]', ''),
      one('"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]', ''),
      one('"dtype":"F32","shape":[1],"data_offsets":[0,4,4]'),
      one('"dtype":"F32","shape":[1],"data_offsets":[0]'),
      one('"dtype":"F32","shape":[1],"data_offsets":[4,0]'),
      one('"dtype":"F32","shape":[1],"data_offsets":[4,8]', '12341234'),
      one('"dtype":"F32","shape":[2],"data_offsets":[0,4]'),
      one('"dtype":"F32","shape":{},"data_offsets":[0,4]'),
      one('"dtype":"F33","shape":[1],"data_offsets":[0,4]'),
      one('"dtype":"f32","shape":[1],"data_offsets":[0,4]'),
      one('"dtype":"F32","data_offsets":[0,4]'),
      one('"dtype":"F32","shape":[1]'),
      one('"shape":[1],"data_offsets":[0,4]'),
      one('"dtype":"F4","shape":[1],"data_offsets":[0,1]', '1'),
      one('"dtype":"F4","shape":[2],"data_offsets":[0,1]', '1'),
      one('"dtype":"F8_E8M0","shape":[1],"data_offsets":[0,1]', '1'),
      one('"dtype":"BOOL","shape":[1],"data_offsets":[0,1]', '\u0001'),
      one(`"dtype":"U8","shape":[1],"data_offsets":[0,1],"y":${'['.repeat(120)}${']'.repeat(120)}`, '1'),
      one(`"dtype":"U8","shape":[1],"data_offsets":[0,1],"y":${'['.repeat(130)}${']'.repeat(130)}`, '1'),
      ...['null', '{}', '{"a":"b"}', '{"a":1}', '{"a":null}', '[]', '"a"'].map((m) =>
        safetensorsBytes(`{"__metadata__":${m}}`),
      ),
      safetensorsBytes('{"__metadata__":{},"__metadata__":{}}'),
      // not aligned, and in another order than the file's
      safetensorsBytes(
        '{"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        '12345',
      ),
      Buffer.from('ffffffffffffffff7b7d', 'hex'),
      Buffer.from('00e1f505000000007b7d', 'hex'),
      Buffer.from('02000000000000', 'hex'),
      ...mutations(),
    ];
    const theirs = runPython(PROGRAM, ['judge'], {
      input: files.map((file) => file.toString('hex')).join('\n'),
    }).json() as unknown[];
    assert.equal(theirs.length, files.length);
    const valid = theirs.filter((held) => held !== null).length;
    assert.ok(valid > 50, `only ${valid} are valid`);
    const different = files.flatMap((file, i) => {
      const mine = judge(file);
      const same = JSON.stringify(sorted(mine)) === JSON.stringify(sorted(theirs[i]));
      return same ? [] : [{ file: file.toString('latin1'), mine, theirs: theirs[i] }];
    });
    assert.deepEqual(different, []);
  });

  it('is stricter in one thing: a name may not come twice', () => {
    const t = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
    const file = safetensorsBytes(`{"a":${t},"a":${t}}`, '1234');
    const [theirs] = runPython(PROGRAM, ['judge'], { input: file.toString('hex') }).json() as unknown[];
    assert.notEqual(theirs, null);
    assert.throws(() => loadSafetensors(file), /^IoError: bytes: not a safetensors file: .*"a" is given twice/);
  });
});

function judge(file: Uint8Array): Record<string, unknown> | null {
  return scope(() => {
    try {
      return Object.fromEntries([...loadSafetensors(file)].map(([name, t]) => [name, describeTensor(t)]));
    } catch (error) {
      if (error instanceof IoError) return null;
      throw error;
    }
  });
}

function sorted(value: unknown): unknown {
  return value === null ? null : Object.entries(value as object).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** A small valid file with characters of its header and data changed. */
function mutations(): Buffer[] {
  const valid = scope(() =>
    Buffer.from(
      serializeSafetensors({ ab: tensor([1, 2]), 'c c': zeros([2, 0]), d: tensor([true]) }, { metadata: { f: 'pt' } }),
    ),
  );
  const dice = new Dice(7);
  const characters = Buffer.from('{}[]",:0123456789  \\untrFUIabcde');
  return Array.from({ length: 1000 }, () => {
    const file = Buffer.from(valid);
    for (let i = dice.below(2); i >= 0; i--) file[dice.below(file.length)] = dice.pick([...characters]);
    return file;
  });
}
