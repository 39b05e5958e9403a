import { existsSync } from 'node:fs';
import path from 'node:path';
import { atomicWriteFile } from '../io/index.js';

/** Refuses a path whose folder is not there, before any work is done. @throws Error in one line. */
export function checkFolder(file: string): void {
  const folder = path.dirname(path.resolve(file));
  if (!existsSync(folder)) throw new Error(`Cannot write ${file}: there is no folder ${folder}`);
}

/** Writes an SVG document, as a PNG where the name of the file ends so. */
export async function writePicture(file: string, svg: string): Promise<void> {
  const bytes = Buffer.from(svg);
  if (!/\.png$/i.test(file)) {
    atomicWriteFile(file, bytes);
    return;
  }
  // Loaded here: a start should not wait for a library that is needed last.
  const { default: sharp } = await import('sharp');
  atomicWriteFile(file, await sharp(bytes, { density: 144 }).png().toBuffer());
}
