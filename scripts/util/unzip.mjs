/** Takes chosen files out of a zip file (a Python wheel is one). */
import fs from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * @param {string} archive
 * @param {string} folder made when missing.
 * @param {(name: string) => string | undefined} choose the path below `folder` for an entry's name; undefined leaves it out.
 * @param {(done: number, total: number) => void} [onProgress] bytes of the archive that have been read.
 */
export async function unzip(archive, folder, choose, onProgress) {
  // Imported late: this file is loaded before the packages are installed.
  const { default: yauzl } = await import('yauzl');
  const zip = await yauzl.openPromise(archive, { autoClose: false });
  const total = fs.statSync(archive).size;
  let done = 0;
  try {
    // yauzl refuses names that are absolute or climb out with '..'.
    for await (const entry of zip.eachEntry()) {
      const { compressedSize, uncompressedSize } = entry;
      const name = entry.fileName.endsWith('/') ? undefined : choose(entry.fileName);
      if (name !== undefined) {
        const target = path.join(folder, name);
        fs.mkdirSync(path.dirname(target), { recursive: true });
        const stream = await zip.openReadStreamPromise(entry);
        let written = 0;
        stream.on('data', (chunk) => {
          written += chunk.length;
          // One file of libtorch is nine tenths of it.
          onProgress?.(done + (compressedSize * written) / uncompressedSize, total);
        });
        await pipeline(stream, fs.createWriteStream(target, { highWaterMark: 1 << 20 }));
      }
      done += compressedSize;
    }
    onProgress?.(total, total);
  } finally {
    zip.close();
  }
}
