/** The habits of the house, as tests: what a tool can check is not left to a reviewer. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

/** Runs a tool of node_modules and fails with what it printed. */
function expectClean(bin: string, args: string[]): void {
  const run = spawnSync(process.execPath, [path.join(root, 'node_modules', bin), ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  if (run.status === 0) return;
  const output = `${run.stdout}${run.stderr}`.trimEnd().split('\n');
  const shown = output.slice(0, 80).join('\n');
  throw new Error(
    `${bin} ${args.join(' ')}\n${shown}${output.length > 80 ? `\n(${output.length - 80} more lines)` : ''}`,
  );
}

function files(folder: string, pattern: RegExp): string[] {
  const absolute = path.join(root, folder);
  if (!fs.existsSync(absolute)) return [];
  return fs
    .readdirSync(absolute, { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name))
    .map((name) => path.join(folder, name));
}

describe('the sources', function () {
  this.timeout(600_000);

  it('pass the type check, tests and examples included', () =>
    expectClean('typescript/bin/tsc', ['-p', 'tsconfig.json']));
  it('pass eslint, the order of the floors included', () => expectClean('eslint/bin/eslint.js', ['.']));
  it('are formatted by prettier', () => expectClean('prettier/bin/prettier.cjs', ['--check', '--log-level=warn', '.']));
  it('are formatted by clang-format', () => expectClean('../scripts/clang-format.mjs', ['--check']));

  it('make the pages of the documentation without a warning', () =>
    expectClean('typedoc/bin/typedoc', ['--logLevel', 'Warn']));

  it('keep to one concept a file: under 400 lines', () => {
    const long = [...files('lib', /\.ts$/), ...files('bin', /\.ts$/), ...files('native', /\.(cpp|h)$/)]
      .filter((file) => !file.startsWith(path.join('lib', 'generated')))
      .map((file) => ({ file, lines: fs.readFileSync(path.join(root, file), 'utf8').split('\n').length }))
      .filter(({ lines }) => lines > 400);
    if (long.length > 0) throw new Error(long.map(({ file, lines }) => `${file}: ${lines} lines`).join('\n'));
  });
});
