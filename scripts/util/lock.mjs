/**
 * A lock between processes: a file made with O_EXCL that names its holder. A holder that died (its pid is gone, or belongs to another
 * process now; on another machine: its heartbeat stopped) loses it.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const HEARTBEAT_MS = 10_000;
const HEARTBEAT_LOST_MS = 120_000;

/** When the process began, in the kernel's ticks: tells a reused pid from the one that took the lock. */
function startOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** @returns the holder that is written in the lock file; undefined when the file is gone. */
function readHolder(file) {
  try {
    const text = fs.readFileSync(file, 'utf8');
    const { mtimeMs } = fs.statSync(file);
    try {
      return { ...JSON.parse(text), mtimeMs };
    } catch {
      return { mtimeMs }; // Made, but not written yet.
    }
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isStale(holder) {
  const silence = Date.now() - holder.mtimeMs;
  if (holder.pid === undefined) return silence > 5_000;
  if (holder.host !== os.hostname()) return silence > HEARTBEAT_LOST_MS;
  const start = startOf(holder.pid);
  return start === undefined || start !== holder.start;
}

/** Removes a dead holder's lock. A second lock around check and removal keeps two waiters from removing a fresh one. */
function breakStale(file) {
  const breaker = `${file}.breaking`;
  try {
    fs.closeSync(fs.openSync(breaker, 'wx'));
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    const made = fs.statSync(breaker, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - made > 5_000) fs.rmSync(breaker, { force: true });
    return;
  }
  try {
    const holder = readHolder(file);
    if (holder && isStale(holder)) fs.rmSync(file, { force: true });
  } finally {
    fs.rmSync(breaker, { force: true });
  }
}

/**
 * Runs `work` while holding the lock.
 * @param {string} file path of the lock file; its folder is made.
 * @param {() => Promise<T>} work
 * @param {object} [options]
 * @param {(holder: {pid: number, host: string}) => void} [options.onWait] called once when another process holds the lock.
 * @param {number} [options.pollMs] milliseconds between two tries.
 * @returns {Promise<T>}
 * @template T
 */
export async function withLock(file, work, { onWait, pollMs = 250 } = {}) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const me = JSON.stringify({ pid: process.pid, host: os.hostname(), start: startOf(process.pid) });
  let told = false;
  for (;;) {
    try {
      fs.writeFileSync(file, me, { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = readHolder(file);
    if (holder === undefined) continue;
    if (isStale(holder)) {
      breakStale(file);
      await sleep(10);
      continue;
    }
    if (holder.pid === undefined) {
      await sleep(10); // It will have its holder's name in a moment.
      continue;
    }
    if (!told) onWait?.(holder);
    told = true;
    await sleep(pollMs);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    fs.utimes(file, now, now, () => undefined);
  }, HEARTBEAT_MS);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    fs.rmSync(file, { force: true });
  }
}
