import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The version in torchbridge's own package.json: beside `lib/`, or beside `dist/` when this is the built code. */
export function packageVersion(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) return 'unknown';
    folder = above;
  }
  const description = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version?: string };
  return description.version ?? 'unknown';
}
