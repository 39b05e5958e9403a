import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { syncTree } from '../../../lib/io/sync-tree.js';

describe('io/sync tree', () => {
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-sync-'));
    fs.mkdirSync(path.join(folder, 'tree', 'b'), { recursive: true });
    for (const name of ['a', 'b/c']) fs.writeFileSync(path.join(folder, 'tree', name), name);
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  /** Runs with a `sync` that ends with a code, or without one, and counts what was synced here. */
  function synced(code?: number): { readonly calls: number; readonly told: string } {
    const [bin, log] = [path.join(folder, 'bin'), path.join(folder, 'log')];
    fs.mkdirSync(bin);
    fs.writeFileSync(log, '');
    if (code !== undefined)
      fs.writeFileSync(path.join(bin, 'sync'), `#!/bin/sh\necho "$@" > ${log}\nexit ${code}\n`, { mode: 0o755 });
    const { fsyncSync } = fs;
    const { PATH } = process.env;
    let calls = 0;
    fs.fsyncSync = (fd) => {
      calls++;
      fsyncSync(fd);
    };
    process.env['PATH'] = bin;
    try {
      syncTree(path.join(folder, 'tree'));
    } finally {
      fs.fsyncSync = fsyncSync;
      process.env['PATH'] = PATH;
    }
    return { calls, told: fs.readFileSync(log, 'utf8') };
  }

  it("asks the system's sync for the whole file system", () => {
    assert.deepEqual(synced(0), { calls: 0, told: `-f ${path.join(folder, 'tree')}\n` });
  });

  it('syncs two files and two folders by itself where that fails', () => assert.equal(synced(1).calls, 4));

  it('or where there is none', () => assert.equal(synced().calls, 4));
});
