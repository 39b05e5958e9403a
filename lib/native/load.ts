import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Binding } from './binding.js';

/** The addon could not be loaded; the message says what to do. */
export class AddonError extends Error {
  override readonly name = 'AddonError';
}

/** The folder of the package: the nearest one above this file that holds package.json. */
export function packageRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json'))) {
    const above = path.dirname(folder);
    if (above === folder) throw new AddonError('Expected the torchbridge package around its own files but found none');
    folder = above;
  }
  return folder;
}

/** Where the addon may lie: TORCHBRIDGE_ADDON when it is set, else cmake-js's place, then node-gyp's. */
export function addonCandidates(): string[] {
  const named = process.env['TORCHBRIDGE_ADDON'];
  if (named !== undefined && named !== '') return [path.resolve(named)];
  const root = packageRoot();
  return [
    path.join(root, 'build-cmake', 'Release', 'torchbridge.node'),
    path.join(root, 'build', 'Release', 'torchbridge.node'),
  ];
}

/** What the set-up recorded of the build, undefined when there is none. */
export function recordedBuild(): { libtorch?: string; version?: string; flavour?: string } | undefined {
  try {
    const text = readFileSync(path.join(packageRoot(), 'build-cmake', 'build-info.json'), 'utf8');
    return JSON.parse(text) as { libtorch?: string; version?: string; flavour?: string };
  } catch {
    return undefined;
  }
}

const wayOut = 'run `npx torchbridge setup` (in a clone: `npm run setup`)';

/** One line instead of the dynamic loader's. */
function explain(file: string, cause: unknown): string {
  const text = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
  if (/libtorch|libc10/.test(text) && /cannot open shared object/.test(text)) {
    const folder = recordedBuild()?.libtorch;
    return `libtorch is not where the addon was built against it${folder === undefined ? '' : ` (${folder})`}: ${wayOut}`;
  }
  if (/undefined symbol/.test(text)) {
    return `the addon ${file} was built for another release of libtorch than the one that was loaded: ${wayOut}`;
  }
  if (/this addon was built for libtorch/.test(text)) return text;
  return `the addon ${file} cannot be loaded (${text}): ${wayOut}`;
}

function load(): { binding: Binding; path: string } {
  const candidates = addonCandidates();
  const file = candidates.find((each) => existsSync(each));
  if (file === undefined) {
    throw new AddonError(`the addon is not built (looked for ${candidates.join(' and ')}): ${wayOut}`);
  }
  try {
    return { binding: createRequire(import.meta.url)(file) as Binding, path: file };
  } catch (cause) {
    throw new AddonError(explain(file, cause), { cause });
  }
}

const loaded = load();

/** The addon. Importing this module loads it; an {@link AddonError} says why it cannot be. */
export const native: Binding = loaded.binding;
/** The file it was loaded from. */
export const addonPath: string = loaded.path;
