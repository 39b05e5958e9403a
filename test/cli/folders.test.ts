/** Training on folders of pictures, as a user does. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { writeClassFolders } from './class-folders.js';
import { stoppedAt, succeed, suiteFolder, torchbridge } from './command.js';

const small = ['--depth', '10', '--growth-rate', '4', '--batch-size', '4', '--seed', '1', '--threads', '1'];
const lasting = ['model.pth', 'losses.csv', 'results.csv'];

describe('torchbridge train on folders of pictures', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);
  const inside = (): { cwd: string } => ({ cwd: folder.path });

  before(async () => {
    await writeClassFolders(at('data', 'train'), { pictures: 6 });
    await writeClassFolders(at('data', 'val'), { pictures: 2, seed: 7 });
  });

  it('goes on to the same bytes, with any number of threads, and knows its classes afterwards', async () => {
    const args = ['train', '--data', 'data', ...small, '--drop-rate', '0.1', '--n-epochs', '2'];
    const { stderr } = await succeed([...args, '--save', 'whole', '--workers', '2'], inside());
    assert.equal(stderr, 'There is no folder test: the final test is on the pictures for validation\n');
    const line = /Epoch: \[2\/2\]\tIter: \[2\/5\]/;
    const stopped = await stoppedAt([...args, '--save', 'stopped', '--workers', '1'], line, 'SIGINT', inside());
    assert.equal(stopped.code, 130, stopped.stderr);
    const { stdout } = await succeed(['train', '--save', 'stopped', '--resume', '--workers', '0'], inside());
    for (const name of lasting) {
      const [whole, resumed] = [fs.readFileSync(at('whole', name)), fs.readFileSync(at('stopped', name))];
      assert.ok(whole.equals(resumed), name);
    }
    const error = /Final test error: (\S+)/.exec(stdout)?.[1] ?? 'none';
    const config = JSON.parse(fs.readFileSync(at('whole', 'config.json'), 'utf8')) as Record<string, unknown>;
    assert.deepEqual(
      [config['dataset'], config['classes'], config['resize'], config['validSize']],
      ['imagefolder', ['disk', 'square', 'triangle'], 32, 0],
    );
    const again = await succeed(['eval', '--save', 'stopped'], inside());
    assert.match(again.stdout, new RegExp(`Final test error: ${error.replace('.', '\\.')}\n$`));
    const other = await succeed(['eval', '--save', 'stopped', '--data', 'data/val', '--json'], inside());
    assert.equal((JSON.parse(other.stdout) as { error: number }).error.toFixed(4), error);
    const shown = await succeed(['predict', 'data/val/disk/0.png', '--weights', 'whole/model.pth', '--json'], inside());
    assert.match(shown.stdout, /"name": ?"disk"/);
  });

  it('stops at a picture that cannot be read, and goes on when it is mended or left out', async () => {
    fs.cpSync(at('data'), at('broken'), { recursive: true });
    fs.writeFileSync(at('broken', 'train', 'square', '3.jpg'), 'no picture');
    const args = ['train', '--data', 'broken', ...small, '--n-epochs', '1', '--workers', '0', '--save', 'broken-run'];
    const outcome = await torchbridge(args, inside());
    assert.equal(outcome.code, 1);
    const line = outcome.stderr.trimEnd().split('\n').at(-1) ?? '';
    assert.match(
      line,
      /^torchbridge: broken\/train\/square\/3\.jpg: not a picture but text; .* broken-run\/checkpoint\.pth holds the run: mend the file, or .* --skip-broken, and go on with --resume$/,
    );
    fs.cpSync(at('broken-run'), at('left-out'), { recursive: true });
    const skipped = await succeed(['train', '--save', 'left-out', '--resume', '--skip-broken'], inside());
    assert.match(skipped.stderr, /3\.jpg: not a picture but text; .*; left out\n/);
    fs.cpSync(at('data', 'train', 'square', '3.jpg'), at('broken', 'train', 'square', '3.jpg'));
    await succeed(['train', '--save', 'broken-run', '--resume'], inside());
    await succeed([...args.slice(0, -1), 'never-broken', '--data', 'data'], inside());
    const losses = (run: string): string => fs.readFileSync(at(run, 'losses.csv'), 'utf8');
    assert.equal(losses('broken-run'), losses('never-broken'), 'as if it had never been broken');
  });
});
