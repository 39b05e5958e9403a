import { createHash } from 'node:crypto';
import { Parser } from 'tar';
import { filePieces } from '../io/byte-stream.js';

/** Files of an archive in memory, and the MD5 of the archive itself. */
export interface ArchiveContents {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly md5: string;
  readonly size: number;
  /** Why reading ended early, for an archive that is damaged or truncated. */
  readonly damage: string | undefined;
}

/** CIFAR-10's files are 178 MiB; whoever wants much more than that in memory is not CIFAR-10. */
const MAX_WANTED = 2 ** 30;

/**
 * Reads a .tar.gz in one pass: hashes it, unpacks it, and keeps the files whose paths are asked for. Nothing is written.
 * @param wanted called with each file's path inside the archive; the name to keep it under, or undefined.
 * @param limit bytes that the wanted files may have together; beyond them reading ends early.
 * @throws IoError `missing` | `access` | `kind` | `io`. Damage is told in the result, for whoever knows the right MD5.
 */
export function readTarGz(
  path: string,
  wanted: (entry: string) => string | undefined,
  limit = MAX_WANTED,
): ArchiveContents {
  const files = new Map<string, Uint8Array>();
  let kept = 0;
  const state: { damage?: string; ended: boolean } = { ended: false };
  const parser = new Parser({
    strict: true,
    onReadEntry: (entry) => {
      const name = entry.type === 'File' || entry.type === 'OldFile' ? wanted(entry.path) : undefined;
      const pieces: Buffer[] = [];
      entry.on('data', (piece: Buffer) => {
        if (name === undefined || state.damage !== undefined) return;
        kept += piece.byteLength;
        if (kept > limit) state.damage = `its files are larger than ${limit} bytes`;
        else pieces.push(Buffer.from(piece)); // a copy: the parser may use its buffer again
      });
      entry.on('end', () => {
        if (name !== undefined && state.damage === undefined) files.set(name, Buffer.concat(pieces));
      });
    },
  });
  parser.on('error', (error: Error) => (state.damage ??= error.message));
  parser.on('end', () => (state.ended = true));

  const md5 = createHash('md5');
  let size = 0;
  const feed = (run: () => void): void => {
    if (state.damage !== undefined) return;
    try {
      run();
    } catch (error) {
      state.damage = error instanceof Error ? error.message : String(error);
    }
  };
  for (const piece of filePieces(path)) {
    md5.update(piece);
    size += piece.byteLength;
    feed(() => parser.write(piece));
  }
  feed(() => parser.end());
  if (!state.ended) state.damage ??= 'it ends in the middle of a file';
  return { files, md5: md5.digest('hex'), size, damage: state.damage };
}
