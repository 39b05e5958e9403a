/** npm runs this before it packs: dist/ is made anew when it is stale, and a prebuilt addon that no one could use is not shipped. */
import fs from 'node:fs';
import path from 'node:path';
import { sourcesFingerprint } from './addon.mjs';
import config from './native-config.cjs';
import { main, provideDist } from './setup.mjs';
import { readJson } from './util/fingerprint.mjs';
import { SetupError } from './util/setup-error.mjs';

await main(async () => {
  await provideDist((line) => process.stderr.write(`${line}\n`));
  const folder = path.join(config.root, 'prebuilds');
  const sources = sourcesFingerprint();
  const stale = (fs.existsSync(folder) ? fs.readdirSync(folder) : []).filter(
    (name) => readJson(path.join(folder, name, 'prebuild.json'))?.sources !== sources,
  );
  if (stale.length > 0) {
    throw new SetupError(
      `prebuilds/${stale.join(', prebuilds/')} was made from other sources: \`npm run prebuild\` makes it anew, or delete it.`,
    );
  }
});
