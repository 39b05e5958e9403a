/** Formats the C++ (`--write`), or checks that it is formatted (`--check`): clang-format takes no folders. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import clangFormat from 'clang-format';
import config from './native-config.cjs';

const folder = path.join(config.root, 'native');
const sources = fs
  .readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(cpp|h)$/.test(name))
  .sort()
  .map((name) => path.join('native', name));
const mode = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror', '--ferror-limit=3'];
const { status } = spawnSync(clangFormat.getNativeBinary(), [...mode, ...sources], {
  cwd: config.root,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
