import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { DepthMemory, MemoryReport } from '../../lib/train/index.js';
import { failWith, succeed, suiteFolder } from './command.js';

const modes = ['none', 'checkpoint', 'shared', 'fused'];

describe('torchbridge memory', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = () => ({ cwd: folder.path });
  const one = ['--threads', '1', '--steps', '1', '--batch', '4'];

  it('prints a line for each mode', async () => {
    const { stdout, stderr } = await succeed(['memory', 'densenet-bc-22-4', ...one, '--limit', '100MB'], at());
    assert.equal(stderr, '');
    assert.match(stdout, /^densenet-bc-22-4, 4 pictures of 32x32, float32, 1 thread; the network itself takes /);
    assert.match(stdout, /largest batch in 100\.0 MB/);
    for (const mode of modes)
      assert.match(
        stdout,
        new RegExp(
          `^  ${mode} +[\\d.]+ [kM]B +[\\d.]+ x +[\\d.]+ [kM]B +[\\d.]+ x +[\\d.]+ s +[\\d.]+ x +[\\d,]+$`,
          'm',
        ),
      );
  });

  it('prints JSON', async () => {
    const { stdout } = await succeed(
      ['memory', 'densenet121', ...one, '--image-size', '32', '--modes', 'shared,none', '--json'],
      at(),
    );
    const report = JSON.parse(stdout) as MemoryReport;
    assert.deepEqual(
      report.modes.map(({ mode }) => mode),
      ['shared', 'none'],
    );
    assert.ok(report.modes[0]!.held < report.modes[1]!.held);
  });

  it('draws depth against memory', async () => {
    const args = ['memory', '--threads', '1', '--depths', '10,16', '--growth-rate', '4'];
    const { stdout } = await succeed([...args, '--plot', 'depth.png'], at());
    assert.match(stdout, /^ {2}10 /m);
    assert.match(stdout, /written to depth\.png/);
    assert.equal(fs.readFileSync(path.join(folder.path, 'depth.png')).subarray(1, 4).toString(), 'PNG');
    const { stdout: json } = await succeed([...args, '--plot', 'depth.svg', '--json'], at());
    assert.equal((JSON.parse(json) as DepthMemory[]).length, 2 * modes.length);
    assert.match(fs.readFileSync(path.join(folder.path, 'depth.svg'), 'utf8'), /^<svg /);
  });

  it('says what is wrong with a command line', async () => {
    const cases: [string[], RegExp][] = [
      [[], /Expected a network such as densenet121, or --plot FILE/],
      [['densenet121', '--plot', 'a.svg'], /Expected a network or --plot but received both/],
      [['--plot', 'a.gif'], /ending in \.svg or \.png for --plot but received "a\.gif"/],
      [['--plot', 'a.svg', '--limit', '1GB'], /Expected no --limit with --plot/],
      [['densenet121', '--depths', '40'], /Expected --plot FILE with --depths/],
      [['--plot', 'a.svg', '--depths', '40,10'], /Expected growing integers like 40,100,250 for --depths/],
      [
        ['densenet121', '--limit', '8 apples'],
        /Expected bytes such as 8GB or 512MB for --limit but received "8 apples"/,
      ],
      [['densenet121', '--modes', 'none,fast'], /for --modes but received "fast"/],
      [['densenet121', '--batch', '0'], /Expected an integer from 1 to 1000000 for --batch/],
    ];
    for (const [args, expected] of cases) assert.match(await failWith(2, ['memory', ...args], at()), expected);
    assert.match(await failWith(1, ['memory', 'resnet50'], at()), /Expected densenet121, .* but received resnet50/);
    const missing = ['memory', '--plot', 'no/folder/a.svg', '--depths', '10', '--growth-rate', '4'];
    assert.match(await failWith(1, missing, at()), /no\/folder/);
  });
});
