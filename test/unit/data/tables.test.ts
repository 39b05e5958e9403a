import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ConcatDataset, parseCsv, randomSplit, readCsv, TableEncoder, TensorDataset } from '../../../lib/data/index.js';
import { IoError } from '../../../lib/io/index.js';
import { memory, ones, scope, zeros } from '../../../lib/tensor/index.js';

describe('tables', () => {
  it('are read with quotes, any line endings, a mark and gaps', () => {
    const table = parseCsv('\ufeffa,"b, c",d\r\n1,"say ""hi""",NA\r\n -2.5e1 ,"two\nlines",inf\r\n');
    assert.deepEqual([table.columns, table.length], [['a', 'b, c', 'd'], 2]);
    assert.deepEqual(table.fields('b, c'), ['say "hi"', 'two\nlines']);
    assert.deepEqual([...table.numbers('a')], [1, -25]);
    assert.deepEqual([...table.numbers('d')], [NaN, Infinity]);
    assert.deepEqual([table.kind('a'), table.kind('b, c')], ['number', 'text']);
    // Two programs wrote it.
    assert.deepEqual(parseCsv('a\r\n1\n2\r3').fields('a'), ['1', '2', '3']);
    assert.deepEqual(parseCsv('a;b\n?;1', { delimiter: ';', naValues: ['?'] }).fields('a'), [null]);
  });

  it('say in one line what is wrong', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-tables-'));
    const file = path.join(folder, 'x.csv');
    const wrong = (text: string | Uint8Array, message: RegExp, code = 'format'): void => {
      fs.writeFileSync(file, text);
      assert.throws(
        () => readCsv(file),
        (error) =>
          error instanceof IoError &&
          error.code === code &&
          message.test(error.message) &&
          !error.message.includes('\n'),
      );
    };
    try {
      wrong('', /x\.csv is empty: expected a line of column names$/);
      wrong('a,b\n1,2\n3\n', /x\.csv is no table: Invalid Record Length.* line 3/);
      wrong('a,b\n1,"2\n', /x\.csv is no table: Quote Not Closed.*line/);
      wrong('a,a\n1,2\n', /two columns of the name "a"$/);
      wrong(Buffer.from('a\ncafé\n', 'latin1'), /x\.csv is not in UTF-8: save it in that encoding/);
      wrong(Buffer.from('\ufeffa\n1\n', 'utf16le'), /x\.csv is not in UTF-8/);
      for (const delimiter of ['', '"', '\n'])
        assert.throws(() => readCsv(file, { delimiter }), {
          name: 'RangeError',
          message: `Expected a text without quotes and line ends for delimiter but received ${JSON.stringify(delimiter)}`,
        });
      fs.rmSync(file);
      assert.throws(() => readCsv(file), /cannot read .*x\.csv: no such file/);
      assert.throws(() => readCsv(folder), /it is a folder/);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
    const table = parseCsv('a,b\n1,x\n2,y\n');
    assert.throws(() => table.numbers('b'), /column b: row 1 holds "x", no number/);
    assert.throws(() => table.fields('c'), /there is no column "c"; there are a, b/);
    assert.throws(() => new TableEncoder([table], { leaveOut: ['a', 'b'] }), /columns in common/);
    assert.throws(() => new TableEncoder([table]).encode(parseCsv('a,b\nz,x\n')), /column a: row 1 holds "z"/);
  });

  it('become features: what is unknown later gets none', () => {
    const encoder = new TableEncoder([parseCsv('n,t\n1,x\n3,y\n,\n')]);
    assert.deepEqual(encoder.features, ['n', 't_x', 't_y', 't_nan']);
    const encoded = encoder.encode(parseCsv('n,t\n2,y\n,z\n4,\n'));
    const half = Math.fround(2 / Math.SQRT2);
    assert.deepEqual([...encoded.toTypedArray()], [0, 0, 1, 0, 0, 0, 0, 0, half, 0, 0, 1]);
    encoded.dispose();
  });

  it('data sets joined and cut refuse what cannot be, and hold nothing', () => {
    scope(() => {
      const data = new TensorDataset(zeros([3, 2]), ones([3, 1]));
      const before = memory().tensors;
      const other = new TensorDataset(data.inputs, data.targets);
      const both = new ConcatDataset([data, other]);
      for (const each of both.batch([0, 3, 4, 1])) each.dispose();
      assert.equal(memory().tensors, before);
      assert.throws(() => both.batch([6]), /index from 0 to 5 but received 6/);
      assert.throws(() => both.batch([-1]), /received -1/);
      assert.throws(() => data.batch([3]), /index from 0 to 2 but received 3/);
      assert.throws(() => new ConcatDataset([]), /should not be an empty iterable/);
      assert.throws(() => new TensorDataset(zeros([3]), zeros([2])), /Size mismatch between tensors/);
      assert.throws(() => randomSplit(data, [1, 1]), /Sum of input lengths does not equal/);
      assert.throws(() => randomSplit(data, [-1, 4]), /Sum of input lengths/);
      assert.throws(() => randomSplit(data, [1.5, -0.5]), /Fraction at index 0 is not between 0 and 1/);
    });
  });
});
