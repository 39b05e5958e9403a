/** A download that goes on where it was cut off. */
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const MAX_REDIRECTS = 5;

/** One GET, redirects followed. Resolves with the response, headers read, body not. */
function request(url, headers, idleMs, redirects = 0) {
  return new Promise((resolve, reject) => {
    const client = new URL(url).protocol === 'http:' ? http : https;
    const outgoing = client.get(url, { headers: { 'user-agent': 'torchbridge-setup', ...headers } }, (response) => {
      const { statusCode = 0 } = response;
      const { location } = response.headers;
      if (statusCode >= 300 && statusCode < 400 && location !== undefined) {
        response.resume();
        if (redirects >= MAX_REDIRECTS) reject(new Error(`more than ${MAX_REDIRECTS} redirects`));
        else resolve(request(new URL(location, url).href, headers, idleMs, redirects + 1));
        return;
      }
      resolve(response);
    });
    outgoing.setTimeout(idleMs, () => outgoing.destroy(new Error(`no data for ${idleMs / 1000} s`)));
    outgoing.on('error', reject);
  });
}

/** A refusal that asking again will not change. */
class Refused extends Error {}

/** So many bytes may wait for the disk before the server has to. */
const WAITING = 1 << 20;

/** Writes what comes in: also the last of it before a connection breaks, which then need not come again. */
async function store(response, file, flags) {
  const out = fs.createWriteStream(file, { flags, highWaterMark: WAITING });
  const written = finished(out);
  written.catch((error) => response.destroy(error));
  response.on('data', (chunk) => {
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

/** Adds to `file` what is missing of it. */
async function continueDownload(url, file, { expectedBytes, onProgress, idleMs }) {
  let have = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (expectedBytes !== undefined && have === expectedBytes) return;
  if (expectedBytes !== undefined && have > expectedBytes) {
    fs.rmSync(file);
    have = 0;
  }
  const response = await request(url, have > 0 ? { range: `bytes=${have}-` } : {}, idleMs);
  if (response.statusCode === 416) {
    // What is here is not the beginning of what is there.
    response.resume();
    fs.rmSync(file, { force: true });
    throw new Error('the server cannot go on where the download was cut off; starting again');
  }
  if (response.statusCode !== 200 && response.statusCode !== 206) {
    response.resume();
    const message = `the server answered ${response.statusCode} ${response.statusMessage ?? ''}`.trimEnd();
    throw (response.statusCode ?? 0) >= 500 ? new Error(message) : new Refused(message);
  }
  const start =
    response.statusCode === 206 ? Number(/^bytes (\d+)-/.exec(response.headers['content-range'] ?? '')?.[1]) : 0;
  if (start !== 0 && start !== have) {
    response.destroy();
    fs.rmSync(file, { force: true });
    throw new Error('the server sent another part than the one asked for; starting again');
  }
  let done = start;
  const total = start + Number(response.headers['content-length'] ?? (expectedBytes ?? 0) - start);
  response.on('data', (chunk) => {
    done += chunk.length;
    onProgress?.(done, total);
  });
  await store(response, file, start > 0 ? 'a' : 'w');
  if (expectedBytes !== undefined && done !== expectedBytes) {
    throw new Error(`got ${done} of ${expectedBytes} bytes`);
  }
}

/**
 * Downloads `url` into `file`, going on from what `file` already holds. What has come stays in `file` on failure, for the next time.
 * @param {string} url http or https.
 * @param {string} file
 * @param {object} [options]
 * @param {number} [options.expectedBytes] the whole length, when it is known.
 * @param {(done: number, total: number) => void} [options.onProgress]
 * @param {number} [options.attempts] how often a broken connection is taken up again; progress starts the count anew.
 */
export async function download(
  url,
  file,
  { expectedBytes, onProgress, attempts = 4, idleMs = 30_000, pauseMs = 1_000 } = {},
) {
  let left = attempts;
  for (;;) {
    const before = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    try {
      await continueDownload(url, file, { expectedBytes, onProgress, idleMs });
      return;
    } catch (error) {
      const permanent = ['ENOSPC', 'EACCES', 'EROFS', 'ENOTFOUND', 'ECONNREFUSED', 'ENETUNREACH'].includes(error.code);
      if (error instanceof Refused || permanent) throw error;
      const after = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
      left = after > before ? attempts - 1 : left - 1;
      if (left <= 0) throw error;
      await sleep(pauseMs);
    }
  }
}
