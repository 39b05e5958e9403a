import os from 'node:os';
import { IoError } from '../io/index.js';
import { pictureQueue } from './picture-queue.js';
import type { PictureResult, PictureTask } from './prepare-picture.js';

/** Threads that read pictures. */
export interface PicturePool {
  /** @throws IoError where a thread fails, not for what is wrong with a file. */
  run(task: PictureTask): Promise<PictureResult>;
  /** Lets the threads end what they are at, and no more. */
  close(): Promise<void>;
}

/** One less than there are processors, 1 to 8; processes of one run on a machine (`LOCAL_WORLD_SIZE`, as torchrun sets it) share them. */
export function defaultWorkers(env: Readonly<Record<string, string | undefined>> = process.env): number {
  const processes = Math.max(1, Math.floor(Number(env.LOCAL_WORLD_SIZE ?? 1)) || 1);
  return Math.min(8, Math.max(1, Math.floor(os.availableParallelism() / processes) - 1));
}

/**
 * @param workers threads; 0 works in the caller's.
 * @param tasks the most that are given at once. While the caller computes nobody can send anything: all are with the threads.
 */
export async function makePool(workers: number, tasks: number): Promise<PicturePool> {
  if (workers === 0) {
    let abandoned = false;
    const run = pictureQueue(() => abandoned);
    return {
      run: (task) => resultOf(run(task), task.path),
      close: () => {
        abandoned = true;
        return Promise.resolve();
      },
    };
  }
  // sharp asks to be loaded in the main thread before any other: its library must stay until the last thread has ended.
  const [{ Piscina }] = await Promise.all([import('piscina'), import('sharp')]);
  const abandoned = new Int32Array(new SharedArrayBuffer(4));
  const pool = new Piscina<PictureTask, PictureResult | null>({
    filename: workerFile().href,
    workerData: { abandoned },
    minThreads: workers,
    maxThreads: workers,
    concurrentTasksPerWorker: Math.ceil(tasks / workers),
  });
  return {
    run: (task) => resultOf(pool.run(task), task.path),
    close: async () => {
      Atomics.store(abandoned, 0, 1);
      await pool.close();
    },
  };
}

async function resultOf(result: Promise<PictureResult | null>, path: string): Promise<PictureResult> {
  let done: PictureResult | null;
  try {
    done = await result;
  } catch (error) {
    throw new IoError('io', `${path}: the thread that reads it failed: ${(error as Error).message}`, path, {
      cause: error,
    });
  }
  if (done === null) throw new Error(`${path} was abandoned`);
  return done;
}

/** From TypeScript the compiled file is taken: threads do not inherit a loader of TypeScript. */
function workerFile(): URL {
  const here = import.meta.url;
  return new URL(here.endsWith('.ts') ? '../../dist/lib/data/picture-worker.js' : './picture-worker.js', here);
}
