/** Fingerprints of what a step is made from: a step runs again only when its fingerprint has changed. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** Every file below a file or folder, sorted, so that the order of the file system does not matter. */
export function filesBelow(entry) {
  const stat = fs.statSync(entry, { throwIfNoEntry: false });
  if (!stat) return [];
  if (!stat.isDirectory()) return [entry];
  return fs
    .readdirSync(entry, { recursive: true, withFileTypes: true })
    .filter((item) => item.isFile())
    .map((item) => path.join(item.parentPath ?? item.path, item.name))
    .sort();
}

/**
 * sha256 over names and contents. Contents, not times: a checkout changes times without changing a byte.
 * @param {string} root folder that the names are taken relative to.
 * @param {string[]} entries files and folders; missing ones count as missing.
 * @param {unknown} [facts] anything else that matters, as JSON.
 */
export function fingerprint(root, entries, facts = null) {
  const hash = createHash('sha256').update(JSON.stringify(facts));
  for (const entry of entries) {
    for (const file of filesBelow(path.join(root, entry))) {
      const bytes = fs.readFileSync(file);
      hash.update(`\0${path.relative(root, file)}\0${bytes.length}\0`).update(bytes);
    }
  }
  return hash.digest('hex');
}

/** @returns the parsed JSON file, or undefined when it is missing or not JSON. */
export function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Writes JSON so that a reader sees the old file or the new one, never half of one. */
export function writeJson(file, value) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}`;
  fs.writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`);
  fs.renameSync(temporary, file);
}

/** Streams a file through sha256. */
export async function sha256OfFile(file) {
  const hash = createHash('sha256');
  for await (const chunk of fs.createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}
