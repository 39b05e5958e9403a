import fs from 'node:fs';
import { explainSystemError, IoError } from './errors.js';

/** Bytes that can be read at any place: a file or an array. */
export interface ByteSource {
  readonly size: number;
  /** Names the source in errors. */
  readonly name: string;
  /** `length` bytes from `offset`, which the caller keeps inside the size; a view where that is free. */
  read(offset: number, length: number): Uint8Array;
  close(): void;
}

/** A source over bytes in memory. */
export function bytesSource(bytes: Uint8Array, name = 'bytes'): ByteSource {
  return {
    size: bytes.byteLength,
    name,
    read: (offset, length) => bytes.subarray(offset, offset + length),
    close: () => undefined,
  };
}

/**
 * A source over a file, read piece by piece as needed. Close it after use.
 * @throws IoError `missing` | `access` | `kind` | `io`.
 */
export function fileSource(path: string): ByteSource {
  const attempt = <T>(run: () => T): T => {
    try {
      return run();
    } catch (error) {
      throw explainSystemError(error, 'read', path);
    }
  };
  const fd = attempt(() => fs.openSync(path, 'r'));
  try {
    const stat = attempt(() => fs.fstatSync(fd));
    if (!stat.isFile()) {
      throw new IoError(
        'kind',
        `cannot read ${path}: it is ${stat.isDirectory() ? 'a folder' : 'no regular file'}`,
        path,
      );
    }
    return {
      size: stat.size,
      name: path,
      read: (offset, length) => attempt(() => readAt(fd, offset, length, path)),
      close: () => fs.closeSync(fd),
    };
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

function readAt(fd: number, offset: number, length: number, path: string): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const count = fs.readSync(fd, bytes, done, Math.min(length - done, 0x4000_0000), offset + done);
    if (count === 0) throw new IoError('format', `cannot read ${path}: it became shorter while it was read`, path);
    done += count;
  }
  return bytes;
}
