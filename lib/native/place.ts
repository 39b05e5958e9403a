import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the package: the nearest one above this file that holds package.json. */
export function packageRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json'))) {
    const above = path.dirname(folder);
    if (above === folder) throw new Error('Expected the torchbridge package around its own files but found none');
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

/** The command that brings what is missing: in a clone npm's, in an installed package the package's own. */
export function setupCommand(): string {
  return existsSync(path.join(packageRoot(), 'lib')) ? 'npm run setup' : 'npx torchbridge setup';
}

/** Why torchbridge cannot run on this machine, undefined where it can. The set-up says the same (scripts/native-config.cjs). */
export function unsupportedPlatform(): string | undefined {
  const { platform, arch } = process;
  const report =
    platform === 'linux' ? (process.report.getReport() as { header?: { glibcVersionRuntime?: string } }) : {};
  const glibc = report.header?.glibcVersionRuntime !== undefined;
  if (platform === 'linux' && arch === 'x64' && glibc) return undefined;
  const libc = platform === 'linux' && !glibc ? ' without glibc' : '';
  return `torchbridge runs on Linux x64 with glibc; this is ${platform} ${arch}${libc}`;
}
