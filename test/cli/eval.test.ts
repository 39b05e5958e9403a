import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { failWith, program, start, succeed, suiteFolder, tiny } from './command.js';
import { writeSmallCifar } from './small-cifar.js';

describe('torchbridge eval', function () {
  this.timeout(120_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);
  let finalError = '';

  before(async () => {
    writeSmallCifar(at('data'));
    const { stdout } = await succeed(['train', ...tiny, '--save', 'run', '--n-epochs', '2'], { cwd: folder.path });
    finalError = /Final test error: (\S+)/.exec(stdout)?.[1] ?? '';
  });

  it("gives the run's own test error back", async () => {
    const { stdout } = await succeed(['eval', '--save', 'run'], { cwd: folder.path });
    assert.match(stdout, /^Test\tIter: \[1\/2\]\tTime .*\nTest\tIter: \[2\/2\]\t.*\nFinal test error: \d\.\d{4}\n$/);
    assert.match(stdout, new RegExp(`Final test error: ${finalError.replace('.', '\\.')}\n$`));
  });

  it('finds the data of the run from any folder', async () => {
    fs.mkdirSync(at('elsewhere'));
    const { stdout } = await succeed(['eval', '--save', '../run'], { cwd: at('elsewhere') });
    assert.match(stdout, new RegExp(`Final test error: ${finalError.replace('.', '\\.')}\n$`));
  });

  it("lets another program's config.json beside the weights be, and says so", async () => {
    fs.mkdirSync(at('beside'));
    fs.copyFileSync(at('run', 'model.pth'), at('beside', 'model.pth'));
    fs.writeFileSync(at('beside', 'config.json'), '{"architectures": ["Other"]}');
    const args = ['--weights', 'beside/model.pth', '--data', 'data', '--no-verify', '--threads', '1', '--json'];
    const { stdout, stderr } = await succeed(['eval', ...args], { cwd: folder.path });
    assert.equal((JSON.parse(stdout) as { error: number }).error.toFixed(4), finalError);
    assert.match(
      stderr,
      /^beside\/config\.json is not a run's configuration: [^\n]*; the form of the network is read from its shapes\n$/,
    );
  });

  it('names the way out where the device of the run is not there', async () => {
    fs.cpSync(at('run'), at('accelerated'), { recursive: true });
    const config = fs.readFileSync(at('run', 'config.json'), 'utf8');
    fs.writeFileSync(at('accelerated', 'config.json'), config.replace('"device": "cpu"', '"device": "mps"'));
    const args = ['eval', '--save', 'accelerated'];
    assert.match(
      await failWith(1, args, { cwd: folder.path }),
      /the device mps cannot be used: [^\n]*; --device cpu evaluates here$/,
    );
    assert.doesNotMatch(await failWith(1, [...args, '--device', 'mps'], { cwd: folder.path }), /evaluates here/);
    await succeed([...args, '--device', 'cpu'], { cwd: folder.path });
  });

  it('stops when nobody reads its output any more', async () => {
    const evaluation = `"${process.execPath}" "${program}" eval --save run --batch-size 1`;
    const command = `${evaluation} | head -n 1; exit "\${PIPESTATUS[0]}"`;
    const outcome = await start('bash', ['-c', command], { cwd: folder.path });
    assert.equal(outcome.stderr, '');
    assert.match(outcome.stdout, /^Test\tIter: \[1\/20\][^\n]*\n$/);
    assert.equal(outcome.code, 141, 'as a program that SIGPIPE has ended');
    const full = await start('bash', ['-c', `${evaluation} > /dev/full`], { cwd: folder.path });
    assert.match(full.stderr, /^torchbridge: cannot write the output: [^\n]*ENOSPC[^\n]*\n$/);
    assert.equal(full.code, 1);
  });

  it('prints JSON', async () => {
    const { stdout } = await succeed(['eval', '--save', 'run', '--json'], { cwd: folder.path });
    const result = JSON.parse(stdout) as {
      error: number;
      loss: number;
      pictures: number;
      weights: string;
      parameters: number;
    };
    assert.equal(result.pictures, 20);
    assert.equal(result.error.toFixed(4), finalError);
    assert.ok(result.loss > 0 && result.parameters > 1000);
    assert.equal(result.weights, path.join('run', 'model.pth'));
  });

  it('reads the form of the network from weights that come alone', async () => {
    fs.mkdirSync(at('alone'));
    fs.copyFileSync(at('run', 'model.pth'), at('alone', 'model.dat'));
    const args = [
      'eval',
      '--weights',
      'alone/model.dat',
      '--data',
      'data',
      '--no-verify',
      '--threads',
      '1',
      '--batch-size',
      '16',
    ];
    const { stdout } = await succeed(args, { cwd: folder.path });
    assert.match(stdout, new RegExp(`Final test error: ${finalError.replace('.', '\\.')}\n$`));
    assert.match(
      await failWith(2, ['eval', '--weights', 'alone/model.dat'], { cwd: folder.path }),
      /Expected --data DIR or --dataset shapes/,
    );
  });

  it('says in one line what is missing or does not fit', async () => {
    const fails = (...args: string[]): Promise<string> => failWith(1, ['eval', ...args], { cwd: folder.path });
    assert.match(await fails('--save', 'nowhere'), /nowhere holds no run: there is no nowhere\/config\.json$/);
    assert.match(await fails('--weights', 'none.pth', '--data', 'data'), /none\.pth/);
    fs.cpSync(at('run'), at('nomodel'), { recursive: true });
    fs.rmSync(at('nomodel', 'model.pth'));
    assert.match(await fails('--save', 'nomodel'), /nomodel\/model\.pth/);
    fs.cpSync(at('run'), at('other'), { recursive: true });
    const config = fs.readFileSync(at('run', 'config.json'), 'utf8');
    fs.writeFileSync(at('other', 'config.json'), config.replace('"growthRate": 4', '"growthRate": 6'));
    assert.match(await fails('--save', 'other'), /other\/model\.pth does not fit the network: .*size mismatch/);
    fs.writeFileSync(at('other', 'config.json'), '{"depth": 40}');
    assert.match(await fails('--save', 'other'), /other\/config\.json is not a run's configuration/);
    fs.writeFileSync(at('other', 'text.pth'), 'no weights');
    assert.match(await fails('--weights', 'other/text.pth', '--data', 'data'), /config\.json|text\.pth/);
    fs.writeFileSync(at('text.pth'), 'no weights');
    assert.match(await fails('--weights', 'text.pth', '--data', 'data'), /text\.pth/);
  });
});
