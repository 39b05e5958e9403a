import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** torchbridge's own package.json: beside `lib/`, or beside `dist/` when this is the built code. */
export function packageFile(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) throw new Error('torchbridge cannot find its own package.json: install it again');
    folder = above;
  }
  return join(folder, 'package.json');
}

/** The version in torchbridge's own package.json. */
export function packageVersion(): string {
  const description = JSON.parse(readFileSync(packageFile(), 'utf8')) as { version: string };
  return description.version;
}
