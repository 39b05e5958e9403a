import { IoError } from '../io/index.js';
import type { Picture } from './picture.js';
import { defaultWorkers, makePool } from './picture-pool.js';
import type { PictureSteps } from './picture-steps.js';
import type { PictureResult } from './prepare-picture.js';

/** How {@link readPictures} goes about it. */
export interface ReadPicturesOptions {
  readonly steps: PictureSteps;
  /** Threads that read; 0 reads in the caller's, while it waits. Default one less than there are processors, 1 to 8. */
  readonly workers?: number | undefined;
  /** The most pictures that are read ahead of the one asked for; default 64. */
  readonly ahead?: number | undefined;
}

/** A file that was read, or the reason why it was not. */
export type PictureRead =
  | { readonly path: string; readonly pictures: readonly Picture[]; readonly error: null }
  | { readonly path: string; readonly pictures: null; readonly error: IoError };

/**
 * Reads pictures and works on them in threads of their own, while the caller's computes, and gives them in the order of
 * their paths. The threads end with the loop, however it ends.
 */
export async function* readPictures(
  paths: readonly string[],
  options: ReadPicturesOptions,
): AsyncGenerator<PictureRead, void, void> {
  const { steps } = options;
  const workers = Math.min(options.workers ?? defaultWorkers(), paths.length);
  const ahead = workers === 0 ? 0 : (options.ahead ?? 64);
  const pool = await makePool(workers, ahead + 1);
  const waiting: Promise<PictureResult>[] = [];
  let next = 0;
  const send = (): void => {
    const path = paths[next++];
    if (path === undefined) return;
    const result = pool.run({ path, steps });
    // Looked at in its turn; a pool that is closed before that is no failure.
    result.catch(() => undefined);
    waiting.push(result);
  };
  try {
    for (let i = 0; i < ahead; i++) send();
    while (next < paths.length || waiting.length > 0) {
      send();
      const result = await waiting.shift();
      if (result !== undefined) yield readOf(result);
    }
  } finally {
    await pool.close();
  }
}

/** @param result of a task with steps. */
export function readOf(result: PictureResult): PictureRead {
  const { path } = result;
  if ('pictures' in result) return { path, pictures: result.pictures, error: null };
  if ('code' in result) return { path, pictures: null, error: new IoError(result.code, result.message, path) };
  throw new TypeError(`${path}: its size was asked for, not its pixels`);
}
