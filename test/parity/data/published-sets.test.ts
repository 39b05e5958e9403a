import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { FashionMNIST, MNIST, SVHN, type PictureDataset, type SvhnSplit } from '../../../lib/data/index.js';
import { readMat } from '../../../lib/io/index.js';
import { scope } from '../../../lib/tensor/index.js';
import { digest } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';
import os from 'node:os';

parityDescribe('MNIST, Fashion-MNIST and SVHN as torchvision reads them', function () {
  this.timeout(120_000);
  let folder: string;
  let theirs: Record<string, unknown>;
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-sets-'));
    theirs = runPython(path.join(import.meta.dirname, 'published_sets.py'), [folder]).json() as typeof theirs;
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  /** Pictures, labels and class names. */
  function facts(data: PictureDataset): unknown[] {
    return scope(() => {
      const [x, y] = data.batch(Array.from({ length: data.length }, (_, i) => i));
      return [digest(x), Array.from(y.toTypedArray(), Number), [...data.classes]];
    });
  }

  for (const Data of [MNIST, FashionMNIST]) {
    it(`${Data.name}: unpacked, compressed, and the files alone`, () => {
      const raw = path.join(folder, Data.name, 'raw');
      const check = (root: string): void => {
        for (const train of [true, false]) {
          const key = `${Data.name} ${train ? 'True' : 'False'}`;
          assert.deepEqual(facts(new Data(root, { train, verify: false })), theirs[key], key);
        }
      };
      check(folder);
      for (const name of fs.readdirSync(raw)) if (!name.endsWith('.gz')) fs.rmSync(path.join(raw, name));
      check(folder);
      check(path.join(folder, Data.name));
      check(raw);
      const both = Data.load(folder, { verify: false });
      assert.deepEqual([both.train.length, both.test.length], [31, 11]);
    });
  }

  it('SVHN: compressed and not, labels of both types, both byte orders', () => {
    for (const split of ['train', 'test', 'extra'] satisfies SvhnSplit[]) {
      assert.deepEqual(facts(new SVHN(folder, { split, verify: false })), theirs[`SVHN ${split}`], split);
    }
  });

  it('MATLAB files: every number type, texts, structs and cells', () => {
    const values = readMat(path.join(folder, 'other.mat'));
    for (const [name, expected] of Object.entries(theirs['other'] as Record<string, number[]>)) {
      const value = values.get(name);
      assert(value?.kind === 'numbers', name);
      assert.deepEqual([value.shape, Array.from(value.data, Number)], [[2, 3], expected], name);
      assert.equal(value.data.constructor.name.toLowerCase().replace('array', ''), name);
    }
    const records = values.get('records');
    assert(records?.kind === 'structs');
    assert.deepEqual(
      records.structs.map((record) => [...record.keys()]),
      [0, 1, 2].map(() => ['id', 'word']),
    );
    assert.deepEqual(records.structs[2]!.get('id'), { kind: 'numbers', shape: [1, 1], data: Float64Array.of(2) });
    assert.deepEqual(records.structs[1]!.get('word'), { kind: 'text', shape: [1, 6], lines: ['word 1'] });
    const list = values.get('list');
    assert(list?.kind === 'cells');
    assert.deepEqual(list.cells[0], { kind: 'text', shape: [1, 3], lines: ['one'] });
    assert.deepEqual([...readMat(path.join(folder, 'other.mat'), { variables: ['int16', 'no'] }).keys()], ['int16']);
  });
});
