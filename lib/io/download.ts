import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { finished, pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { explainSystemError, IoError, systemCode } from './errors.js';

/** How {@link downloadFile} goes about it. */
export interface DownloadOptions {
  /** What the whole file must hash to. */
  readonly md5?: string | undefined;
  /** How the SHA-256 of the whole file begins, in hexadecimal digits. */
  readonly sha256?: string | undefined;
  /** Bytes of the whole file, where they are known. */
  readonly size?: number | undefined;
  /** Called as bytes come in; `total` is undefined where the server does not tell. */
  readonly onProgress?: ((done: number, total: number | undefined) => void) | undefined;
  /** How often a connection that breaks is taken up again without any progress; default 4. */
  readonly attempts?: number | undefined;
  /** Milliseconds before that; default 1000. */
  readonly pauseMs?: number | undefined;
  /** Milliseconds without data after which a connection counts as broken; default 30000. */
  readonly idleMs?: number | undefined;
}

/** Asking again does not help against these. */
const HOPELESS = new Set([
  'ENOSPC',
  'EDQUOT',
  'EACCES',
  'EROFS',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ENETUNREACH',
]);

/** A refusal that asking again will not change. */
class Refused extends Error {}

/**
 * Downloads `url` to `file`, which appears under its name only when it is whole and its hash is right. What a broken
 * download has got stays in `file.part`, and the next one goes on from there. Two at once do not disturb each other: each
 * has a part of its own, the second begins anew.
 *
 * The set-up has a downloader of its own (scripts/util/download.mjs): it runs before anything is compiled.
 * @throws IoError `integrity` for a wrong hash, `io` when the server cannot be reached or refuses, `space`, `access`.
 */
export async function downloadFile(url: string, file: string, options: DownloadOptions = {}): Promise<void> {
  try {
    for (;;) {
      const part = claimPart(file);
      const resumed = sizeOf(part) > 0;
      try {
        await complete(url, part, options);
      } catch (error) {
        leavePart(part, file);
        throw error;
      }
      const wrong = await wrongHash(part, options);
      if (wrong === undefined) {
        fs.renameSync(part, file);
        return;
      }
      fs.rmSync(part, { force: true });
      // The beginning may have been of another file: once more, from the start.
      if (resumed) continue;
      throw new IoError('integrity', `${url} is not the published file: ${wrong}; it was not kept`, file);
    }
  } catch (error) {
    if (error instanceof IoError) throw error;
    const explained = explainSystemError(error, 'write', file);
    if (explained instanceof IoError && explained.code !== 'io') throw explained;
    throw new IoError('io', `cannot download ${url}: ${reasonOf(error)}`, file, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  const code = systemCode(error);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its server was not found';
  if (code === 'ECONNREFUSED' || code === 'ENETUNREACH') return 'its server cannot be reached';
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0] ?? '';
}

async function complete(url: string, part: string, options: DownloadOptions): Promise<void> {
  const { attempts = 4, pauseMs = 1000 } = options;
  let left = attempts;
  for (;;) {
    const before = sizeOf(part);
    try {
      await goOn(url, part, options);
      return;
    } catch (error) {
      if (error instanceof Refused || HOPELESS.has(systemCode(error) ?? '')) throw error;
      left = sizeOf(part) > before ? attempts - 1 : left - 1;
      if (left <= 0) throw error;
      await sleep(pauseMs);
    }
  }
}

/** Adds to `part` what is missing of it. */
async function goOn(url: string, part: string, { size, onProgress, idleMs = 30_000 }: DownloadOptions): Promise<void> {
  let have = sizeOf(part);
  if (size !== undefined && have === size) return;
  if (size !== undefined && have > size) {
    fs.truncateSync(part);
    have = 0;
  }
  const response = await request(url, have > 0 ? { range: `bytes=${have}-` } : {}, idleMs);
  const status = response.statusCode ?? 0;
  if (status !== 200 && status !== 206) {
    response.destroy();
    if (status === 416) {
      // What is here is not the beginning of what is there.
      fs.truncateSync(part);
      throw new Error('the server has no more of it than is here');
    }
    const message = `the server answered ${status} ${response.statusMessage ?? ''}`.trimEnd();
    throw status >= 500 ? new Error(message) : new Refused(message);
  }
  // A server without ranges sends the whole file.
  const range = /^bytes (\d+)-/.exec(response.headers['content-range'] ?? '')?.[1];
  const start = status === 206 ? Number(range ?? NaN) : 0;
  if (start !== have && start !== 0) {
    response.destroy();
    fs.truncateSync(part);
    throw new Error('the server sent another part than the one asked for');
  }
  let done = start;
  const length = response.headers['content-length'];
  const total = length === undefined ? size : start + Number(length);
  if (size !== undefined && total !== size) {
    response.destroy();
    throw new Refused(`it has ${total ?? 0} bytes there, expected ${size}`);
  }
  response.on('data', (chunk: Buffer) => {
    done += chunk.byteLength;
    onProgress?.(done, total);
  });
  await store(response, part, start > 0 ? 'a' : 'w');
  if (total !== undefined && done < total) throw new Error(`the connection ended after ${done} of ${total} bytes`);
}

/** So many bytes may wait for the disk before the server has to. */
const WAITING = 1 << 20;

/** Writes what comes in: also the last of it before a connection breaks, which then need not come again. */
async function store(response: http.IncomingMessage, part: string, flags: string): Promise<void> {
  const out = fs.createWriteStream(part, { flags, highWaterMark: WAITING });
  const written = finished(out);
  written.catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  response.on('data', (chunk: Buffer) => {
    if (out.write(chunk)) return;
    response.pause();
    out.once('drain', () => response.resume());
  });
  try {
    await finished(response, { writable: false });
  } finally {
    out.end();
    await written;
  }
}

/** One GET, redirects followed; resolves when the headers are there. The bytes come as they are, nothing is unpacked. */
function request(
  url: string,
  headers: Record<string, string>,
  idleMs: number,
  redirects = 5,
): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { get } = url.startsWith('http:') ? http : https;
    const outgoing = get(url, { headers: { 'user-agent': 'torchbridge', ...headers } }, (response) => {
      const { statusCode = 0 } = response;
      const { location } = response.headers;
      if (statusCode < 300 || statusCode >= 400 || location === undefined) {
        resolve(response);
        return;
      }
      response.resume();
      if (redirects === 0) reject(new Refused('too many redirects'));
      else resolve(request(new URL(location, url).href, headers, idleMs, redirects - 1));
    });
    outgoing.setTimeout(idleMs, () => outgoing.destroy(new Error(`no data for ${idleMs / 1000} s`)));
    outgoing.on('error', reject);
  });
}

/** Takes over what an earlier download has left, under a name that no other process uses. */
function claimPart(file: string): string {
  const folder = path.dirname(file);
  const begin = `${path.basename(file)}.part`;
  const own = path.join(folder, `${begin}-${os.hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`);
  for (const name of fs.readdirSync(folder)) {
    if (name !== begin && !isLeftover(name, begin)) continue;
    try {
      fs.renameSync(path.join(folder, name), own);
      return own;
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error; // another process was faster
    }
  }
  fs.writeFileSync(own, '', { flag: 'wx' });
  return own;
}

/** Whether a part belonged to a process of this machine that is gone. */
function isLeftover(name: string, begin: string): boolean {
  const prefix = `${begin}-${os.hostname()}-`;
  const pid = name.startsWith(prefix) ? /^(\d+)-[0-9a-f]{8}$/.exec(name.slice(prefix.length))?.[1] : undefined;
  if (pid === undefined) return false;
  try {
    process.kill(Number(pid), 0); // signal 0 only asks
    return false;
  } catch (error) {
    return systemCode(error) === 'ESRCH';
  }
}

/** Leaves a part for the next download, unless a longer one lies there. */
function leavePart(part: string, file: string): void {
  const place = `${file}.part`;
  const size = sizeOf(part);
  if (size > sizeOf(place)) fs.renameSync(part, place);
  else fs.rmSync(part, { force: true });
}

function sizeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** How a file's hash differs from the one it must have; undefined where it does not. */
async function wrongHash(file: string, { md5, sha256 }: DownloadOptions): Promise<string | undefined> {
  for (const [name, algorithm, wanted] of [
    ['MD5', 'md5', md5],
    ['SHA-256', 'sha256', sha256],
  ] as const) {
    if (wanted === undefined) continue;
    const hash = createHash(algorithm);
    await pipeline(fs.createReadStream(file), hash);
    const got = hash.digest('hex');
    if (!got.startsWith(wanted)) return `its ${name} is ${got}, expected ${wanted}`;
  }
  return undefined;
}
