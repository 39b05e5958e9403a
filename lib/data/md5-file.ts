import { createHash } from 'node:crypto';
import { filePieces } from '../io/byte-stream.js';
import { IoError } from '../io/index.js';

/** @throws IoError `integrity` where a file is not the published one, saying how to take it all the same. */
export function checkMd5(file: string, expected: string): void {
  const hash = createHash('md5');
  for (const piece of filePieces(file)) hash.update(piece);
  const got = hash.digest('hex');
  if (got === expected) return;
  throw new IoError(
    'integrity',
    `${file} is not the published file: its MD5 is ${got}, expected ${expected}; ` +
      '--no-verify (verify: false) takes data of your own in this layout',
    file,
  );
}
