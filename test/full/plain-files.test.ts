/** The state dicts of every network there is, read by the short way through a file as by the long one. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { save } from '../../lib/io/index.js';
import { listModels, networkByName } from '../../lib/models/index.js';
import { scope } from '../../lib/tensor/index.js';
import { bothWays } from '../unit/io/both-ways.js';

const names = [...listModels(), 'densenet-40-12', 'densenet-bc-100-12', 'densenet-bc-190-40'];

describe('the short way through a file reads the state dict of', function () {
  this.timeout(300_000);
  let folder: string;
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-states-'));
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  for (const name of names) {
    it(name, () => {
      const file = path.join(folder, `${name}.pth`);
      scope(() => {
        save(networkByName(name).stateDict(), file);
      });
      assert.ok(bothWays(file), 'read');
      assert.ok(bothWays(file, { mmap: true }), 'mapped');
      fs.rmSync(file);
    });
  }
});
