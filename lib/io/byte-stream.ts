import fs from 'node:fs';
import { Gunzip, Inflate } from 'minizlib';
import { openRegularFile } from './byte-source.js';
import { explainSystemError, IoError } from './errors.js';

// Deflate expands at most 1032-fold, and minizlib holds what one piece expands to: 64 MiB at the worst.
const PIECE = 1 << 16;

/** How many times as large deflate's output can be as its input. */
export const DEFLATE_RATIO = 1032;

/** A file from its beginning, piece by piece. Closed when the loop over it ends, however it ends. */
export function* filePieces(path: string): Generator<Uint8Array, void, void> {
  const { fd } = openRegularFile(path);
  try {
    for (;;) {
      const piece = new Uint8Array(PIECE);
      const count = fs.readSync(fd, piece, 0, PIECE, null);
      if (count === 0) return;
      yield piece.subarray(0, count);
    }
  } catch (error) {
    throw explainSystemError(error, 'read', path);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * What compressed pieces expand to, piece by piece; nothing waits in memory but what one piece gives.
 * @throws IoError `format` for what was not written by the compressor.
 */
export function* inflated(
  pieces: Iterable<Uint8Array>,
  form: 'zlib' | 'gzip',
  file: string,
): Generator<Uint8Array, void, void> {
  const inflate = form === 'zlib' ? new Inflate({}) : new Gunzip({});
  const waiting: Uint8Array[] = [];
  const state: { failure?: Error } = {};
  inflate.on('data', (piece: Buffer) => waiting.push(piece));
  inflate.on('error', (error: unknown) => (state.failure ??= error as Error));
  try {
    for (const piece of pieces) {
      inflate.write(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
      yield* waiting.splice(0);
      if (state.failure !== undefined) break;
    }
    if (state.failure === undefined) inflate.end();
    yield* waiting.splice(0);
  } finally {
    inflate.close();
  }
  if (state.failure === undefined) return;
  const reason = state.failure.message.replace(/^zlib: /, '');
  throw new IoError('format', `${file} cannot be unpacked: it is damaged or truncated (${reason})`, file, {
    cause: state.failure,
  });
}

/** Bytes that come in pieces, read in order. */
export class ByteStream {
  readonly #pieces: Iterator<Uint8Array, unknown, undefined>;
  #piece: Uint8Array = new Uint8Array(0);
  #at = 0;
  #read = 0;

  /** @param file names the source in errors. */
  constructor(
    pieces: Iterable<Uint8Array>,
    readonly file: string,
  ) {
    this.#pieces = pieces[Symbol.iterator]() as Iterator<Uint8Array, unknown, undefined>;
  }

  /** Bytes that were read. */
  get position(): number {
    return this.#read;
  }

  /** Whether nothing is left. */
  ended(): boolean {
    while (this.#at === this.#piece.byteLength) {
      const next = this.#pieces.next();
      if (next.done === true) return true;
      this.#piece = next.value;
      this.#at = 0;
    }
    return false;
  }

  /** Up to `length` bytes as they lie in memory, at least one. @throws IoError `format` where nothing is left. */
  some(length: number): Uint8Array {
    if (this.ended()) throw new IoError('format', `${this.file} is truncated: it ends too early`, this.file);
    const piece = this.#piece.subarray(this.#at, this.#at + length);
    this.#at += piece.byteLength;
    this.#read += piece.byteLength;
    return piece;
  }

  /** Fills an array. @throws IoError `format` where less is left. */
  into(target: Uint8Array): void {
    for (let at = 0; at < target.byteLength;) {
      const piece = this.some(target.byteLength - at);
      target.set(piece, at);
      at += piece.byteLength;
    }
  }

  /** The next bytes, in an array of their own. @param length small, or known to be there. */
  take(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.into(bytes);
    return bytes;
  }

  /** @throws IoError `format` where less is left. */
  skip(length: number): void {
    for (let left = length; left > 0;) left -= this.some(left).byteLength;
  }

  /** The next `length` bytes as pieces. */
  *pieces(length: number): Generator<Uint8Array, void, void> {
    for (let left = length; left > 0;) {
      const piece = this.some(left);
      left -= piece.byteLength;
      yield piece;
    }
  }

  /** Lets go of the source. */
  close(): void {
    this.#pieces.return?.();
  }
}
