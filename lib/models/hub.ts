import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { downloadFile, IoError, makeFolders, openRegularFile, type DownloadOptions } from '../io/index.js';
import { getWeight } from './find-weights.js';
import type { Weights } from './weights.js';

/** How far the download of weights is. */
export interface WeightsProgress {
  /** Name of the file. */
  readonly file: string;
  /** Bytes that are here, those of an earlier download included. */
  readonly done: number;
  /** Bytes of the whole file; undefined where nobody tells. */
  readonly total: number | undefined;
}

/** Options of {@link fetchWeights}. */
export interface FetchWeightsOptions extends Pick<DownloadOptions, 'attempts' | 'pauseMs' | 'idleMs'> {
  /** Where the file is; default `TORCHBRIDGE_WEIGHTS_MIRROR` of the environment, else the folder of the weights' own address. */
  readonly from?: string | undefined;
  readonly onProgress?: ((progress: WeightsProgress) => void) | undefined;
}

/**
 * The folder that PyTorch caches published weights in, and shares with this library: `hub/checkpoints` in `TORCH_HOME`, else in
 * `torch` in `XDG_CACHE_HOME`, else in `~/.cache/torch`.
 * @see torch.hub.get_dir
 */
export function weightsFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const home = env['TORCH_HOME'] ?? path.join(env['XDG_CACHE_HOME'] ?? '~/.cache', 'torch');
  const expanded = home.replace(/^~(?=\/|$)/, () => env['HOME'] ?? os.homedir());
  return path.join(expanded, 'hub', 'checkpoints');
}

/**
 * Fetches published weights into PyTorch's own cache ({@link weightsFolder}), unless they are there: from here or from Python.
 * The file lies under its name only when it is whole and its SHA-256 begins as its name says; a download that was cut off goes on.
 * ```ts
 * const model = densenet121({ weights: await fetchWeights('densenet121') });
 * ```
 * @param which the weights, their name, or that of a network.
 * @returns the weights, for the network's `weights` option.
 * @throws IoError `integrity` | `io` | `access` | `space`: one line with the way out.
 */
export async function fetchWeights(which: Weights | string, options: FetchWeightsOptions = {}): Promise<Weights> {
  const weights = typeof which === 'string' ? getWeight(which) : which;
  const { from, onProgress, ...rest } = options;
  const folder = weightsFolder();
  const { fileName, hashPrefix } = weights;
  const file = path.join(folder, fileName);
  if (fs.existsSync(file)) {
    checkHash(weights, file);
    return weights;
  }
  makeFolders(folder);
  const url = addressOf(weights, from);
  try {
    await downloadFile(url, file, {
      ...rest,
      sha256: hashPrefix,
      onProgress: onProgress && ((done, total) => onProgress({ file: fileName, done, total })),
    });
    return weights;
  } catch (error) {
    if (!(error instanceof IoError) || (error.code !== 'io' && error.code !== 'integrity')) throw error;
    const wayOut = `put ${fileName} from ${weights.url} into ${folder} yourself, and it is read from there`;
    throw new IoError(error.code, `${error.message}; ${wayOut}`, file, { cause: error });
  }
}

function addressOf(weights: Weights, from: string | undefined): string {
  const mirror = process.env['TORCHBRIDGE_WEIGHTS_MIRROR'];
  const base = from ?? (mirror === '' ? undefined : mirror);
  if (base === undefined) return weights.url;
  return new URL(weights.fileName, base.endsWith('/') ? base : `${base}/`).href;
}

/**
 * The file of published weights in the cache, its hash compared with its name.
 * @throws IoError `missing` | `integrity`: one line with the way out.
 */
export function cachedWeights(weights: Weights): string {
  const file = path.join(weightsFolder(), weights.fileName);
  if (!fs.existsSync(file)) {
    throw new IoError(
      'missing',
      `${weights.name}: there is no ${file}; \`await fetchWeights('${weights.name}')\` fetches it, or put it there from ${weights.url}`,
      file,
    );
  }
  checkHash(weights, file);
  return file;
}

/** Files whose hash was found right, and what they looked like then: it is not computed again for the next network. */
const verified = new Map<string, string>();

/** Whoever put it there: what is read by name is what was published. */
function checkHash({ fileName, hashPrefix, url }: Weights, file: string): void {
  if (hashPrefix === undefined) return;
  const { ino, size, mtimeMs } = fs.statSync(file);
  const looks = [hashPrefix, ino, size, mtimeMs].join();
  if (verified.get(file) === looks) return;
  const got = sha256Of(file);
  if (got.startsWith(hashPrefix)) {
    verified.set(file, looks);
    return;
  }
  throw new IoError(
    'integrity',
    `${file} is not the published ${fileName}: its SHA-256 is ${got}, expected ${hashPrefix}; remove it to fetch it anew from ${url}`,
    file,
  );
}

function sha256Of(file: string): string {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(1 << 20);
  const { fd } = openRegularFile(file);
  try {
    for (let count = fs.readSync(fd, piece); count > 0; count = fs.readSync(fd, piece))
      hash.update(piece.subarray(0, count));
  } finally {
    fs.closeSync(fd);
  }
  return hash.digest('hex');
}
