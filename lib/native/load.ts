import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Binding } from './binding.js';
import { addonCandidates, recordedBuild, setupCommand, unsupportedPlatform } from './place.js';

/** The addon could not be loaded; the message says what to do. */
export class AddonError extends Error {
  override readonly name = 'AddonError';
}

/** One line instead of the dynamic loader's. */
function explain(file: string, cause: unknown): string {
  const text = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
  const wayOut = `run \`${setupCommand()}\``;
  if (/libtorch|libc10/.test(text) && /cannot open shared object/.test(text)) {
    const folder = recordedBuild()?.libtorch;
    return `libtorch is not where the addon was set up with it${folder === undefined ? '' : ` (${folder})`}: ${wayOut}`;
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
  try {
    if (file !== undefined) return { binding: createRequire(import.meta.url)(file) as Binding, path: file };
  } catch (cause) {
    throw new AddonError(unsupportedPlatform() ?? explain(file ?? '', cause), { cause });
  }
  throw new AddonError(
    unsupportedPlatform() ??
      `the addon is not built (looked for ${candidates.join(' and ')}): run \`${setupCommand()}\``,
  );
}

const loaded = load();

/** The addon. Importing this module loads it; an {@link AddonError} says why it cannot be. */
export const native: Binding = loaded.binding;
/** The file it was loaded from. */
export const addonPath: string = loaded.path;
