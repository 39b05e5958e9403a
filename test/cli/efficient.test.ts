import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { failWith, succeed, suiteFolder, tiny } from './command.js';
import { writeSmallCifar } from './small-cifar.js';

describe('torchbridge train --efficient', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);
  const options = [...tiny, '--drop-rate', '0.2'];
  const text = (run: string, name: string): string => fs.readFileSync(at(run, name), 'utf8');
  const mode = (run: string): unknown => (JSON.parse(text(run, 'config.json')) as { efficient: unknown }).efficient;
  const train = (run: string, ...more: string[]): Promise<unknown> =>
    succeed(['train', ...options, '--n-epochs', '2', '--save', run, ...more], { cwd: folder.path });

  before(async () => {
    writeSmallCifar(at('data'));
    await train('none');
  });

  it('shared reaches the errors, the losses and the weights of a plain run to the last digit', async () => {
    await train('shared', '--efficient', 'shared');
    assert.equal(mode('none'), 'none');
    assert.equal(mode('shared'), 'shared');
    for (const name of ['results.csv', 'losses.csv']) assert.equal(text('shared', name), text('none', name));
    assert.ok(fs.readFileSync(at('shared', 'model.pth')).equals(fs.readFileSync(at('none', 'model.pth'))));
  });

  it('alone means checkpoint, which a resumed run may change', async () => {
    await train('changed', '--efficient');
    assert.equal(mode('changed'), 'checkpoint');
    await succeed(['train', '--save', 'changed', '--resume', '--efficient', 'shared'], { cwd: folder.path });
    const last = (run: string): string | undefined => text(run, 'losses.csv').trim().split('\n').at(-1);
    assert.equal(last('changed'), last('none'), 'the losses do not depend on it');
  });

  it('--fast picks the fused blocks on a CPU, and says so', async () => {
    const args = ['train', ...options, '--n-epochs', '1', '--save', 'fast', '--fast'];
    const { stderr } = await succeed(args, { cwd: folder.path });
    assert.match(stderr, /^--fast: picked --efficient fused; its numbers differ from those of PyTorch by rounding$/m);
    assert.equal(mode('fast'), 'fused');
    const loss = (run: string): number => Number(text(run, 'losses.csv').split('\n')[1]?.split(',')[2]);
    assert.ok(Math.abs(loss('fast') - loss('none')) < 1e-4, `${loss('fast')} beside ${loss('none')}`);
    const line = await failWith(2, [...args, '--efficient', 'shared'], { cwd: folder.path });
    assert.match(line, /Expected one of --fast and --efficient shared but received both$/);
  });
});
