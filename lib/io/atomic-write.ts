import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { explainSystemError } from './errors.js';
import { syncFolder } from './sync-tree.js';

/** Content of a file: text, bytes, or pieces that are written one after the other. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

/**
 * Writes a file whole or not at all: to a temporary file in the same folder, synced to the disk, then renamed over
 * `file`. After a crash at any moment `file` is either the old or the new one. A symbolic link stays a link.
 * @param content text (UTF-8), bytes, or an iterable of pieces (nothing is joined in memory).
 * @throws IoError `missing` | `access` | `space` | `kind` | `io`, one line that names `file`; the temporary file is gone.
 */
export function atomicWriteFile(file: string, content: FileContent): void {
  try {
    const target = resolveLink(file);
    if (fs.statSync(target, { throwIfNoEntry: false })?.isDirectory() === true) {
      // rename() would say so only after everything was written
      throw Object.assign(new Error('is a folder'), { code: 'EISDIR', syscall: 'open' });
    }
    removeLeftovers(target);
    const temporary = path.join(
      path.dirname(target),
      `${temporaryPrefix(target)}${process.pid}-${randomBytes(4).toString('hex')}`,
    );
    writeSynced(temporary, content);
    try {
      fs.renameSync(temporary, target);
    } catch (error) {
      fs.rmSync(temporary, { force: true });
      throw error;
    }
    // The rename itself must survive a power cut.
    syncFolder(path.dirname(target));
  } catch (error) {
    throw explainSystemError(error, 'write', file);
  }
}

function resolveLink(file: string): string {
  try {
    return fs.realpathSync(file);
  } catch {
    return path.resolve(file); // not there yet, or a dangling link, which the rename replaces
  }
}

function writeSynced(file: string, content: FileContent): void {
  const fd = fs.openSync(file, 'wx', 0o666);
  try {
    try {
      const pieces =
        typeof content === 'string' ? [Buffer.from(content)] : content instanceof Uint8Array ? [content] : content;
      for (const piece of pieces) writeFully(fd, piece);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    fs.rmSync(file, { force: true });
    throw error;
  }
}

/** Writes all bytes: one write takes at most 2 GiB on Linux and may take less than asked on a nearly full disk. */
export function writeFully(fd: number, piece: Uint8Array): void {
  let done = 0;
  while (done < piece.byteLength) {
    done += fs.writeSync(fd, piece, done, Math.min(piece.byteLength - done, 0x4000_0000));
  }
}

function temporaryPrefix(target: string): string {
  return `.${path.basename(target)}.${os.hostname()}.tmp-`;
}

/** A writer touches its temporary file with every piece: one that nothing touched for so long has no writer. */
const STALE_MS = 3_600_000;

/**
 * A process that was killed while writing could not clean up; the next writer of the same file does. A leftover of this
 * machine goes at once when its process is gone. Those of other machines, and of processes whose number is in use again, go
 * by their age: containers have a new name each time, and the same few process numbers.
 */
function removeLeftovers(target: string): void {
  const [begin, own] = [`.${path.basename(target)}.`, temporaryPrefix(target)];
  const folder = path.dirname(target);
  for (const name of fs.readdirSync(folder)) {
    const owner = name.startsWith(begin) ? /\.tmp-(\d+)-[0-9a-f]{8}$/.exec(name)?.[1] : undefined;
    if (owner === undefined) continue;
    const leftover = path.join(folder, name);
    if ((name.startsWith(own) && !isAlive(Number(owner))) || isStale(leftover)) fs.rmSync(leftover, { force: true });
  }
}

function isStale(file: string): boolean {
  const stat = fs.lstatSync(file, { throwIfNoEntry: false });
  return stat?.isFile() === true && Date.now() - stat.mtimeMs > STALE_MS;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0); // signal 0 only asks
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}
