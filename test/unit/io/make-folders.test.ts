import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolders } from '../../../lib/io/index.js';

describe('makeFolders', () => {
  const root = mkdtempSync(join(tmpdir(), 'torchbridge-folders-'));
  after(() => {
    rmSync(root, { recursive: true, force: true });
  });

  it('makes a folder and those above it, and takes one that is there', () => {
    const deep = join(root, 'a', 'b', 'c');
    makeFolders(deep);
    makeFolders(deep);
    assert.ok(statSync(deep).isDirectory());
  });

  it('refuses a name that a file has, and a place that takes no folders, and returns', () => {
    writeFileSync(join(root, 'file'), '');
    assert.throws(() => {
      makeFolders(join(root, 'file'));
    }, /is not a folder/);
    assert.throws(() => {
      makeFolders('/proc/torchbridge/x');
    });
  });
});
