/** What is read of hostile and damaged files is exactly what Python reads of them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { HostileOutcome } from '../../unit/io/hostile-child.js';
import { TSX } from '../../unit/io/tsx-loader.js';
import type { MutationSummary } from '../../unit/io/mutation-child.js';
import { parityDescribe, runPython, withTemporaryFolder } from '../python.js';

/** What is told apart there and not here. */
const ALIKE = new Set([
  'zip: as float32', // the name of a dtype and the dtype
  'legacy: as float32',
  'legacy: storage 0', // the number of a storage and its text
]);

parityDescribe('hostile files, against torch.load(weights_only=True)', function () {
  this.timeout(240_000);

  const child = (folder: string, program: string, ...args: string[]): string => {
    const options = ['--expose-gc', '--import', TSX, path.resolve('test/unit/io', program)];
    const run = spawnSync(process.execPath, [...options, ...args, '--keep', folder], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    assert.equal(run.status, 0, run.stderr.slice(-2000));
    return run.stdout;
  };

  const judged = (files: readonly string[]): unknown[] => {
    const input = files.map((file) => JSON.stringify(file)).join('\n');
    return runPython('test/parity/io/hostile_judge.py', [], { input }).json() as unknown[];
  };

  it('what is read here of the corpus is read there, with equal values', () =>
    withTemporaryFolder((folder) => {
      const read = child(folder, 'hostile-child.ts')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as HostileOutcome)
        // weights_only=True refuses every tar file; safetensors have a comparison of their own
        .filter(({ form, file }) => file !== undefined && (form === 'zip' || form === 'legacy'));
      assert.ok(read.length > 200, `only ${read.length} are read`);
      const theirs = judged(read.map(({ file }) => file!));
      const different = read.flatMap(({ form, name, digest }, i) =>
        theirs[i] === digest || ALIKE.has(`${form}: ${name}`) ? [] : [[form, name, theirs[i]]],
      );
      assert.deepEqual(different, []);
    }));

  it('what is read here of mutations is read there, with equal values', () =>
    withTemporaryFolder((folder) => {
      const { kept } = JSON.parse(child(folder, 'mutation-child.ts', '5000', '3')) as MutationSummary;
      assert.ok(kept.length > 200, `only ${kept.length} are read`);
      const theirs = judged(kept.map(({ file }) => file));
      // Damage that changes nothing here, where checksums say so, may do so there: flags of records, the version of the file.
      const harmless = (i: number): boolean => kept[i]!.digest === kept[i]!.original;
      assert.ok(kept.filter((_, i) => !harmless(i)).length > 50, 'some read otherwise than the whole file');
      const different = kept.flatMap(({ file, digest }, i) =>
        theirs[i] === digest || harmless(i)
          ? []
          : [[path.basename(file), fs.readFileSync(file).toString('latin1'), theirs[i]]],
      );
      assert.deepEqual(different, []);
    }));
});
