import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Writable } from 'node:stream';
import { BarReporter } from '../../lib/cli/bar-reporter.js';
import { formatDuration } from '../../lib/cli/output.js';
import { epochMeters } from '../../lib/train/average-meter.js';
import { program, start, suiteFolder, tiny } from './command.js';
import { writeSmallCifar } from './small-cifar.js';

/** A terminal that remembers what was written to it. */
function fakeTerminal(columns: number): { stream: NodeJS.WriteStream; text: () => string } {
  let text = '';
  const writable = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const cursor = {
    isTTY: true,
    columns,
    rows: 24,
    cursorTo: () => true,
    moveCursor: () => true,
    clearLine: () => true,
  };
  return { stream: Object.assign(writable, cursor) as unknown as NodeJS.WriteStream, text: () => text };
}

describe('torchbridge on a terminal', function () {
  this.timeout(300_000);

  it('fits the bar into the width of the terminal', () => {
    for (const columns of [40, 80, 200]) {
      const { stream, text } = fakeTerminal(columns);
      const reporter = new BarReporter(stream, () => {});
      reporter.start({ nEpochs: 12, trainIterations: 70, validIterations: 8, testIterations: 16, epoch: 0 });
      const meters = epochMeters();
      meters.time.update(0.5);
      meters.loss.update(2.25, 64);
      meters.error.update(0.875, 64);
      const report = {
        phase: 'train' as const,
        final: false,
        epoch: 2,
        nEpochs: 12,
        iterations: 70,
        pictures: 64,
        meters,
      };
      reporter.iteration({ ...report, iteration: 0 });
      reporter.iteration({ ...report, iteration: 34 });
      reporter.close();
      // eslint would read the escapes as a mistake in a literal
      const plain = text().replace(new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g'), '\n');
      const lines = plain.split(/[\r\n]+/);
      for (const line of lines) assert.ok(line.length < columns + 1, `${line.length} in ${columns}: ${line}`);
      assert.ok(
        lines.some((line) => line.includes('epoch 3/12')),
        plain,
      );
      if (columns < 80) continue;
      assert.match(plain, /loss 2\.2500 {2}error 87\.5 % {2}128 images\/s {2}\d+:\d\d left/);
    }
  });

  it('writes durations as a clock does', () => {
    assert.deepEqual([0, 7.4, 59.6, 754, 3723, NaN].map(formatDuration), [
      '0:00',
      '0:07',
      '1:00',
      '12:34',
      '1:02:03',
      '-:--',
    ]);
  });

  describe('through a pseudo terminal', () => {
    const folder = suiteFolder();
    before(function () {
      try {
        execFileSync('script', ['--version'], { stdio: 'ignore' });
      } catch {
        console.log('      skipped: the program `script`, which makes a pseudo terminal, is not installed');
        this.skip();
      }
      writeSmallCifar(path.join(folder.path, 'data'));
    });

    const run = (save: string, env: Record<string, string>): ReturnType<typeof start> => {
      const command = `stty cols 120; "${process.execPath}" "${program}" train ${tiny.join(' ')} --n-epochs 2 --save ${save}`;
      return start('script', ['-qec', command, '/dev/null'], { cwd: folder.path, env: { TERM: 'xterm', ...env } });
    };

    it('shows a bar, a line for each epoch, and the result', async () => {
      const { code, stdout } = await run('run', { FORCE_COLOR: '', NO_COLOR: '' });
      assert.equal(code, 0, stdout);
      assert.match(stdout, /DenseNet.* with [\d,]+ parameters/);
      assert.match(stdout, /epoch 1\/2 train .*[█░]/);
      assert.match(stdout, /images\/s/);
      assert.match(stdout, /train loss \d+\.\d{4} error \d+\.\d\d % {2}valid loss/);
      assert.match(stdout, /Final test error: \d\.\d{4}/);
      assert.doesNotMatch(stdout, /Iter:/);
      assert.ok(fs.existsSync(path.join(folder.path, 'run', 'curves.png')));
    });

    it('has no colour under NO_COLOR', async () => {
      const { code, stdout } = await run('plain', { NO_COLOR: '1' });
      assert.equal(code, 0, stdout);
      assert.ok(!new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`).test(stdout), 'no colour');
    });
  });
});
