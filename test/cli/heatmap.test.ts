import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { save } from '../../lib/io/index.js';
import { cifarDenseNet, type BlockStrengths } from '../../lib/models/index.js';
import { ones, scope } from '../../lib/tensor/index.js';
import { failWith, succeed, suiteFolder } from './command.js';

describe('torchbridge heatmap', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = () => ({ cwd: folder.path });
  before(() =>
    scope(() => {
      save(cifarDenseNet({ depth: 10, growthRate: 4 }).stateDict(), path.join(folder.path, 'model.pth'));
      save({ a: ones([2]) }, path.join(folder.path, 'other.pth'));
    }),
  );

  it('draws the weights of a file', async () => {
    const { stdout } = await succeed(['heatmap', 'model.pth'], at());
    assert.equal(stdout, 'heatmap.svg: 3 dense blocks of 1, 1, 1 layers\n');
    assert.match(fs.readFileSync(path.join(folder.path, 'heatmap.svg'), 'utf8'), /^<svg .*model\.pth/s);
  });

  it('draws those of a run, and prints the numbers', async () => {
    const { stdout } = await succeed(['heatmap', '--save', '.', '--plot', 'a.png', '--json'], at());
    const { blocks } = JSON.parse(stdout) as { blocks: BlockStrengths[] };
    assert.equal(blocks.length, 3);
    assert.equal(fs.readFileSync(path.join(folder.path, 'a.png')).subarray(1, 4).toString(), 'PNG');
  });

  it('says what is wrong', async () => {
    assert.match(await failWith(2, ['heatmap'], at()), /Expected a file of weights or --save DIR but received neither/);
    assert.match(await failWith(2, ['heatmap', 'a', '--save', 'b'], at()), /but received both/);
    assert.match(await failWith(2, ['heatmap', 'model.pth', '--plot', 'a.gif'], at()), /ending in \.svg or \.png/);
    assert.match(await failWith(1, ['heatmap', 'none.pth'], at()), /none\.pth/);
    assert.match(await failWith(1, ['heatmap', 'other.pth'], at()), /no weights of a DenseNet/);
    assert.match(await failWith(1, ['heatmap', 'model.pth', '--plot', 'no/a.svg'], at()), /there is no folder .*no/);
  });
});
