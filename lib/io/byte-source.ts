import fs from 'node:fs';
import { readEach } from '../tensor/file-storages.js';
import { explainSystemError, IoError } from './errors.js';

/** Bytes that can be read at any place: a file or an array. */
export interface ByteSource {
  readonly size: number;
  /** Names the source in errors. */
  readonly name: string;
  /** `length` bytes from `offset`, which the caller keeps inside the size; a view where that is free. */
  read(offset: number, length: number): Uint8Array;
  /** `length` bytes from each of the offsets, one after the other; undefined where some lie outside. */
  readEach(offsets: Float64Array, length: number): Uint8Array | undefined;
  /** The open file, where it is one. */
  readonly fd?: number;
  /** The bytes, where they are all in memory. */
  readonly bytes?: Uint8Array;
  close(): void;
}

/** A source over bytes in memory. */
export function bytesSource(bytes: Uint8Array, name = 'bytes'): ByteSource {
  return {
    size: bytes.byteLength,
    name,
    bytes,
    read: (offset, length) => bytes.subarray(offset, offset + length),
    readEach: (offsets, length) => {
      const target = new Uint8Array(offsets.length * length);
      for (const [i, offset] of offsets.entries()) {
        if (offset + length > bytes.byteLength) return undefined;
        target.set(bytes.subarray(offset, offset + length), i * length);
      }
      return target;
    },
    close: () => undefined,
  };
}

/**
 * Opens a regular file to read. Pipes and devices are refused: they have no size, and might never answer.
 * @returns a file descriptor, to be closed by the caller.
 * @throws IoError `missing` | `access` | `kind` | `io`.
 */
export function openRegularFile(path: string): { fd: number; size: number } {
  let fd: number | undefined;
  try {
    // without O_NONBLOCK opening a named pipe waits for someone to write to it
    fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    const stat = fs.fstatSync(fd);
    if (stat.isFile()) return { fd, size: stat.size };
    const kind = stat.isDirectory() ? 'a folder' : 'no regular file';
    throw new IoError('kind', `cannot read ${path}: it is ${kind}`, path);
  } catch (error) {
    if (fd !== undefined) fs.closeSync(fd);
    throw explainSystemError(error, 'read', path);
  }
}

/**
 * A source over a file, read piece by piece as needed. Close it after use.
 * @throws IoError `missing` | `access` | `kind` | `io`.
 */
export function fileSource(path: string): ByteSource {
  const { fd, size } = openRegularFile(path);
  return {
    size,
    name: path,
    fd,
    readEach: (offsets, length) => readEach(fd, offsets, length),
    read: (offset, length) => {
      try {
        return readAt(fd, offset, length, path);
      } catch (error) {
        throw explainSystemError(error, 'read', path);
      }
    },
    close: () => fs.closeSync(fd),
  };
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
