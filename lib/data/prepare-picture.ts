import { IoError, type IoErrorCode } from '../io/errors.js';
import type { Picture } from './picture.js';
import { BadPicture } from './picture-bytes.js';
import { applySteps, type DrawnSteps, type PictureSteps } from './picture-steps.js';
import { readPicture, readPictureSize } from './read-picture.js';

/** A picture to read, and what to do to it. */
export interface PictureTask {
  readonly path: string;
  /** Null where its size alone is wanted. */
  readonly steps: PictureSteps | DrawnSteps | null;
}

/** A picture that has been read, or its size, or why not, in a form that travels between threads. */
export type PictureResult =
  | { readonly path: string; readonly pictures: readonly Picture[] }
  | { readonly path: string; readonly size: readonly [height: number, width: number] }
  | { readonly path: string; readonly code: IoErrorCode; readonly message: string };

/** Reads a picture and works on it. Never rejects for what is wrong with the file. */
export async function preparePicture({ path, steps }: PictureTask): Promise<PictureResult> {
  try {
    if (steps === null) return { path, size: await readPictureSize(path) };
    return { path, pictures: applySteps(await readPicture(path), steps) };
  } catch (error) {
    if (error instanceof IoError) return { path, code: error.code, message: error.message };
    if (error instanceof BadPicture) return { path, code: error.code, message: `${path}: ${error.message}` };
    // Too narrow a strip, too small a picture for ten crops.
    if (error instanceof RangeError) return { path, code: 'unsupported', message: `${path}: ${error.message}` };
    throw error;
  }
}
