import os from 'node:os';
import { IoError } from '../io/index.js';
import type { Picture } from './picture.js';
import type { PictureSteps } from './picture-steps.js';
import { preparePicture, type PictureResult, type PictureTask } from './prepare-picture.js';

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

export function defaultWorkers(): number {
  return Math.min(8, Math.max(1, os.availableParallelism() - 1));
}

/**
 * Reads pictures and works on them in threads of their own, while the caller's computes, and gives them in the order of
 * their paths. The threads end with the loop, however it ends.
 */
export async function* readPictures(
  paths: readonly string[],
  options: ReadPicturesOptions,
): AsyncGenerator<PictureRead, void, void> {
  const { steps, ahead = 64 } = options;
  const workers = Math.min(options.workers ?? defaultWorkers(), paths.length);
  if (workers === 0) {
    for (const path of paths) yield readOf(await preparePicture({ path, steps }));
    return;
  }
  const pool = await makePool(workers, ahead);
  const waiting: Promise<PictureResult | null>[] = [];
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
    for (let i = 0; i <= ahead; i++) send();
    for (const path of paths) {
      const result = await resultOf(waiting.shift(), path);
      send();
      yield readOf(result);
    }
  } finally {
    await pool.close();
  }
}

async function resultOf(result: Promise<PictureResult | null> | undefined, path: string): Promise<PictureResult> {
  try {
    const done = await result;
    if (done !== null && done !== undefined) return done;
  } catch (error) {
    throw new IoError('io', `${path}: the thread that reads it failed: ${(error as Error).message}`, path, {
      cause: error,
    });
  }
  throw new Error(`${path} was abandoned`);
}

function readOf(result: PictureResult): PictureRead {
  const { path } = result;
  if ('pictures' in result) return { path, pictures: result.pictures, error: null };
  return { path, pictures: null, error: new IoError(result.code, result.message, path) };
}

interface Pool {
  run(task: PictureTask): Promise<PictureResult | null>;
  /** Lets the threads end what they are at, and no more. */
  close(): Promise<void>;
}

async function makePool(workers: number, ahead: number): Promise<Pool> {
  // sharp asks to be loaded in the main thread before any other: its library must stay until the last thread has ended.
  const [{ Piscina }] = await Promise.all([import('piscina'), import('sharp')]);
  const abandoned = new Int32Array(new SharedArrayBuffer(4));
  const pool = new Piscina<PictureTask, PictureResult | null>({
    filename: workerFile().href,
    workerData: { abandoned },
    minThreads: workers,
    maxThreads: workers,
    // While the caller computes nobody can send anything: what is wanted next is with the threads already.
    concurrentTasksPerWorker: Math.ceil((ahead + 1) / workers),
  });
  return {
    run: (task) => pool.run(task),
    close: async () => {
      Atomics.store(abandoned, 0, 1);
      await pool.close();
    },
  };
}

/** From TypeScript the compiled file is taken: threads do not inherit a loader of TypeScript. */
function workerFile(): URL {
  const here = import.meta.url;
  return new URL(here.endsWith('.ts') ? '../../dist/lib/data/picture-worker.js' : './picture-worker.js', here);
}
