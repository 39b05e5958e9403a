/** Files of torch.save open here, ours open in torch.load(weights_only=True), also mapped into memory, with equal bits. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { atomicWriteFile, load, NdArray, save, Tuple, writePickle } from '../../../lib/io/index.js';
import { writeZip } from '../../../lib/io/zip-writer.js';
import { ZipReader } from '../../../lib/io/zip-reader.js';
import { bytesSource } from '../../../lib/io/byte-source.js';
import { Complex, float, OrderedDict, PyFloat, scope, Tensor } from '../../../lib/tensor/index.js';
import { parityDescribe, runPython } from '../python.js';

type Described = Record<string, unknown>;

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 24);

/** What describe() of torch_files.py makes of the same value. */
function describeValue(value: unknown, storages: Map<number, number>): unknown {
  const inner = (each: unknown): unknown => describeValue(each, storages);
  const pairs = (map: Map<unknown, unknown>): unknown[] => [...map].map(([key, each]) => [inner(key), inner(each)]);
  if (value instanceof Tensor) {
    const id = value.storageNbytes() === 0 ? -1 - storages.size : value.storageId();
    if (!storages.has(id)) storages.set(id, storages.size);
    const place = [value.shape, value.stride(), value.storageOffset()];
    return ['tensor', value.dtype, ...place, value.requiresGrad, storages.get(id), sha(value.storageBytes())];
  }
  if (value instanceof NdArray) {
    return ['ndarray', value.dtype, value.shape, sha(new Uint8Array(value.data.buffer))];
  }
  if (value instanceof OrderedDict) {
    const metadata = value.metadata && [...value.metadata].map(([key, versions]) => [key, [...versions]]);
    return ['ordered', pairs(value), metadata ?? null];
  }
  if (value instanceof Map) return ['dict', pairs(value)];
  if (value instanceof Tuple) return ['tuple', value.map(inner)];
  if (Array.isArray(value)) return ['list', value.map(inner)];
  if (value instanceof Set) return ['set', [...(value as Set<number>)].sort((a, b) => a - b)];
  if (value instanceof Uint8Array) return ['bytes', [...value]];
  if (value instanceof Complex) return ['complex', value.re, value.im];
  if (value instanceof PyFloat) return ['number', value.value];
  if (typeof value === 'number' || typeof value === 'bigint') return ['number', Number(value)];
  return value;
}

/** JavaScript has one kind of number: Python's ints and floats are compared by value. */
function asNumbers(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const [kind, text] = value as [unknown, unknown];
  if (kind === 'int' && value.length === 2) return ['number', Number(text)];
  if (kind === 'float' && value.length === 2) return ['number', fromHex(String(text))];
  return value.map(asNumbers);
}

/** Python's float.hex(). */
function fromHex(text: string): number {
  if (/inf|nan/.test(text)) return Number(text.replace('inf', 'Infinity'));
  const [, sign, lead, fraction = '', exponent] = /^(-?)0x(\d)(?:\.([0-9a-f]*))?p([+-]\d+)$/.exec(text)!;
  const mantissa = Number(BigInt(`0x${lead!}${fraction}`)) * 2 ** (-4 * fraction.length);
  return (sign === '-' ? -1 : 1) * mantissa * 2 ** Number(exponent);
}

parityDescribe('files, against torch.save and torch.load', function () {
  this.timeout(300_000);
  let theirs: string;
  let ours: string;
  let written: Described;
  let read: Described;
  before(() => {
    theirs = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-theirs-'));
    ours = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-ours-'));
    written = runPython('test/parity/io/torch_files.py', ['write', theirs]).json() as Described;
    scope(() => {
      for (const name of Object.keys(written)) {
        const value = load(path.join(theirs, `${name}.pth`));
        save(value, path.join(ours, `${name}.pth`));
        if (name === 'plain-2')
          atomicWriteFile(path.join(ours, 'protocol3.pickle'), writePickle(value, { protocol: 3 }));
        if (name === 'state-2') {
          const zip = new ZipReader(bytesSource(fs.readFileSync(path.join(ours, 'state-2.pth'))));
          const records = [...zip.entries.keys()].map((record) => ({ name: record, data: zip.read(record) }));
          atomicWriteFile(path.join(ours, 'zip64.pth'), writeZip(records, { zip64: true }));
        }
      }
      save({ lr: float(1), n: 1, f: [float(-3), 0.5, 2 ** 60] }, path.join(ours, 'floats.pth'));
    });
    read = runPython('test/parity/io/torch_files.py', ['read', ours]).json() as Described;
  });
  after(() => {
    for (const folder of [theirs, ours]) fs.rmSync(folder, { recursive: true, force: true });
  });

  const names = ['dtypes', 'views', 'grad', 'state', 'optimizer', 'scheduler', 'plain'];
  for (const name of [...names.flatMap((each) => [`${each}-2`, `${each}-4`]), 'numpy', 'deflated']) {
    it(`${name} of torch.save is read with equal bits`, () => {
      scope(() => {
        const got = describeValue(load(path.join(theirs, `${name}.pth`)), new Map());
        assert.deepEqual(got, asNumbers(written[name]));
      });
    });

    it(`${name} of ours is opened by torch.load, strictly and mapped, with equal bits`, () => {
      assert.deepEqual(asNumbers(read[name]), asNumbers(written[name]));
    });
  }

  it('the zip64 form and protocol 3 are opened as well', () => {
    assert.deepEqual(read['zip64'], read['state-2']);
    assert.deepEqual(read['protocol3.pickle'], read['plain-2']);
  });

  it('ints stay ints, floats stay floats where asked', () => {
    const kinds = [
      ['lr', ['float', '0x1.0000000000000p+0']],
      ['n', ['int', '1']],
      [
        'f',
        [
          'list',
          [
            ['float', '-0x1.8000000000000p+1'],
            ['float', '0x1.0000000000000p-1'],
            ['float', '0x1.0000000000000p+60'],
          ],
        ],
      ],
    ];
    assert.deepEqual(read['floats'], ['dict', kinds]);
  });

  it('the legacy form is refused by its name', () => {
    assert.throws(() => load(path.join(theirs, 'legacy.pth')), /the legacy form of torch\.save/);
  });
});
