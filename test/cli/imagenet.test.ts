/** ImageNet from its authors' archives, by the command. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { failWith, succeed, suiteFolder, torchbridge } from './command.js';
import { SYNSETS, writeImageNet } from './imagenet-archives.js';

describe('torchbridge train on ImageNet', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);
  const inside = (): { cwd: string } => ({ cwd: folder.path });
  /** The paper's training but for the sizes of everything. */
  const small = ['--recipe', 'imagenet', '--batch-size', '6', '--resize', '64', '--seed', '1', '--threads', '1'];

  before(() => writeImageNet(at('data'), { train: 8, val: 6 }));

  it('unpacks the archives once, trains by the recipe, evaluates, and tells pictures apart by their words', async () => {
    const args = ['train', '--dataset', 'imagenet', '--data', 'data', '--no-verify', ...small, '--lr', '0.01'];
    const { stderr, stdout } = await succeed([...args, '--n-epochs', '3', '--save', 'run'], inside());
    assert.equal(
      stderr,
      "Unpacking ImageNet's archives into data/val, this once\nUnpacking ImageNet's archives into data/train, this once\n" +
        'There is no folder test: the final test is on the pictures for validation\n',
    );
    const wnids = SYNSETS.map(([wnid]) => wnid).sort();
    for (const split of ['train', 'val']) assert.deepEqual(fs.readdirSync(at('data', split)).sort(), wnids);
    const config = JSON.parse(fs.readFileSync(at('run', 'config.json'), 'utf8')) as Record<string, unknown>;
    const { model, nesterov, momentum, weightDecay, milestones, classes, validSize } = config;
    assert.deepEqual(
      [model, nesterov, momentum, weightDecay, milestones, validSize],
      ['densenet121', true, 0.9, 1e-4, [30, 60], 0],
    );
    assert.deepEqual(classes, ['tench', 'goldfish', 'dog']);
    const losses = fs.readFileSync(at('run', 'losses.csv'), 'utf8').trimEnd().split('\n').slice(1);
    assert.equal(losses.length, 12);
    assert.ok(losses.every((line) => Number(line.split(',')[2]) > 0));
    const error = /Final test error: (\S+)/.exec(stdout)?.[1] ?? 'none';
    const again = await succeed(['eval', '--save', 'run'], inside());
    assert.equal(/Final test error: (\S+)/.exec(again.stdout)?.[1], error);
    assert.equal(again.stderr, '', 'nothing is unpacked again');
    const [, [wnid]] = SYNSETS;
    const [picture = ''] = fs.readdirSync(at('data', 'train', wnid));
    const file = path.join('data', 'train', wnid, picture);
    const shown = await succeed(['predict', file, '--weights', 'run/model.pth', '--json'], inside());
    assert.match(shown.stdout, /"name": ?"(tench|goldfish|dog)"/);
  });

  it('says in one line which archive is missing, damaged or not the published one', async () => {
    const options = (data: string): string[] => [
      ...['train', '--dataset', 'imagenet', '--data', data],
      ...[...small, '--save', 'none'],
    ];
    const train = (data: string, ...more: string[]): Promise<string> =>
      failWith(1, [...options(data), ...more], inside());
    assert.match(await train('nowhere'), /cannot read ImageNet: there is no folder nowhere$/);
    for (const missing of ['ILSVRC2012_devkit_t12.tar.gz', 'ILSVRC2012_img_val.tar', 'ILSVRC2012_img_train.tar']) {
      fs.cpSync(at('data'), at('part'), { recursive: true });
      for (const gone of [missing, 'train', 'val']) fs.rmSync(at('part', gone), { recursive: true, force: true });
      assert.match(
        await train('part', '--no-verify'),
        new RegExp(`part holds no ${missing.replaceAll('.', '\\.')}; get it from http`),
      );
      assert.equal(fs.existsSync(at('part', 'val')), false, 'nothing is unpacked before all is there');
      fs.rmSync(at('part'), { recursive: true });
    }
    fs.cpSync(at('data'), at('part'), { recursive: true });
    assert.match(await train('part'), /ILSVRC2012_devkit_t12\.tar\.gz is not the published file: its MD5/);
    for (const gone of ['train', 'val']) fs.rmSync(at('part', gone), { recursive: true, force: true });
    fs.truncateSync(at('part', 'ILSVRC2012_img_val.tar'), 2048);
    const cut = await torchbridge([...options('part'), '--no-verify'], inside());
    assert.equal(cut.code, 1);
    assert.match(
      cut.stderr,
      /^Unpacking .*\ntorchbridge: part\/ILSVRC2012_img_val\.tar is truncated: it ends without its end mark\n$/,
    );
    assert.equal(fs.existsSync(at('part', 'val')), false);
    assert.equal(fs.existsSync(at('none')), false);
  });
});
