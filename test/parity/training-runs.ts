/** Whole training runs of the `train` command beside the efficient_densenet_pytorch program. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { succeed, suiteFolder } from '../cli/command.js';
import { fromHex } from './hex.js';
import { parityDescribe, runPython } from './python.js';

const here = path.dirname(fileURLToPath(import.meta.url));

/** 4 epochs of 3 iterations, the last one of 8 pictures. */
const common = { depth: 40, nEpochs: 4, batchSize: 12, seed: 1 };

/** Validation pictures of most cases. */
export const VALID_SIZE = 12;

/** Threads that wait sleep instead of spinning: beside other tests on the same cores that is many times faster. */
const env = { OMP_WAIT_POLICY: 'PASSIVE' };

export interface TrainingCase {
  title: string;
  bottleneck: boolean;
  dropRate: number;
  threads: number;
  /** Pictures kept for validation; without any the program tests after each epoch and keeps the last model. */
  validSize: number;
}

/** Seconds are the only thing in which the two outputs may differ. */
function withoutTimes(output: string): string {
  return output.replace(/Time \d+\.\d{3} \(\d+\.\d{3}\)/g, 'Time');
}

/** A suite that makes each run here and in Python, and compares every bit. */
export function describeTraining(title: string, cases: readonly TrainingCase[]): void {
  parityDescribe(title, function () {
    this.timeout(600_000);
    const folder = suiteFolder();
    before(() => {
      runPython(path.join(here, 'small_cifar.py'), [path.join(folder.path, 'data'), '44', '16']);
    });

    for (const { title, bottleneck, dropRate, threads, validSize } of cases) {
      it(`${title}, ${threads} ${threads === 1 ? 'thread' : 'threads'}: every bit is the same`, async () => {
        const { depth, nEpochs, batchSize, seed } = common;
        const name = `${bottleneck ? 'bc' : 'plain'}-${dropRate}-${threads}-${validSize}`;
        const theirs = path.join(folder.path, `${name}-python`);
        const ours = path.join(folder.path, `${name}-ours`);
        const options = {
          data: path.join(folder.path, 'data'),
          save: theirs,
          depth,
          growth_rate: 12,
          bottleneck,
          drop_rate: dropRate,
          valid_size: validSize,
          n_epochs: nEpochs,
          batch_size: batchSize,
          seed,
          threads,
        };
        const reference = runPython(path.join(here, 'densenet_program.py'), [JSON.stringify(options)], { env });
        const args = [
          ...['--data', options.data, '--no-verify', '--save', ours, '--depth', depth, '--valid-size', validSize],
          ...[
            '--n-epochs',
            nEpochs,
            '--batch-size',
            batchSize,
            '--seed',
            seed,
            '--threads',
            threads,
            '--drop-rate',
            dropRate,
          ],
          ...(bottleneck ? [] : ['--no-bottleneck']),
        ];
        const { stdout } = await succeed(['train', ...args.map(String)], { cwd: folder.path, env });

        const losses = JSON.parse(fs.readFileSync(path.join(theirs, 'losses.json'), 'utf8')) as string[];
        const rows = fs.readFileSync(path.join(ours, 'losses.csv'), 'utf8').trimEnd().split('\n').slice(1);
        assert.deepEqual(
          rows.map((row) => Math.fround(Number(row.split(',')[2]))),
          losses.map(fromHex),
          'the loss of every iteration',
        );
        const text = (run: string): string => fs.readFileSync(path.join(run, 'results.csv'), 'utf8');
        assert.equal(text(ours), text(theirs), 'results.csv');
        assert.equal(withoutTimes(stdout), withoutTimes(reference.stdout), 'the printed lines');

        // PyTorch itself opens our files and compares: the kept model, the last one, and the momentum buffers.
        const compared = runPython(path.join(here, 'compare_runs.py'), [ours, theirs]).json() as {
          counts: { best: number; last: number; momentum: number };
          differences: string[];
        };
        assert.deepEqual(compared.differences, []);
        assert.ok(compared.counts.best > 150 && compared.counts.last > 150 && compared.counts.momentum > 80);
      });
    }
  });
}
