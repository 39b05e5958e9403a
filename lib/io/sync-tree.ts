import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/**
 * Brings everything below a folder to the disk, so that it survives a power cut: by one call for the whole file system where the
 * system's own `sync` can do that, else file by file, which takes several times as long for many small ones.
 * @throws the system's error for what cannot be written.
 */
export function syncTree(folder: string): void {
  if (spawnSync('sync', ['-f', path.resolve(folder)], { stdio: 'ignore' }).status !== 0) syncEach(folder);
}

function syncEach(folder: string): void {
  for (const each of fs.readdirSync(folder, { withFileTypes: true })) {
    const inside = path.join(folder, each.name);
    if (each.isDirectory()) syncEach(inside);
    else if (each.isFile()) syncFile(inside);
  }
  syncFolder(folder);
}

function syncFile(file: string): void {
  const fd = fs.openSync(file, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Names in a folder must survive a power cut, too. Some file systems cannot sync a folder: its files are complete anyway. */
export function syncFolder(folder: string): void {
  try {
    syncFile(folder);
  } catch {
    return;
  }
}
