import { workerData } from 'node:worker_threads';
import { preparePicture, type PictureResult, type PictureTask } from './prepare-picture.js';

/** What the pool shares with every worker: once the number is not 0, nobody waits for the results any more. */
interface SharedState {
  readonly abandoned: Int32Array;
}

let last: Promise<unknown> = Promise.resolve();

/**
 * The work of a thread that reads pictures: one after the other, however many have been sent, so that no more than one is
 * in memory as a whole.
 */
export default function work(task: PictureTask): Promise<PictureResult | null> {
  const { abandoned } = workerData as SharedState;
  const mine = last.then(() => (Atomics.load(abandoned, 0) === 0 ? preparePicture(task) : null));
  last = mine;
  return mine;
}
