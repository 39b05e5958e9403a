import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { IoError } from './errors.js';

/**
 * Makes a folder and those above it. Node's own recursive mkdir never returns where a folder exists but takes no new ones, as /proc.
 * @throws IoError `kind` when something else has the name; the system's error when the folder cannot be made.
 */
export function makeFolders(folder: string): void {
  const missing: string[] = [];
  for (let at = resolve(folder); !existsSync(at); at = dirname(at)) missing.push(at);
  for (const each of missing.reverse()) {
    try {
      mkdirSync(each);
    } catch (error) {
      // Another process may have made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  if (!statSync(folder).isDirectory()) throw new IoError('kind', `${folder} is not a folder`, folder);
}
