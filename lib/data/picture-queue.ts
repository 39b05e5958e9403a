import { preparePicture, type PictureResult, type PictureTask } from './prepare-picture.js';

/**
 * Does tasks one after the other, however many are given at once, so that no more than one picture is in memory as a whole.
 * @param isAbandoned whether nobody waits for the results any more: what has not begun is left.
 */
export function pictureQueue(isAbandoned: () => boolean): (task: PictureTask) => Promise<PictureResult | null> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const mine = last.then(() => (isAbandoned() ? null : preparePicture(task)));
    last = mine;
    return mine;
  };
}
