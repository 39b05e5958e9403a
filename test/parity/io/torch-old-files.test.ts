/** The forms of PyTorch before 0.4, against what today's torch.load makes of them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { load } from '../../../lib/io/index.js';
import { scope } from '../../../lib/tensor/index.js';
import { parityDescribe, runPython } from '../python.js';
import { asNumbers, describeValue } from './describe-value.js';

parityDescribe('old files, against torch.load', function () {
  this.timeout(60_000);
  let folder: string;
  let expected: Record<string, unknown>;
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-old-'));
    expected = runPython('test/parity/io/torch_old_files.py', [folder]).json() as Record<string, unknown>;
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  for (const name of [
    'tar',
    ...['tensor', 'parameters', 'views'].flatMap((each) => [2, 3, 4].map((p) => `${each}-${p}`)),
  ]) {
    it(`${name} is read with equal bits`, () => {
      scope(() => {
        const got = describeValue(load(path.join(folder, `${name}.pth`)), new Map());
        assert.deepEqual(got, asNumbers(expected[name]));
      });
    });
  }

  it('every file that was written is read', () => {
    assert.equal(Object.keys(expected).length, 10);
  });
});
