import path from 'node:path';
import { downloadFile, IoError, makeFolders, type DownloadOptions } from '../io/index.js';

/** How far a download is. */
export interface DatasetProgress {
  /** Name of the file. */
  readonly file: string;
  /** Bytes that are here, those of an earlier download included. */
  readonly done: number;
  /** Bytes of the whole file; undefined where nobody tells. */
  readonly total: number | undefined;
}

/** Options of `download` of the data sets: `CIFAR10.download`, `MNIST.download` and so on. */
export interface DatasetDownloadOptions extends Pick<DownloadOptions, 'attempts' | 'pauseMs' | 'idleMs'> {
  /** Compares the MD5 with the published one; default true. */
  readonly verify?: boolean | undefined;
  /** Where the files are; default `TORCHBRIDGE_…_MIRROR` of the environment, else the publisher's addresses. */
  readonly from?: string | undefined;
  readonly onProgress?: ((progress: DatasetProgress) => void) | undefined;
}

/** A file as its authors publish it. */
export interface PublishedFile {
  readonly name: string;
  readonly md5: string;
  readonly size?: number | undefined;
}

/** Where the files of a data set are. */
export interface Addresses {
  /** Folders, the next for when the one before fails. */
  readonly publishers: readonly string[];
  /** The variable of the environment that names another. */
  readonly variable: string;
}

/**
 * Fetches files into `folder`, which is made. A download that was cut off goes on.
 * @throws IoError `integrity` | `io` | `access` | `space`: one line with the way out.
 */
export async function fetchPublished(
  folder: string,
  files: readonly PublishedFile[],
  { publishers, variable }: Addresses,
  { verify = true, from, onProgress, ...rest }: DatasetDownloadOptions,
): Promise<void> {
  makeFolders(folder);
  const mirror = from ?? (process.env[variable] || undefined);
  const places = mirror === undefined ? publishers : [mirror];
  for (const { name, md5, size } of files) {
    for (const [attempt, place] of places.entries()) {
      const url = new URL(name, place.endsWith('/') ? place : `${place}/`).href;
      try {
        await downloadFile(url, path.join(folder, name), {
          ...rest,
          md5: verify ? md5 : undefined,
          size: verify ? size : undefined,
          onProgress: onProgress && ((done, total) => onProgress({ file: name, done, total })),
        });
        break;
      } catch (error) {
        if (!(error instanceof IoError) || (error.code !== 'io' && error.code !== 'integrity')) throw error;
        if (attempt + 1 < places.length) continue;
        const wayOut = `put ${name} into ${folder} yourself, and it is read from there`;
        throw new IoError(error.code, `${error.message}; ${wayOut}`, folder, { cause: error });
      }
    }
  }
}
