import path from 'node:path';
import { downloadFile, IoError, makeFolders, type DownloadOptions } from '../io/index.js';
import { CIFAR_PUBLISHER } from '../io/publishers.js';
import { findCifar } from './cifar-files.js';
import type { CifarSource } from './cifar-sources.js';

/** How far a download is. */
export interface CifarProgress {
  /** Name of the archive. */
  readonly file: string;
  /** Bytes that are here, those of an earlier download included. */
  readonly done: number;
  /** Bytes of the whole archive; undefined where nobody tells. */
  readonly total: number | undefined;
}

/** Options of `CIFAR10.download` and `CIFAR100.download`. */
export interface CifarDownloadOptions extends Pick<DownloadOptions, 'attempts' | 'pauseMs' | 'idleMs'> {
  /** Compares the MD5 with the published one; default true. */
  readonly verify?: boolean | undefined;
  /** Where the archive is; default `TORCHBRIDGE_CIFAR_MIRROR` of the environment, else the publisher's address. */
  readonly from?: string | undefined;
  readonly onProgress?: ((progress: CifarProgress) => void) | undefined;
}

/**
 * Fetches the Python version's archive into `root`, unless any version is there. A download that was cut off goes on.
 * @returns whether anything was fetched.
 * @throws IoError `integrity` | `io` | `access` | `space`: one line with the way out.
 */
export async function downloadCifar(
  root: string,
  source: CifarSource,
  { verify = true, from, onProgress, ...rest }: CifarDownloadOptions,
): Promise<boolean> {
  if (findCifar(root, source) !== undefined) return false;
  makeFolders(root);
  const { name, md5, size } = source.forms[0].archive;
  const mirror = process.env['TORCHBRIDGE_CIFAR_MIRROR'];
  const base = from ?? (mirror === undefined || mirror === '' ? CIFAR_PUBLISHER : mirror);
  const url = new URL(name, base.endsWith('/') ? base : `${base}/`).href;
  try {
    await downloadFile(url, path.join(root, name), {
      ...rest,
      md5: verify ? md5 : undefined,
      size: verify ? size : undefined,
      onProgress: onProgress && ((done, total) => onProgress({ file: name, done, total })),
    });
    return true;
  } catch (error) {
    if (!(error instanceof IoError) || (error.code !== 'io' && error.code !== 'integrity')) throw error;
    throw new IoError(
      error.code,
      `${error.message}; put ${name} into ${root} yourself, and it is read from there`,
      root,
      {
        cause: error,
      },
    );
  }
}
