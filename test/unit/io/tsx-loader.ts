import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** What `--import` takes to run TypeScript in a child process, from any folder. */
export const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
