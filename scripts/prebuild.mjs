/**
 * `npm run prebuild`: the addon of this clone as a prebuilt one, in prebuilds/, which `npm pack` packs. It serves every machine with
 * the same release and flavour of libtorch whose glibc and libstdc++ are no older than here; the set-up there tries it.
 */
import fs from 'node:fs';
import path from 'node:path';
import { prebuildFolder, sourcesFingerprint } from './addon.mjs';
import config from './native-config.cjs';
import { main, setup } from './setup.mjs';
import { sha256OfFile, writeJson } from './util/fingerprint.mjs';
import { isProgram } from './util/run.mjs';

/** Copies the addon of `info` (build-info.json) into `folder`, with what the set-up checks before it uses it. */
export async function writePrebuild({ addon, version, flavour }, folder = prebuildFolder({ version, flavour })) {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const target = path.join(folder, `${config.ADDON_NAME}.node`);
  fs.copyFileSync(addon, target);
  const sha256 = await sha256OfFile(target);
  writeJson(path.join(folder, 'prebuild.json'), { version, flavour, sources: sourcesFingerprint(), sha256 });
  return folder;
}

if (isProgram(import.meta.url)) {
  await main(async () => {
    const { info } = await setup();
    process.stdout.write(`${await writePrebuild(info)}\n`);
  });
}
