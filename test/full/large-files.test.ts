/** Files beyond 4 GiB, where zip files need 64-bit fields: of Python and of ours, read and mapped. Needs 10 GB of disk. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { load, outline, save } from '../../lib/io/index.js';
import { memory, scope, Tensor } from '../../lib/tensor/index.js';
import { parityDescribe, runPython } from '../parity/python.js';

const SIZE = 2 ** 32 + 1000;

parityDescribe('files beyond 4 GiB', function () {
  this.timeout(1_800_000);
  let folder: string;
  let theirs: string;
  before(() => {
    folder = fs.mkdtempSync(path.join(process.env.TORCHBRIDGE_LARGE_FILES ?? os.tmpdir(), 'torchbridge-large-'));
    theirs = path.join(folder, 'theirs.pth');
    runPython('test/full/large_files.py', ['write', theirs, String(SIZE)]);
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  const check = (value: unknown): void => {
    assert(value instanceof Map);
    const [large, after] = ['large', 'after'].map((key) => value.get(key) as Tensor) as [Tensor, Tensor];
    assert.deepEqual([large.shape, after.toArray()], [[SIZE], [0, 1, 2]]);
    const at = (index: number): number => large.narrow(0, index, 1).item();
    assert.deepEqual([at(0), at(2 ** 32 + 5), at(SIZE - 1), at(SIZE - 2)], [1, 9, 7, 0]);
  };

  it('of Python are mapped, and written by us as Python reads them', () => {
    assert.deepEqual(
      outline(theirs).storages.map(({ nbytes }) => nbytes),
      [SIZE, 12],
    );
    const ours = path.join(folder, 'ours.pth');
    scope(() => {
      const { bytes } = memory();
      const value = load(theirs, { mmap: true });
      assert.equal(memory().bytes, bytes);
      check(value);
      save(value, ours);
    });
    assert.deepEqual(runPython('test/full/large_files.py', ['read', ours]).json(), [
      [SIZE, 1, 9, 7, 0],
      [0, 1, 2],
      null,
    ]);
    scope(() => check(load(ours, { mmap: true })));
    scope(() => check(load(ours)));
  });
});
