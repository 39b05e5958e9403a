import { IoError, type IoErrorCode } from '../io/errors.js';
import type { Picture } from './picture.js';
import { applySteps, type PictureSteps } from './picture-steps.js';
import { readPicture } from './read-picture.js';

/** A picture to read, and what to do to it. */
export interface PictureTask {
  readonly path: string;
  readonly steps: PictureSteps;
}

/** A picture that has been read, or why not, in a form that travels between threads. */
export type PictureResult =
  | { readonly path: string; readonly pictures: readonly Picture[] }
  | { readonly path: string; readonly code: IoErrorCode; readonly message: string };

/** Reads a picture and works on it. Never rejects for what is wrong with the file. */
export async function preparePicture({ path, steps }: PictureTask): Promise<PictureResult> {
  try {
    const picture = await readPicture(path);
    return { path, pictures: applySteps(picture, steps) };
  } catch (error) {
    if (error instanceof IoError) return { path, code: error.code, message: error.message };
    // Too narrow a strip, too small a picture for ten crops.
    if (error instanceof RangeError) return { path, code: 'unsupported', message: `${path}: ${error.message}` };
    throw error;
  }
}
