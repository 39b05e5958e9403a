/** Files of torch.save open here, ours open in torch.load(weights_only=True), also mapped into memory, with equal bits. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { atomicWriteFile, load, save, writePickle } from '../../../lib/io/index.js';
import { OutlineMaker } from '../../../lib/io/outline-maker.js';
import { torchGlobals } from '../../../lib/io/torch-globals.js';
import { writeZip } from '../../../lib/io/zip-writer.js';
import { ZipReader } from '../../../lib/io/zip-reader.js';
import { bytesSource } from '../../../lib/io/byte-source.js';
import { float, scope } from '../../../lib/tensor/index.js';
import { bothWays } from '../../unit/io/both-ways.js';
import { parityDescribe, runPython } from '../python.js';
import { asNumbers, describeValue } from './describe-value.js';

type Described = Record<string, unknown>;

const VALUES = [
  ...['dtypes', 'views', 'grad', 'state', 'optimizer', 'scheduler', 'plain', 'sparse', 'quantized', 'meta'],
  ...['structures', 'checkpoint', 'names', 'waiting', 'storages', 'untyped'],
];
const FORMS = ['zip', 'legacy'];
const names = [
  ...VALUES.flatMap((value) => FORMS.flatMap((form) => [2, 3, 4, 5].map((protocol) => `${value}-${form}${protocol}`))),
  ...FORMS.flatMap((form) => ['on-cuda0', 'on-mps', 'on-xla1', 'scalars'].map((value) => `${value}-${form}`)),
  'numpy',
  'deflated',
];

/** What ours reads beside that list: other names of the same, and kinds that are refused with a reason. */
const MORE = [
  'torch.UntypedStorage',
  'torch._utils._rebuild_xla_tensor',
  'torch.cuda.QInt32Storage',
  'torch.cuda.QInt8Storage',
  'torch.cuda.QUInt8Storage',
  'torch.distributed.tensor.DTensor',
  'torch.nested._internal.nested_tensor.NestedTensor',
  'torch.nested._internal.nested_tensor._rebuild_njt',
  'torch.storage._UntypedStorage',
  'torch.tensor._rebuild_from_type_v2',
].sort();

/** What JavaScript has no kind of its own for, and is another when it is saved again: names, storages, conjugated views. */
const READ_ONLY = /^(names|waiting|storages|untyped|structures|scalars)-/;

/** What the short way reads (lib/io/plain-file.ts) of these files, and of the same when ours are written, in protocol 2. */
const PLAIN = /^(views|grad|state|optimizer|scheduler|checkpoint)-zip[23]$|^on-/;
const PLAIN_OF_OURS = /^(views|grad|state|optimizer|scheduler|checkpoint)-|^on-|^deflated$/;

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
      for (const name of names.filter((each) => !READ_ONLY.test(each))) {
        const value = load(path.join(theirs, `${name}.pth`));
        save(value, path.join(ours, `${name}.pth`));
        if (name === 'plain-zip2')
          atomicWriteFile(path.join(ours, 'protocol3.pickle'), writePickle(value, { protocol: 3 }));
        if (name === 'state-zip2') {
          const zip = new ZipReader(bytesSource(fs.readFileSync(path.join(ours, 'state-zip2.pth'))));
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

  for (const name of names) {
    it(`${name}.pth of torch.save is read with equal bits`, () => {
      scope(() => {
        const got = describeValue(load(path.join(theirs, `${name}.pth`)), new Map());
        assert.deepEqual(got, asNumbers(written[name]));
      });
    });
  }

  it('the short way reads state dicts and checkpoints, and every file as the long one does', () => {
    const short = (folder: string, name: string): boolean => {
      const [read, mapped] = [false, true].map((mmap) => bothWays(path.join(folder, `${name}.pth`), { mmap }));
      assert.equal(read, mapped, name);
      return mapped === true;
    };
    for (const name of names.filter((each) => !each.includes('legacy'))) {
      assert.equal(short(theirs, name), PLAIN.test(name), name);
      if (!READ_ONLY.test(name)) assert.equal(short(ours, name), PLAIN_OF_OURS.test(name), `${name} of ours`);
    }
  });

  for (const name of names.filter((each) => !READ_ONLY.test(each))) {
    it(`${name} of ours is opened by torch.load, strictly and mapped, with equal bits`, () => {
      assert.deepEqual(asNumbers(read[name]), asNumbers(written[name]));
    });
  }

  it('what may be named is what torch.load(weights_only=True) allows, and Python and numpy', () => {
    const theirs = runPython('test/parity/io/torch_files.py', ['allowed']).json() as string[];
    const ours = torchGlobals(new OutlineMaker());
    const missing = theirs.filter((name) => !ours.has(name));
    // classes of sparse tensors of PyTorch before 0.4, storages of four bits and less, storages that wrap others
    const left = /^torch\.(cuda\.)?sparse\.\w+Tensor$|^torch\.QUInt\dx\dStorage$|^torch\.storage\.TypedStorage$/;
    assert.deepEqual(
      missing.filter((name) => !left.test(name)),
      [],
    );
    const more = [...ours.keys()].filter((name) => name.startsWith('torch.') && !theirs.includes(name));
    assert.deepEqual(more.sort(), MORE);
  });

  it('every file that was written is read', () => {
    assert.deepEqual(Object.keys(written).sort(), [...names].sort());
  });

  it('the zip64 form and protocol 3 are opened as well', () => {
    assert.deepEqual(read['zip64'], read['state-zip2']);
    assert.deepEqual(read['protocol3.pickle'], read['plain-zip2']);
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
});
