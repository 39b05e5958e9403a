import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { load } from '../../lib/io/index.js';
import { failWith, stoppedAt, succeed, suiteFolder, tiny, torchbridge, type Outcome } from './command.js';
import { randomNumbers, writeSmallCifar } from './small-cifar.js';

/** Everything a run leaves that must not depend on how often it was stopped. */
const lasting = ['model.pth', 'checkpoint.pth', 'losses.csv', 'results.csv', 'config.json', 'curves.svg'];

describe('torchbridge train --resume', function () {
  this.timeout(300_000);
  const folder = suiteFolder();
  const at = (...names: string[]): string => path.join(folder.path, ...names);
  /** With dropout, so that the state of torch's generator matters. */
  const options = [...tiny, '--drop-rate', '0.2', '--n-epochs', '12'];
  let reference: Map<string, Buffer>;

  before(async () => {
    writeSmallCifar(at('data'));
    await succeed(['train', ...options, '--save', 'whole'], { cwd: folder.path });
    reference = contents('whole');
  });

  function contents(run: string): Map<string, Buffer> {
    return new Map(lasting.map((name) => [name, fs.readFileSync(at(run, name))]));
  }

  function assertSame(run: string, story: string): void {
    for (const [name, bytes] of contents(run))
      assert.ok(bytes.equals(reference.get(name)!), `${name} differs: ${story}`);
    const left = fs.readdirSync(at(run)).sort();
    assert.deepEqual(left, [...lasting, 'curves.png'].sort(), 'and no temporary file is left');
  }

  const moments: [string, RegExp, string][] = [
    ['in the middle of an epoch', /Epoch: \[3\/12\]\tIter: \[1\/3\]/, 'train'],
    ['at the end of a training pass', /Epoch: \[5\/12\]\tIter: \[3\/3\]/, 'valid or train'],
    ['after a validation pass', /(Valid[^]*){6}/, 'train'],
    ['in the final test', /\nTest\tIter: \[1\/2\]/, 'test'],
  ];
  for (const [when, line] of moments) {
    it(`goes on after Ctrl-C ${when}, to the same bits`, async () => {
      const run = `int-${when.replaceAll(' ', '-')}`;
      const outcome = await stoppedAt(['train', ...options, '--save', run], line, 'SIGINT', { cwd: folder.path });
      assert.equal(outcome.code, 130, outcome.stderr);
      assert.equal(
        outcome.stderr,
        'Stopping after this iteration; once more ends at once\n' +
          `Interrupted; ${run}/checkpoint.pth holds the run. Go on with: torchbridge train --save ${run} --resume\n`,
      );
      const resumed = await succeed(['train', '--save', run, '--resume'], { cwd: folder.path });
      assert.match(
        resumed.stderr,
        new RegExp(
          `^Resuming the run in ${run} at (epoch \\d+ of 12|the final test)(, in its validation)?(, after \\d+ iterations?)?\\n$`,
        ),
      );
      assertSame(run, `stopped ${when}`);
    });
  }

  it('goes on after SIGTERM, many times over', async () => {
    for (let epoch = 2; epoch <= 10; epoch += 4) {
      const args = ['train', ...options, '--save', 'term', ...(epoch === 2 ? [] : ['--resume'])];
      const line = new RegExp(`Epoch: \\[${epoch}/12\\]\\tIter: \\[2/3\\]`);
      const outcome = await stoppedAt(args, line, 'SIGTERM', { cwd: folder.path });
      assert.equal(outcome.code, 143, outcome.stderr);
    }
    await succeed(['train', ...options, '--save', 'term', '--resume'], { cwd: folder.path });
    assertSame('term', 'SIGTERM three times');
  });

  it('ends at once on a second Ctrl-C', async () => {
    let first = true;
    const outcome = await torchbridge(['train', ...options, '--n-epochs', '100000', '--save', 'twice'], {
      cwd: folder.path,
      onOutput: (sofar, child) => {
        if (!first || !sofar.includes('Epoch: [1/')) return;
        first = false;
        // The second comes when the listeners of the first are gone, or before: either way the process must end.
        child.kill('SIGINT');
        child.stderr?.once('data', () => child.kill('SIGINT'));
      },
    });
    assert.ok(outcome.signal === 'SIGINT' || outcome.code === 130, `${outcome.code ?? ''} ${outcome.stderr}`);
  });

  it('ends in the same bits after SIGKILL at 20 random moments', async () => {
    const seed = Date.now() % 2 ** 31;
    const random = randomNumbers(seed);
    const story: string[] = [`seed ${seed}`];
    let kills = 0;
    for (let chain = 0; kills < 20; chain++) {
      const run = `kill-${chain}`;
      for (;;) {
        // One in four while the program starts, the others at any time in about three epochs, writing of files included.
        const early = random() < 0.25;
        const delay = random() * (early ? 900 : 250);
        let armed = false;
        const outcome = await torchbridge(['train', ...options, '--save', run, '--resume'], {
          cwd: folder.path,
          onStart: (child) => {
            if (!early || kills >= 20) return;
            armed = true;
            setTimeout(() => child.kill('SIGKILL'), delay);
          },
          onOutput: (sofar, child) => {
            if (armed || kills >= 20 || !sofar.includes('\tIter:')) return;
            armed = true;
            setTimeout(() => child.kill('SIGKILL'), delay);
          },
        });
        if (outcome.signal === 'SIGKILL') {
          kills += 1;
          story.push(`${early ? 'start' : 'work'}+${delay.toFixed(0)}`);
          continue;
        }
        assert.equal(outcome.code, 0, `${outcome.stderr} (${story.join(' ')})`);
        break;
      }
      assertSame(run, story.join(' '));
    }
  });

  it('needs nothing but --save to go on, whenever the run was ended', async () => {
    const seed = Date.now() % 2 ** 31;
    const random = randomNumbers(seed);
    const story = [`seed ${seed}`];
    // A seed of the run's own choice: only config.json and the checkpoint know it.
    const begin = ['--data', 'data', '--no-verify', '--depth', '10', '--growth-rate', '4', '--batch-size', '16'];
    const args = [...begin, '--valid-size', '12', '--threads', '1', '--n-epochs', '30'];
    const chain = at('chain', 'config.json');
    const killed = async (given: string[], delay: number): Promise<Outcome> => {
      let timer: NodeJS.Timeout | undefined;
      const outcome = await torchbridge(['train', '--save', 'chain', ...given], {
        cwd: folder.path,
        onStart: (child) => {
          // From the moment at which the configuration is there, it may end at any time.
          timer = setInterval(() => {
            if (!fs.existsSync(chain)) return;
            clearInterval(timer);
            setTimeout(() => child.kill('SIGKILL'), delay);
          }, 1);
        },
      });
      clearInterval(timer);
      story.push(`${outcome.signal ?? outcome.code ?? ''}+${delay.toFixed(0)}`);
      return outcome;
    };
    assert.equal((await killed(args, 0)).signal, 'SIGKILL');
    const config = fs.readFileSync(chain);
    let kills = 0;
    for (let outcome; (outcome = await killed(['--resume'], 300 + 900 * random())).code !== 0; kills++) {
      assert.equal(outcome.signal, 'SIGKILL', `${outcome.stderr} (${story.join(' ')})`);
      assert.ok(fs.readFileSync(chain).equals(config), story.join(' '));
      if (kills === 8) break;
    }
    await succeed(['train', '--save', 'chain', '--resume'], { cwd: folder.path });
    const drawn = (JSON.parse(config.toString()) as { seed: number }).seed;
    await succeed(['train', '--save', 'unbroken', ...args, '--seed', String(drawn)], { cwd: folder.path });
    for (const name of lasting) {
      const same = fs.readFileSync(at('chain', name)).equals(fs.readFileSync(at('unbroken', name)));
      assert.ok(same, `${name} differs: ${story.join(' ')}`);
    }
  });

  it('does not take a slip in --save for a run to begin', async () => {
    assert.equal(
      await failWith(1, ['train', '--save', 'frehs', '--resume'], { cwd: folder.path }),
      'torchbridge: frehs holds no run to resume: there is neither frehs/checkpoint.pth nor frehs/config.json',
    );
    assert.ok(!fs.existsSync(at('frehs')));
  });

  it('begins anew where there is nothing to go on with, and says so', async () => {
    const fresh = await succeed(['train', ...options, '--save', 'fresh', '--resume'], { cwd: folder.path });
    assert.equal(fresh.stderr, 'fresh/checkpoint.pth does not exist: the run starts anew\n');
    assertSame('fresh', 'begun with --resume');
  });

  it('has nothing left to do on a finished run', async () => {
    const { stdout, stderr } = await succeed(['train', '--save', 'fresh', '--resume'], { cwd: folder.path });
    assert.equal(stderr, 'The run in fresh is finished\n');
    assert.match(stdout, /\nFinal test error: \d\.\d{4}\nDone!\n$/);
    assert.doesNotMatch(stdout, /Iter/);
    assertSame('fresh', 'resumed when it was finished');
  });

  it('refuses options that would change the numbers, and names them', async () => {
    const args = [
      'train',
      '--save',
      'fresh',
      '--resume',
      '--batch-size',
      '8',
      '--seed',
      '1',
      '--no-nesterov',
      '--threads',
      '2',
    ];
    assert.equal(
      await failWith(2, args, { cwd: folder.path }),
      'torchbridge: Cannot resume the run in fresh with --batch-size 8 (it was --batch-size 16), ' +
        '--no-nesterov (it was --nesterov), --threads 2 (it was --threads 1): the numbers would change',
    );
    assertSame('fresh', 'refused');
  });

  it('says in one line that a checkpoint is damaged', async () => {
    const damaged = (name: string, change: (bytes: Buffer) => Buffer): void => {
      fs.cpSync(at('fresh'), at(name), { recursive: true });
      fs.writeFileSync(at(name, 'checkpoint.pth'), change(fs.readFileSync(at('fresh', 'checkpoint.pth'))));
    };
    damaged('cut', (bytes) => bytes.subarray(0, bytes.length / 2));
    assert.match(
      await failWith(1, ['train', '--save', 'cut', '--resume'], { cwd: folder.path }),
      /cut\/checkpoint\.pth/,
    );
    damaged('other', () => fs.readFileSync(at('fresh', 'model.pth')));
    assert.match(
      await failWith(1, ['train', '--save', 'other', '--resume'], { cwd: folder.path }),
      /other\/checkpoint\.pth is not a checkpoint of this version of torchbridge$/,
    );
    fs.cpSync(at('fresh'), at('nologs'), { recursive: true });
    fs.rmSync(at('nologs', 'losses.csv'));
    assert.match(
      await failWith(1, ['train', '--save', 'nologs', '--resume'], { cwd: folder.path }),
      /nologs\/losses\.csv: no such file/,
    );
  });

  it("keeps the optimizer in PyTorch's layout", () => {
    const checkpoint = load(at('whole', 'checkpoint.pth')) as Map<string, unknown>;
    const optimizer = checkpoint.get('optimizer') as Map<string, unknown>;
    assert.deepEqual([...optimizer.keys()], ['state', 'param_groups']);
    const [group] = optimizer.get('param_groups') as Map<string, unknown>[];
    assert.deepEqual([group?.get('momentum'), group?.get('nesterov'), group?.get('weight_decay')], [0.9, true, 1e-4]);
  });
});
