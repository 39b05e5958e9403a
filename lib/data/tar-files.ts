import { Header } from 'tar';
import { ByteStream, filePieces } from '../io/byte-stream.js';
import { IoError } from '../io/index.js';

/** A file in an archive. Its pieces must be read before the next file is asked for; what is not read is passed over. */
export interface TarFile {
  readonly name: string;
  readonly size: number;
  pieces(): Iterable<Uint8Array>;
}

const BLOCK = 512;

/**
 * The regular files of a tar archive, one after the other, with no more than a piece of them in memory; an archive within one
 * can be read from its pieces. Folders are passed over, links and devices refused.
 * @param source path, or the bytes of an archive.
 * @param label names the archive in errors.
 * @throws IoError `missing` | `access` | `kind` | `format`
 */
export function* tarFiles(
  source: string | Iterable<Uint8Array>,
  label = typeof source === 'string' ? source : 'bytes',
): Generator<TarFile, void, void> {
  const stream = new ByteStream(typeof source === 'string' ? filePieces(source) : source, label);
  const wrong = (message: string): IoError =>
    new IoError('format', `${label} ${message}`, typeof source === 'string' ? source : undefined);
  try {
    for (;;) {
      if (stream.ended()) throw wrong('is truncated: it ends without its end mark');
      const block = Buffer.from(stream.take(BLOCK));
      if (block.every((byte) => byte === 0)) return;
      const header = new Header(block);
      if (!header.cksumValid) throw wrong('is no tar archive, or damaged: a header has a wrong checksum');
      const size = header.size ?? 0;
      const name = header.path ?? '';
      if (!Number.isSafeInteger(size) || size < 0) throw wrong(`claims a size of ${size} for ${JSON.stringify(name)}`);
      const end = stream.position + size;
      const padding = (BLOCK - (size % BLOCK)) % BLOCK;
      if (header.type === 'File' || header.type === 'OldFile') {
        yield { name, size, pieces: () => stream.pieces(end - stream.position) };
      } else if (header.type !== 'Directory') {
        throw wrong(`holds ${JSON.stringify(name)}, which is no regular file but of the type ${header.type}`);
      }
      stream.skip(end - stream.position + padding);
    }
  } finally {
    stream.close();
  }
}
