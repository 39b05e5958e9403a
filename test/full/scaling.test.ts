/** All tables of docs/scaling.md, which test/checks compares for three networks, and the programs that measure. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { compareTables } from '../checks/scaling-tables.js';
import { withTemporaryFolder } from '../parity/python.js';

const bench = path.resolve(import.meta.dirname, '../../bench');

function run(name: string, args: readonly string[], cwd: string): string {
  const program = [path.join(bench, name), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, program, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, `${name} ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

describe('docs/scaling.md', function () {
  this.timeout(600_000);

  it('has all that its program prints, and nothing else', () => {
    compareTables();
  });

  it('constants are measured and used as it says', async () => {
    await withTemporaryFolder((folder) => {
      run('all-reduce.mjs', ['--nproc', '2', '--repetitions', '10', '--json', 'constants.json'], folder);
      const { ranks, fits } = JSON.parse(fs.readFileSync(path.join(folder, 'constants.json'), 'utf8')) as {
        ranks: number;
        fits: Record<string, { alpha: number; beta: number }>;
      };
      assert.equal(ranks, 2);
      // From 4 KB to 64 MB both are found, on the slowest machine too: microseconds to a second, and 10 MB/s to 1 TB/s.
      for (const { alpha, beta } of Object.values(fits))
        assert.ok(alpha > 1e-7 && alpha < 1 && beta > 1e-12 && beta < 1e-7);
      const small = ['--network', 'densenet-bc-40-12', '--batch', '2', '--side', '8', '--rounds', '2'];
      run('ddp-step.mjs', ['--nproc', '1', ...small, '--json', 'own.json'], folder);
      const said = run(
        'ddp-step.mjs',
        ['--nproc', '2', ...small, '--constants', 'constants.json', '--own', 'own.json'],
        folder,
      );
      assert.match(said, /^densenet-bc-40-12, 2 processes: predicted \d.*, measured \d/);
    });
  });
});
