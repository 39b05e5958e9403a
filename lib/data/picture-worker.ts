import { workerData } from 'node:worker_threads';
import { pictureQueue } from './picture-queue.js';

/** What the pool shares with every worker: once the number is not 0, nobody waits for the results any more. */
interface SharedState {
  readonly abandoned: Int32Array;
}

/** The work of a thread that reads pictures. */
export default pictureQueue(() => Atomics.load((workerData as SharedState).abandoned, 0) !== 0);
